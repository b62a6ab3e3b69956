"""Which rules apply to a host: one HostRule (with its L7Rule), one SSORule, and the HTTPRules of the namespaces that
serve it.

Of several HostRules that match, the most particular one counts: the exact name before a wildcard, the longer wildcard
before the shorter, both before a part of the name, the longer part first; of equals the older. A rule that is rejected,
or belongs to another tenant, counts as absent; who is served without it is told.

A HostRule whose name contains `Shared-` is for the shared virtual service of that name, never for a host.
"""

import functools
import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from ako_runtime.model.refs import Ref
from ako_runtime.resources.index_rules import HOST_RULES_OF_HOST, HTTP_RULES_OF_HOST, PATTERNS, SSO_RULES_OF_HOST
from ako_runtime.resources.rules import HostRule, HTTPRule, L7RuleSpec, PathRule, VirtualHost
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.resources.sso import SSORule
from ako_runtime.translate.front import is_served_namespace
from ako_runtime.translate.ingress.certificates import HostTls, last_good_of
from ako_runtime.translate.ingress.rule_admission import (
    CONTAINS,
    EXACT,
    SHARED,
    WILDCARD,
    host_rule_admission,
    http_rule_admission,
    l7_rule_of,
)
from ako_runtime.translate.ingress.sso import NO_SIGN_ON, SignOn, sign_on_for
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.tenancy import tenant_for


