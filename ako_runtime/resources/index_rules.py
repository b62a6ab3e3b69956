"""Indexes over the rules of hosts: by host name, and by what they name.

HostRules with a pattern cannot be looked up by host; there are few of them, and they stand under one value.
"""

from collections.abc import Iterable

from ako_runtime.resources.index import Identity, Index
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.rules import HostRule, HTTPRule
from ako_runtime.resources.sso import SSORule

PATTERNS: Identity = ("", "*")


def _hosts(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, HostRule):
        host = obj.spec.virtualhost
        yield ("", host.fqdn) if host.fqdn_type == "Exact" else PATTERNS


def _aliases(obj: Resource) -> Iterable[Identity]:
    """Names beside that of the host: its aliases, and the one by which it is known in several clusters."""
    if isinstance(obj, HostRule):
        host = obj.spec.virtualhost
        yield from {("", name) for name in (*host.aliases, host.gslb.fqdn) if name}


def client_secrets_of(rule: SSORule) -> tuple[tuple[str, str], ...]:
    """Secrets that the rule names: field and name, the fields as in `ClientSecretData`."""
    oauth = rule.spec.oauth_vs_config
    found = []
    for one in oauth.oauth_settings if oauth is not None else ():
        if one.app_settings is not None:
            found.append(("client_secret", one.app_settings.client_secret))
        if one.resource_server is not None and one.resource_server.opaque_token_params is not None:
            found.append(("server_secret", one.resource_server.opaque_token_params.server_secret))
    return tuple(found)


def _sso_hosts(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, SSORule):
        yield ("", obj.spec.fqdn)


def _http_hosts(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, HTTPRule):
        yield (obj.namespace, obj.spec.fqdn)


HOST_RULES_OF_HOST = Index(name="host-rules-of-host", resource="hostrules", values=_hosts)
HOST_RULES_OF_ALIAS = Index(name="host-rules-of-alias", resource="hostrules", values=_aliases)
HTTP_RULES_OF_HOST = Index(name="http-rules-of-host", resource="httprules", values=_http_hosts)
SSO_RULES_OF_HOST = Index(name="sso-rules-of-host", resource="ssorules", values=_sso_hosts)

RULE_INDEXES: tuple[Index, ...] = (
    HOST_RULES_OF_HOST,
    HOST_RULES_OF_ALIAS,
    HTTP_RULES_OF_HOST,
    SSO_RULES_OF_HOST,
)
