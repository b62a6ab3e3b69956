"""What rules of hosts ask of the virtual service that they share, and not all of them can have.

An enhanced parent ends TLS for its children with one TLS profile. A parent in SNI mode has room for so many policy sets
that bring further names of insecure hosts back to theirs. The first hosts by name get it; the others are told.
"""

from collections.abc import Iterable, Iterator

from msgspec import UNSET

from ako_runtime.model.stack import Diagnostic
from ako_runtime.translate.ingress.hosts import Host, ingress_ref
from ako_runtime.translate.ingress.parts import MOST_REWRITES, hosts_with_rewrite
from ako_runtime.translate.ingress.rule_effects import ssl_profile
from ako_runtime.translate.verdict import remark


def shard_remarks(hosts: Iterable[Host], *, enhanced: bool) -> Iterator[tuple[str, Diagnostic]]:
    """Hosts of a shared virtual service, given in the order of their names, and what is to be said about them."""
    yield from _told(_other_profiles(hosts) if enhanced else _without_rewrite(hosts))


def _other_profiles(hosts: Iterable[Host]) -> Iterator[tuple[Host, str]]:
    named = [(host, ref) for host in hosts if (ref := ssl_profile(host.rules.chosen)) is not UNSET]
    for host, ref in named[1:]:
        first, taken = named[0]
        if ref != taken:
            yield host, f"TLS profile of its HostRule: its virtual service has that of host '{first.name}'"


def _without_rewrite(hosts: Iterable[Host]) -> Iterator[tuple[Host, str]]:
    for host in hosts_with_rewrite(hosts)[MOST_REWRITES:]:
        yield host, f"aliases and gslb.fqdn: {MOST_REWRITES} insecure hosts of its virtual service have some already"


def _told(found: Iterator[tuple[Host, str]]) -> Iterator[tuple[str, Diagnostic]]:
    for host, text in found:
        message = f"host '{host.name}' is served without the {text}; use TLS or shard size DEDICATED"
        yield host.name, remark(ingress_ref(host.ingresses[0]), "RuleWithoutEffect", message, field="spec.rules")
