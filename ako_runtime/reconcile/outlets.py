"""Where the effects of a pass go: the controller, the API server, and those who are told."""

from collections.abc import Callable
from concurrent.futures import Executor

from ako_runtime.model.environment import Reference
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Edited, SharedEdit
from ako_runtime.observe.metrics import Metrics
from ako_runtime.reconcile.announcements import Announcer
from ako_runtime.reconcile.apply import Perform
from ako_runtime.reconcile.brake import NO_BRAKE, Brake
from ako_runtime.reconcile.statuses import StatusOutlets


class Outlets(StatusOutlets, frozen=True, kw_only=True):
    """Where effects go."""

    perform: Perform
    # Reads an object anew into the inventory; raises Refused if one of that name is there and not ours.
    refresh: Callable[[Ref], None]
    # Asks the controller about an object that a user names.
    look_up: Callable[[Ref], Reference]
    # Reads, merges and (unless this is a dry run) writes back an object that is not ours alone.
    edit: Callable[[SharedEdit], Edited]
    workers: Executor
    # True while everything of ours is to be deleted (`deleteConfig`).
    deleting: Callable[[], bool]
    announcer: Announcer
    metrics: Metrics
    brake: Brake = NO_BRAKE
