"""Which keys a changed rule touches, and which rules another change touches.

A rule touches its own verdict, those of its rivals, and the keys of every host for which it may be meant. Ingresses,
Secrets and Namespaces touch verdicts as well: of rules whose aliases they take, whose certificates they hold, that live
in them. Rules with a pattern are few; their hosts are found by looking at all Ingresses.
"""

from collections.abc import Callable, Iterable, Mapping

from ako_runtime.model.stack import StackKey
from ako_runtime.resources.core import Namespace
from ako_runtime.resources.index_l7 import INGRESSES_OF_HOST, INGRESSES_OF_NAMESPACE, makes_host, written_hosts
from ako_runtime.resources.index_rules import (
    HOST_RULES_OF_ALIAS,
    HOST_RULES_OF_HOST,
    HOST_RULES_OF_L7_RULE,
    HOST_RULES_OF_NAMESPACE,
    HOST_RULES_OF_SECRET,
    HTTP_RULES_OF_NAMESPACE,
    PATTERNS,
    SSO_RULES_OF_HOST,
    SSO_RULES_OF_NAMESPACE,
    SSO_RULES_OF_SECRET,
)
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.networking import Ingress
from ako_runtime.resources.rules import HostRule, HTTPRule, L7Rule
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.resources.sso import CLIENT_SECRETS, SSORule
from ako_runtime.translate.ingress.rule_admission import EXACT, SHARED
from ako_runtime.translate.ingress.rule_choice import matches
from ako_runtime.translate.ingress.triggers import Trigger, own_ingress_keys

_KINDS: Mapping[type[Resource], str] = {
    HostRule: "hostrule",
    HTTPRule: "httprule",
    L7Rule: "l7rule",
    SSORule: "ssorule",
}


def _verdict_of(rule: Resource) -> Iterable[StackKey]:
    kind = _KINDS.get(type(rule))
    if kind is not None:
        yield StackKey(kind=kind, namespace=rule.namespace, name=rule.name)


def _host_rule_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if not isinstance(obj, HostRule):
        return
    host = obj.spec.virtualhost
    yield from _verdict_of(obj)
    value = ("", host.fqdn) if host.fqdn_type == EXACT else PATTERNS
    rivals = [*snapshot.found(HOST_RULES_OF_HOST, value)]
    for name in filter(None, (*host.aliases, host.gslb.fqdn)):
        rivals += snapshot.found(HOST_RULES_OF_ALIAS, ("", name))
    for rival in rivals:
        yield from _verdict_of(rival)
    for rule in {id(one): one for one in (obj, *only(rivals, HostRule))}.values():
        yield from _keys_of_hosts(rule, snapshot)
        yield from _logins_of(rule, snapshot)


def _logins_of(rule: HostRule, snapshot: Snapshot) -> Iterable[StackKey]:
    """Verdicts of SSORules for the names of one host: which of them applies depends on all."""
    host = rule.spec.virtualhost
    for name in {host.fqdn, *host.aliases, host.gslb.fqdn} - {""}:
        for login in snapshot.found(SSO_RULES_OF_HOST, ("", name)):
            yield from _verdict_of(login)


def _keys_of_hosts(rule: HostRule, snapshot: Snapshot) -> Iterable[StackKey]:
    host = rule.spec.virtualhost
    found: Iterable[Resource] = snapshot.of("ingresses").values()
    if host.fqdn_type == EXACT and SHARED not in host.fqdn:
        found = [*snapshot.found(INGRESSES_OF_HOST, ("", host.fqdn)), *_makers(host.fqdn, snapshot)]
    for one in only(found, Ingress):
        if SHARED in host.fqdn or makes_host(one) or any(matches(rule, name) for name in written_hosts(one)):
            yield from own_ingress_keys(one, snapshot)


def _makers(host: str, snapshot: Snapshot) -> Iterable[Resource]:
    """Ingresses without a host for which this one may be made: `<ingress>.<namespace>.<domain>`."""
    labels = host.split(".")
    return snapshot.found(INGRESSES_OF_NAMESPACE, ("", labels[1])) if len(labels) > 1 else ()


def _http_rule_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if isinstance(obj, HTTPRule):
        yield from _verdict_of(obj)
        for one in (*snapshot.found(INGRESSES_OF_HOST, ("", obj.spec.fqdn)), *_makers(obj.spec.fqdn, snapshot)):
            yield from own_ingress_keys(one, snapshot)


def _sso_rule_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if not isinstance(obj, SSORule):
        return
    yield from _verdict_of(obj)
    value = ("", obj.spec.fqdn)
    hosts = {obj.spec.fqdn}
    for rule in only(
        (*snapshot.found(HOST_RULES_OF_HOST, value), *snapshot.found(HOST_RULES_OF_ALIAS, value)), HostRule
    ):
        hosts.add(rule.spec.virtualhost.fqdn)
        yield from _logins_of(rule, snapshot)
    for rival in snapshot.found(SSO_RULES_OF_HOST, value):
        yield from _verdict_of(rival)
    for host in hosts:
        for one in (*snapshot.found(INGRESSES_OF_HOST, ("", host)), *_makers(host, snapshot)):
            yield from own_ingress_keys(one, snapshot)


def _client_secret_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    for rule in snapshot.found(SSO_RULES_OF_SECRET, obj.identity):
        yield from _sso_rule_keys(rule, snapshot)


def _l7_rule_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    yield from _verdict_of(obj)
    for rule in snapshot.found(HOST_RULES_OF_L7_RULE, obj.identity):
        yield from _host_rule_keys(rule, snapshot)


def _ingress_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if isinstance(obj, Ingress):
        for host in written_hosts(obj):
            for rule in snapshot.found(HOST_RULES_OF_ALIAS, ("", host)):
                yield from _host_rule_keys(rule, snapshot)


def _secret_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    for rule in snapshot.found(HOST_RULES_OF_SECRET, obj.identity):
        yield from _host_rule_keys(rule, snapshot)


def _namespace_keys(obj: Resource, snapshot: Snapshot) -> Iterable[StackKey]:
    if not isinstance(obj, Namespace):
        return
    for rule in snapshot.found(HOST_RULES_OF_NAMESPACE, ("", obj.name)):
        yield from _host_rule_keys(rule, snapshot)
    for rule in snapshot.found(HTTP_RULES_OF_NAMESPACE, ("", obj.name)):
        yield from _http_rule_keys(rule, snapshot)
    for rule in snapshot.found(SSO_RULES_OF_NAMESPACE, ("", obj.name)):
        yield from _sso_rule_keys(rule, snapshot)
    for rule in snapshot.of("l7rules").values():
        if rule.namespace == obj.name:
            yield from _verdict_of(rule)


RULE_TRIGGERS: Mapping[str, Trigger] = {
    "hostrules": _host_rule_keys,
    "httprules": _http_rule_keys,
    "l7rules": _l7_rule_keys,
    "ssorules": _sso_rule_keys,
    CLIENT_SECRETS: _client_secret_keys,
    "ingresses": _ingress_keys,
    "secrets": _secret_keys,
    "namespaces": _namespace_keys,
}
OWN_RULE_KEYS: Mapping[str, Callable[[Resource], Iterable[StackKey]]] = {
    "hostrules": _verdict_of,
    "httprules": _verdict_of,
    "l7rules": _verdict_of,
    "ssorules": _verdict_of,
}
