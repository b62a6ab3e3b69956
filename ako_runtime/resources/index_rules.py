"""Indexes over the rules of hosts: by host name, and by what they name.

HostRules with a pattern cannot be looked up by host; there are few of them, and they stand under one value.
"""

from collections.abc import Iterable

from ako_runtime.resources.index import Identity, Index
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.rules import HostRule, HTTPRule
from ako_runtime.resources.sso import SSORule

PATTERNS: Identity = ("", "*")


def secrets_of_rule(rule: HostRule) -> frozenset[str]:
    """Secrets that the rule names."""
    tls = rule.spec.virtualhost.tls
    held = tls.ssl_key_certificate if tls is not None else None
    found = (held, held.alternate_certificate) if held is not None else ()
    return frozenset(one.name for one in found if one is not None and one.type == "secret")


def _hosts(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, HostRule):
        host = obj.spec.virtualhost
        yield ("", host.fqdn) if host.fqdn_type == "Exact" else PATTERNS


def _aliases(obj: Resource) -> Iterable[Identity]:
    """Names beside that of the host: its aliases, and the one by which it is known in several clusters."""
    if isinstance(obj, HostRule):
        host = obj.spec.virtualhost
        yield from {("", name) for name in (*host.aliases, host.gslb.fqdn) if name}


def _l7_rules(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, HostRule) and obj.spec.virtualhost.l7_rule:
        yield (obj.namespace, obj.spec.virtualhost.l7_rule)


def _secrets(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, HostRule):
        yield from ((obj.namespace, name) for name in secrets_of_rule(obj))


def _namespace(obj: Resource) -> Iterable[Identity]:
    yield ("", obj.namespace)


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


def _sso_secrets(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, SSORule):
        yield from {(obj.namespace, name) for _, name in client_secrets_of(obj)}


def _http_hosts(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, HTTPRule):
        yield (obj.namespace, obj.spec.fqdn)


HOST_RULES_OF_HOST = Index(name="host-rules-of-host", resource="hostrules", values=_hosts)
HOST_RULES_OF_ALIAS = Index(name="host-rules-of-alias", resource="hostrules", values=_aliases)
HOST_RULES_OF_L7_RULE = Index(name="host-rules-of-l7-rule", resource="hostrules", values=_l7_rules)
HOST_RULES_OF_SECRET = Index(name="host-rules-of-secret", resource="hostrules", values=_secrets)
HOST_RULES_OF_NAMESPACE = Index(name="host-rules-of-namespace", resource="hostrules", values=_namespace)
HTTP_RULES_OF_HOST = Index(name="http-rules-of-host", resource="httprules", values=_http_hosts)
HTTP_RULES_OF_NAMESPACE = Index(name="http-rules-of-namespace", resource="httprules", values=_namespace)
SSO_RULES_OF_HOST = Index(name="sso-rules-of-host", resource="ssorules", values=_sso_hosts)
SSO_RULES_OF_SECRET = Index(name="sso-rules-of-secret", resource="ssorules", values=_sso_secrets)
SSO_RULES_OF_NAMESPACE = Index(name="sso-rules-of-namespace", resource="ssorules", values=_namespace)

RULE_INDEXES: tuple[Index, ...] = (
    HOST_RULES_OF_HOST,
    HOST_RULES_OF_ALIAS,
    HOST_RULES_OF_L7_RULE,
    HOST_RULES_OF_SECRET,
    HOST_RULES_OF_NAMESPACE,
    HTTP_RULES_OF_HOST,
    HTTP_RULES_OF_NAMESPACE,
    SSO_RULES_OF_HOST,
    SSO_RULES_OF_SECRET,
    SSO_RULES_OF_NAMESPACE,
)
