"""What the official AKO would build of layer 7, for the checksums that our objects carry.

One path of an Ingress is one rule there, whatever rules we write for it; a redirect to TLS is one rule for all hosts of
a shared virtual service; two Ingresses with one path have a rule and a pool group each.
"""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET, UnsetType

from ako_runtime.model import avi_l7
from ako_runtime.model.checksum import counted_by
from ako_runtime.model.checksums import (
    PathModel,
    PolicySetModel,
    PoolGroupModel,
    PoolModel,
    policy_set_checksum,
    pool_checksum,
    pool_group_checksum,
    reference,
)
from ako_runtime.model.names import sha1_hex
from ako_runtime.translate.checksums import pool_model
from ako_runtime.translate.ingress.hosts import Backend, Host, Path
from ako_runtime.translate.ingress.naming import IngressNamer
from ako_runtime.translate.ingress.rule_choice import ChosenPath
from ako_runtime.translate.l4 import L4Context, MarkerPairs, PoolRequest
from ako_runtime.translate.placement import Placement


@counted_by(pool_checksum)
def l7_pool_sum(
    request: PoolRequest,
    label: str,
    chosen: ChosenPath | None,
    *,
    authorities: str,
    place: Placement,
    context: L4Context,
) -> PoolModel:
    """The checksum of a pool of a path; `authorities` names the PKI profile that an HTTPRule may ask for."""
    model = pool_model(request, place, context, priority_label=label)
    return model if chosen is None else _with_rule(model, chosen, authorities)


@counted_by(pool_checksum)
def passthrough_pool_sum(request: PoolRequest, *, place: Placement, context: L4Context) -> PoolModel:
    """The checksum of a pool behind TLS that goes through."""
    model = pool_model(request, place, context)
    return msgspec.structs.replace(model, listed_empty=True)


def _with_rule(model: PoolModel, chosen: ChosenPath, own: str) -> PoolModel:
    path, tls, policy = chosen.path, chosen.path.tls, chosen.path.load_balancer_policy
    changed = msgspec.structs.replace(
        model,
        algorithm=policy.algorithm,
        hash=policy.hash,
        header=policy.host_header,
        monitors=tuple(reference("healthmonitor", name) for name in path.health_monitors),
        persistence=reference("applicationpersistenceprofile", path.application_persistence),
        http2=path.enable_http2,
    )
    if tls is None:
        return changed
    # Of the target of the rule, and without the setting: not what the pool is marked with.
    markers = tuple(
        ("Path", (path.target,)) if key == "Path" else (key, values)
        for key, values in model.markers
        if key != "InfrasettingName"
    )
    return msgspec.structs.replace(
        changed,
        sni_enabled=True,
        ssl_profile=reference("sslprofile", tls.ssl_profile or "System-Standard"),
        pki_profile="" if tls.destination_ca else reference("pkiprofile", tls.pki_profile),
        authorities=(own, tls.destination_ca, markers) if tls.destination_ca else None,
    )


@counted_by(pool_group_checksum)
def group_sum(
    members: tuple[avi_l7.PoolGroupMember, ...] | UnsetType, markers: MarkerPairs, context: L4Context
) -> PoolGroupModel:
    """The checksum of a pool group."""
    return _group_model(() if members is UNSET else members, markers, context)


def _group_model(
    members: tuple[avi_l7.PoolGroupMember, ...], markers: MarkerPairs, context: L4Context
) -> PoolGroupModel:
    return PoolGroupModel(cluster=context.settings.cluster_name, members=members, markers=markers)


@counted_by(pool_group_checksum)
def path_group_sum(
    path: Path, members: tuple[avi_l7.PoolGroupMember, ...], markers: MarkerPairs, context: L4Context
) -> PoolGroupModel:
    """The checksum of the pool group of a path: only what its first Ingress names is in it."""
    first = path.backends[0].ingress
    own = tuple(member for member, one in zip(members, path.backends, strict=True) if one.ingress == first)
    return _group_model(own, markers, context)


@counted_by(policy_set_checksum)
def routing_sum(
    host: Host, namer: IngressNamer, markers: MarkerPairs, *, listeners: int, context: L4Context
) -> PolicySetModel:
    """The checksum of the rules for the paths of a host, whose root may lead elsewhere on each of its `listeners`."""
    owner = context.ownership.created_by
    plain_sni = namer.dedicated and not (host.secure or namer.namer.hashed)
    # On the virtual service of a plain host in SNI mode the official AKO has neither.
    chosen = None if plain_sni else host.rules.chosen
    root = chosen.host.application_root_path if chosen is not None else ""
    by_pattern = chosen is not None and chosen.host.use_regex
    paths = []
    for path in host.paths:
        for one in _first_of_each(path):
            own = path if one is path.backends[0] else msgspec.structs.replace(path, backends=(one,))
            name = namer.group(host.name, own)
            changed = root if path.key.text == "/" else ""
            text = changed or path.key.text
            paths.append(
                PathModel(
                    name=name,
                    path=path.key.text,
                    group=name,
                    ingress=one.ingress[1],
                    service_port=0 if plain_sni else _number(one),
                    exact=path.key.type == "Exact",
                    changed_path=changed,
                    changed_group=namer.of(host).group(host.name, own) if by_pattern else "",
                    string_group=(
                        reference("stringgroup", f"{owner}-{sha1_hex(host.name + text)}") if by_pattern and text else ""
                    ),
                )
            )
    led = sum(1 for one in paths if one.changed_path)
    # A path that is the new root already is one that leads there, too.
    led += sum(1 for one in paths if led and one.path == root)
    redirects = (None,) * (led * listeners)
    return PolicySetModel(
        cluster=context.settings.cluster_name, markers=markers, paths=tuple(paths), redirects=redirects
    )


def _first_of_each(path: Path) -> Iterable[Backend]:
    """A backend of each Ingress that names the path."""
    if len(path.backends) == 1:
        return path.backends
    return {one.ingress: one for one in reversed(path.backends)}.values()


def _number(backend: Backend) -> int:
    return int(backend.port) if backend.port.isdigit() and backend.port != "0" else 80


@counted_by(policy_set_checksum)
def redirect_sum(hosts: tuple[Host, ...], markers: MarkerPairs, context: L4Context) -> PolicySetModel:
    """The checksum of the redirect to TLS: one rule for all hosts."""
    names = tuple(name for host in hosts for name in host.asked_names)
    return PolicySetModel(cluster=context.settings.cluster_name, markers=markers, redirects=(names,))


@counted_by(policy_set_checksum)
def rewrite_sum(host: Host, context: L4Context) -> PolicySetModel:
    """The checksum of what brings the name of all clusters together back to a host."""
    chosen = host.rules.chosen
    source = chosen.host.gslb.fqdn if chosen is not None else ""
    return PolicySetModel(cluster=context.settings.cluster_name, rewrites=((source, host.name),))


def certificate_references(hosts: Iterable[Host]) -> tuple[str, ...]:
    """The certificates that HostRules name, in order, each once."""
    named = (name for host in hosts if host.tls is not None for name in host.tls.names)
    return tuple(reference("sslkeyandcertificate", name) for name in dict.fromkeys(named))
