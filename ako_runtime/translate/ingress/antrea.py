"""What Antrea is told about the Services behind Ingresses: open node ports for their pods (ako-behaviour 1.4).

In NodePortLocal mode members are the ports that Antrea opens, and Antrea opens them for the pods of Services that carry
an annotation. Those behind an Ingress are of type ClusterIP and have no key of their own: the Ingress speaks for them.
"""

import functools

from ako_runtime.model.intents import NodePortLocalMark
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.translate.backends import tells_antrea
from ako_runtime.translate.ingress.hosts import Host
from ako_runtime.translate.ingress.task import Task
from ako_runtime.translate.wish import service_ref


def antrea_marks(task: Task, host: Host) -> tuple[NodePortLocalMark, ...]:
    """One mark for every Service that exists behind a host; none where telling Antrea is not ours."""
    if not tells_antrea(task.context.settings):
        return ()
    return task.page.piece(("marks", host.name), task.snapshot, functools.partial(_marks, host), host)


def _marks(host: Host, snapshot: Snapshot) -> tuple[NodePortLocalMark, ...]:
    behind = {(backend.ingress[0], backend.service) for path in host.paths for backend in path.backends}
    services = (snapshot.service(namespace, name) for namespace, name in sorted(behind))
    return tuple(NodePortLocalMark(about=service_ref(one)) for one in services if one is not None)