class Chosen(Struct, frozen=True, kw_only=True):
    """The HostRule that applies, with the L7Rule that it names."""

    namespace: str
    name: str
    host: VirtualHost
    l7: L7RuleSpec = L7RuleSpec()
    has_l7_rule: bool = False
    # Its Secret is broken: certificates that were made of it while it was good.
    kept: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The rule as it is named to people."""
        return f"{self.namespace}/{self.name}"


class ChosenPath(Struct, frozen=True, kw_only=True):
    """The part of an HTTPRule that applies to a path."""

    text: str
    path: PathRule


class HostRules(Struct, frozen=True, kw_only=True):
    """Everything that applies to a host; `http` by namespace, `refused` are sentences about rules that do not apply."""

    chosen: Chosen | None = None
    http: Mapping[str, tuple[ChosenPath, ...]] = {}
    sign_on: SignOn = NO_SIGN_ON
    needs: frozenset[Ref] = frozenset()
    refused: tuple[str, ...] = ()

    def for_path(self, namespace: str, text: str) -> ChosenPath | None:
        """What applies to the pools of a path: the longest target with which it begins."""
        found = [one for one in self.http.get(namespace, ()) if _begins_with(text or "/", one.path.target)]
        return max(found, key=lambda one: len(one.path.target), default=None)


def _begins_with(path: str, target: str) -> bool:
    """Whether the target covers the path; with `*`, as the official AKO does, it is a pattern for its beginning."""
    return path.startswith(target) if "*" not in target else _pattern(target).match(path) is not None


@functools.lru_cache(maxsize=1024)
def _pattern(target: str) -> re.Pattern[str]:
    """`*` repeats the character before it any number of times or never; everything else stands for itself."""
    parts = re.sub(r"\*+", "*", target).split("*")
    return re.compile("*".join(re.escape(part) for part in parts))


NO_RULES, NO_TLS = HostRules(), HostTls()


def rules_for_host(  # noqa: PLR0913 - two names on the controller, which look alike and are not the same
    host: str,
    namespaces: frozenset[str],
    snapshot: Snapshot,
    context: L4Context,
    *,
    tenant: str,
    certificate: str,
    service: str,
) -> HostRules:
    """What applies to a host that Ingresses of these namespaces serve; with the names of its certificate and of its
    virtual service.
    """
    chosen = _chosen(_matching(host, snapshot), snapshot, context, tenant=tenant, certificate=certificate)
    sign_on = sign_on_for(host, snapshot, context, service=Ref("virtualservice", service, tenant=tenant))
    http: dict[str, tuple[ChosenPath, ...]] = {}
    needs, refused = {*chosen.needs, *sign_on.needs}, [*chosen.refused, *sign_on.refused]
    for namespace in sorted(namespaces):
        rules = sorted(
            only(snapshot.found(HTTP_RULES_OF_HOST, (namespace, host)), HTTPRule),
            key=lambda one: one.metadata.age_key,
        )
        paths: list[ChosenPath] = []
        for rule in rules:
            admission = http_rule_admission(rule, snapshot, context, tenant=tenant)
            needs |= admission.needs
            if admission.problem:
                refused.append(f"HTTPRule {namespace}/{rule.name} is rejected: {admission.problem}")
            else:
                paths += (ChosenPath(text=f"{namespace}/{rule.name}/{one.target}", path=one) for one in rule.spec.paths)
        if paths:
            http[namespace] = tuple(paths)
    return HostRules(chosen=chosen.chosen, http=http, sign_on=sign_on, needs=frozenset(needs), refused=tuple(refused))


def unlogged_rules(host: str, snapshot: Snapshot) -> HostRules:
    """No rules, for a host whose TLS goes through to the pods; told where somebody wanted people to log in."""
    return HostRules(
        refused=tuple(
            f"SSORule {rule.namespace}/{rule.name} has no effect on host '{host}', whose TLS goes through to the pods"
            for rule in only(snapshot.found(SSO_RULES_OF_HOST, ("", host)), SSORule)
        )
    )


def rules_for_parent(name: str, fqdn: str, snapshot: Snapshot, context: L4Context, *, tenant: str) -> HostRules:
    """What applies to a shared virtual service; one without a name in DNS is meant by its own name."""
    exact = only(snapshot.found(HOST_RULES_OF_HOST, ("", fqdn or name)), HostRule)
    parts = (
        rule
        for rule in only(snapshot.found(HOST_RULES_OF_HOST, PATTERNS), HostRule)
        if rule.spec.virtualhost.fqdn_type == CONTAINS
        and SHARED in rule.spec.virtualhost.fqdn
        and rule.spec.virtualhost.fqdn in f"{name} {fqdn}"
    )
    return _chosen(_ordered((*exact, *parts)), snapshot, context, tenant=tenant)


def _matching(host: str, snapshot: Snapshot) -> list[HostRule]:
    exact = only(snapshot.found(HOST_RULES_OF_HOST, ("", host)), HostRule)
    patterns = only(snapshot.found(HOST_RULES_OF_HOST, PATTERNS), HostRule)
    return _ordered((*exact, *(rule for rule in patterns if matches(rule, host))))


def matches(rule: HostRule, host: str) -> bool:
    """Whether the rule is for the host."""
    wanted = rule.spec.virtualhost
    if SHARED in wanted.fqdn or not wanted.fqdn:
        return False
    if wanted.fqdn_type == WILDCARD:
        return host.endswith(wanted.fqdn.removeprefix("*"))
    return wanted.fqdn in host if wanted.fqdn_type == CONTAINS else wanted.fqdn == host


def _ordered(rules: tuple[HostRule, ...]) -> list[HostRule]:
    kinds = (EXACT, WILDCARD, CONTAINS)

    def rank(rule: HostRule) -> tuple[int, int, object]:
        host = rule.spec.virtualhost
        kind = kinds.index(host.fqdn_type) if host.fqdn_type in kinds else len(kinds)
        return (kind, -len(host.fqdn), rule.metadata.age_key)

    return sorted(rules, key=rank)


def _chosen(
    rules: list[HostRule], snapshot: Snapshot, context: L4Context, *, tenant: str, certificate: str = ""
) -> HostRules:
    refused: list[str] = []
    for rule in _of_tenant(rules, snapshot, context, tenant=tenant, refused=refused):
        admission = host_rule_admission(rule, snapshot, context, tenant=tenant)
        spared = NO_TLS
        if admission.problem and certificate:
            spared = _last_good(rule, snapshot, context, tenant=tenant, certificate=certificate)
        if admission.needs or spared.needs:
            return HostRules(needs=admission.needs | spared.needs)
        if admission.problem:
            what = "; what it says applies, with the certificate that the host has" if spared.kept else ""
            refused.append(f"HostRule {rule.namespace}/{rule.name} is rejected: {admission.problem}{what}")
        if admission.problem and not spared.kept:
            continue
        named = l7_rule_of(rule, snapshot)
        found = Chosen(
            namespace=rule.namespace,
            name=rule.name,
            host=rule.spec.virtualhost,
            l7=named.spec if named is not None else L7RuleSpec(),
            has_l7_rule=named is not None,
            kept=spared.kept,
        )
        return HostRules(chosen=found, refused=tuple(refused))
    return HostRules(refused=tuple(refused))


def _last_good(rule: HostRule, snapshot: Snapshot, context: L4Context, *, tenant: str, certificate: str) -> HostTls:
    """What a host keeps of a rule of which nothing but the content of a Secret is wrong.

    Otherwise one wrong rotation would take TLS away from a host whose Ingress has none.
    """
    rest = host_rule_admission(rule, snapshot, context, tenant=tenant, secrets=False)
    if rest.problem:
        return NO_TLS
    if rest.needs:
        return HostTls(needs=rest.needs)
    return last_good_of(HostTls(broken=True, shared=True), certificate, snapshot, context, tenant=tenant)


def _of_tenant(
    rules: list[HostRule], snapshot: Snapshot, context: L4Context, *, tenant: str, refused: list[str]
) -> Iterator[HostRule]:
    for rule in rules:
        if not is_served_namespace(rule.namespace, snapshot, context.settings):
            continue
        owner = tenant_for(rule.namespace, snapshot, context.settings)
        if owner.name == tenant:
            yield rule
        else:
            refused.append(f"HostRule {rule.namespace}/{rule.name} belongs to tenant '{owner.name}', not to '{tenant}'")
