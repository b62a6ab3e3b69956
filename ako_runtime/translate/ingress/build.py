"""From the hosts of a key to its objects: what the virtual services have in common, and the objects of each host."""

import functools
from collections.abc import Iterable

from ako_runtime.model.avi import AviObject
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import ObjectRef
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.translate.addresses import placers
from ako_runtime.translate.ingress.frame import frame_for, parent_name, shared_fqdn
from ako_runtime.translate.ingress.hosts import Host
from ako_runtime.translate.ingress.modes import EVH, SNI, HostObjects, Mode
from ako_runtime.translate.ingress.passthrough import PASSTHROUGH
from ako_runtime.translate.ingress.rule_choice import HostRules, rules_for_parent
from ako_runtime.translate.ingress.site import HOST, NAMESPACE_VIP, THROUGH, Site
from ako_runtime.translate.ingress.task import Build, Task
from ako_runtime.translate.recall import NOTHING


def mode_of(task: Task) -> Mode:
    """The mode of a key whose hosts share virtual services."""
    if task.key.kind == THROUGH:
        return PASSTHROUGH
    return EVH if task.context.settings.enable_evh else SNI


def build_of(task: Task, site: Site, host: Host) -> Build | frozenset[Ref]:
    """What the virtual services are built from, or what must be known first; `host` is any of them."""
    key, context, page = task.key, task.context, task.page
    name, tenant = parent_name(key, site.infra_name, context), site.tenant.name
    # As the official AKO: these have no name of their own in DNS.
    fqdn = "" if key.kind in (THROUGH, NAMESPACE_VIP) else shared_fqdn(name, tenant, context)
    rules = host.rules
    if key.kind not in (HOST, THROUGH):
        who = page.same(("parent", ""), (name, fqdn, tenant))
        rules = page.piece(("rules", ""), task.snapshot, functools.partial(_rules_of_parent, task, who), who)
        if rules.needs:
            return rules.needs
    frame = page.same(("frame", ""), frame_for(site, context, dedicated=key.kind == HOST, rule=rules.chosen))
    return page.same(("build", ""), Build(name=name, fqdn=fqdn, tenant=tenant, frame=frame))


def _rules_of_parent(task: Task, who: tuple[str, str, str], snapshot: Snapshot) -> HostRules:
    name, fqdn, tenant = who
    return rules_for_parent(name, fqdn, snapshot, task.context, tenant=tenant)


def built_host(task: Task, host: Host, build: Build) -> HostObjects:
    """The objects of a host; those of the last pass if neither the host nor what is common to all changed."""
    mode = mode_of(task)
    make = functools.partial(_single, mode, host, build)
    return task.page.piece(("objects", host.name), NOTHING, make, host, build, mode)


def _single(mode: Mode, host: Host, build: Build, _snapshot: Snapshot) -> HostObjects:
    return mode.single(build.name, host, build.frame)


def placed_by(build: Build, site: Site) -> tuple[ObjectRef, ...]:
    """What says where the virtual services of a key stand: HostRule, and AviInfraSetting or the configuration."""
    rule = build.frame.rule
    named = (ObjectRef(resource="hostrules", namespace=rule.namespace, name=rule.name),) if rule is not None else ()
    return placers(site.infra, *named)


def refs_and_objects(objects: Iterable[AviObject], tenant: str) -> dict[Ref, AviObject]:
    """The objects by reference."""
    return {Ref(obj.kind, obj.name, tenant=tenant): obj for obj in objects}
