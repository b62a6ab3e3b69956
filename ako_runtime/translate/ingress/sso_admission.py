"""Whether an SSORule is accepted (ako-behaviour 4.5).

Besides what its definition says, a rule is judged by the mode (virtual services of SNI mode have no single sign-on, as
with the official AKO), the licence, the Secrets that it names, and the controller: the SSO policy and the auth profiles
must exist and be of the kind that the configuration needs, because a virtual service with others would be refused.

Secrets come from the namespace of the rule. Their values go nowhere but into the virtual service.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping

from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import ObjectRef
from ako_runtime.resources.index_l7 import INGRESSES_OF_HOST, INGRESSES_OF_NAMESPACE, makes_host
from ako_runtime.resources.index_rules import HOST_RULES_OF_ALIAS, SSO_RULES_OF_HOST, client_secrets_of
from ako_runtime.resources.modes import reads_tls_secrets
from ako_runtime.resources.networking import Ingress
from ako_runtime.resources.rules import HostRule
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.resources.sso import (
    CLIENT_SECRETS,
    ClientSecret,
    OAuthRule,
    OAuthSpec,
    ResourceServerRule,
    SamlSpec,
    SSORule,
)
from ako_runtime.translate.annotations import is_hostname
from ako_runtime.translate.infra import Admission
from ako_runtime.translate.ingress.ownership import is_ours
from ako_runtime.translate.ingress.rule_admission import further_names
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.references import references_admission
from ako_runtime.translate.tenancy import is_of_tenant

JWT, OPAQUE = "ACCESS_TOKEN_TYPE_JWT", "ACCESS_TOKEN_TYPE_OPAQUE"
_ACS = "SAML_AUTHN_REQ_ACS_TYPE_"
_ACS_TYPES = (f"{_ACS}URL", f"{_ACS}INDEX", f"{_ACS}NONE")
_LICENCES = frozenset({"ENTERPRISE", "ENTERPRISE_WITH_CLOUD_SERVICES"})
_OAUTH_TYPES = {"ssopolicy": frozenset({"SSO_TYPE_OAUTH"}), "authprofile": frozenset({"AUTH_PROFILE_OAUTH"})}
_SAML_TYPES = {"ssopolicy": frozenset({"SSO_TYPE_SAML"})}
_MAX_TIMEOUT, _MAX_INDEX = 1440, 64


def sso_rule_admission(rule: SSORule, snapshot: Snapshot, context: L4Context, *, tenant: str) -> Admission:
    """Whether the SSORule can be used."""
    for field, text in (
        _shape_problem(rule),
        _older_problem(rule, snapshot, context, tenant=tenant),
        _place_problem(context),
        _oauth_problem(rule.spec.oauth_vs_config),
        _saml_problem(rule.spec.saml_sp_config),
        _secret_problem(rule, snapshot, context),
    ):
        if text:
            return Admission(field=field, problem=f"{field}: {text}")
    types = _OAUTH_TYPES if rule.spec.oauth_vs_config is not None else _SAML_TYPES
    return references_admission(_references(rule), snapshot, context, tenant=tenant, types=types)


def sso_rules_for(host: str, snapshot: Snapshot, context: L4Context, *, tenant: str) -> tuple[SSORule, ...]:
    """SSORules for a host, the one that applies first: of its name before those of its further names, older first.

    Rules of namespaces that have a say come before the others: nobody else's rule stands in their way.
    """

    def rank(rule: SSORule) -> tuple[bool, object]:
        return (not is_entitled(rule.namespace, host, snapshot, context), rule.metadata.age_key)

    rules = sorted(only(snapshot.found(SSO_RULES_OF_HOST, ("", host)), SSORule), key=rank)
    others = [
        rule
        for name in further_names(host, snapshot, context, tenant=tenant)
        for rule in only(snapshot.found(SSO_RULES_OF_HOST, ("", name)), SSORule)
    ]
    return (*rules, *sorted(others, key=rank))


def is_entitled(namespace: str, host: str, snapshot: Snapshot, context: L4Context) -> bool:
    """Whether rules of the namespace may close a host: it has an Ingress for it, or the controller runs there."""
    if namespace == context.ownership.namespace:
        return True
    named = only(snapshot.found(INGRESSES_OF_HOST, ("", host)), Ingress)
    # The host of a rule without one: `<ingress>.<namespace>.<domain>`.
    made = host.split(".")[1:2] == [namespace] and any(
        makes_host(one) for one in only(snapshot.found(INGRESSES_OF_NAMESPACE, ("", namespace)), Ingress)
    )
    ours = [one for one in named if is_ours(one, snapshot, context.settings)]
    if context.settings.enable_evh and context.settings.fqdn_reuse_policy == "Strict":
        # The others are refused, so they have none.
        ours = sorted(ours, key=lambda one: one.metadata.age_key)[:1]
    return made or any(one.namespace == namespace for one in ours)


def secret_text(name: str, key: str, namespace: str, snapshot: Snapshot) -> str:
    """The value under a key (as in `ClientSecretData`) of a Secret; empty if there is none that can be used."""
    found = snapshot.object(ObjectRef(resource=CLIENT_SECRETS, namespace=namespace, name=name))
    encoded: str = getattr(found.data, key) if isinstance(found, ClientSecret) else ""
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _shape_problem(rule: SSORule) -> tuple[str, str]:
    spec = rule.spec
    if not is_hostname(spec.fqdn.removeprefix("*.")):
        return "spec.fqdn", f"'{spec.fqdn}' is no DNS name; write the host of an Ingress"
    if not spec.sso_policy_ref:
        return "spec.ssoPolicyRef", "it is empty; name an SSO policy on the controller"
    if (spec.oauth_vs_config is None) == (spec.saml_sp_config is None):
        return "spec", "write one of oauthVsConfig and samlSpConfig"
    return "", ""


def _older_problem(rule: SSORule, snapshot: Snapshot, context: L4Context, *, tenant: str) -> tuple[str, str]:
    fqdn = rule.spec.fqdn
    host = _host_named(fqdn, snapshot, context, tenant=tenant)
    for other in sso_rules_for(host, snapshot, context, tenant=tenant):
        if other.identity == rule.identity:
            break
        if is_of_tenant(other.namespace, snapshot, context.settings, tenant=tenant):
            named = f"'{fqdn}' is a further name of host '{host}', which" if host != fqdn else f"'{fqdn}'"
            why = "for the host itself" if host == other.spec.fqdn != fqdn else "which is older"
            if not is_entitled(rule.namespace, host, snapshot, context):
                why = "whose namespace has an Ingress for it"
            text = f"{named} already has SSORule {other.namespace}/{other.name}, {why}"
            return "spec.fqdn", f"{text}; change that one or remove it"
    return "", ""


def _host_named(fqdn: str, snapshot: Snapshot, context: L4Context, *, tenant: str) -> str:
    """The host that has this name: of itself, or by its HostRule."""
    for rule in only(snapshot.found(HOST_RULES_OF_ALIAS, ("", fqdn)), HostRule):
        host = rule.spec.virtualhost.fqdn
        if fqdn in further_names(host, snapshot, context, tenant=tenant):
            return host
    return fqdn


def _place_problem(context: L4Context) -> tuple[str, str]:
    licence = context.environment.licence
    if not context.settings.enable_evh:
        return "spec", "SSORules take effect in EVH mode only; set enableEVH, or remove the rule"
    if licence not in _LICENCES:
        return "spec", f"the licence {licence} of the controller has no single sign-on; remove the rule"
    return "", ""


def _timeout_problem(minutes: int | None, *, lowest: int) -> str:
    if minutes is None or lowest <= minutes <= _MAX_TIMEOUT:
        return ""
    return f"it is {minutes}; write minutes from {lowest} to {_MAX_TIMEOUT}"


def _oauth_problem(config: OAuthSpec | None) -> tuple[str, str]:
    field = "spec.oauthVsConfig"
    if config is None:
        return "", ""
    text = _timeout_problem(config.cookie_timeout, lowest=1)
    if text:
        return f"{field}.cookieTimeout", text
    if len(config.oauth_settings) > 1:
        return f"{field}.oauthSettings", "a virtual service has one application; leave one entry"
    for at, one in enumerate(config.oauth_settings):
        where, text = _application_problem(one)
        if text:
            return f"{field}.oauthSettings[{at}].{where}", text
    return "", ""


def _application_problem(one: OAuthRule) -> tuple[str, str]:
    if not one.auth_profile_ref:
        return "authProfileRef", "it is empty; name an auth profile on the controller"
    if one.app_settings is not None and not one.app_settings.client_id:
        return "appSettings.clientID", "it is empty; write what the authorization server knows the application by"
    return _server_problem(one.resource_server) if one.resource_server is not None else ("", "")


def _server_problem(server: ResourceServerRule) -> tuple[str, str]:
    field = "resourceServer"
    wanted = {JWT: server.jwt_params, OPAQUE: server.opaque_token_params}
    if server.access_type not in wanted:
        return f"{field}.accessType", f"it is '{server.access_type}'; write {JWT} or {OPAQUE}"
    held = [kind for kind, params in wanted.items() if params is not None]
    if held != [server.access_type]:
        text = f"{JWT} goes with jwtParams, {OPAQUE} with opaqueTokenParams; accessType is {server.access_type}"
        return field, text
    if server.jwt_params is not None and not server.jwt_params.audience:
        return f"{field}.jwtParams.audience", "it is empty; write the audience of the token"
    if server.opaque_token_params is not None and not server.opaque_token_params.server_id:
        return f"{field}.opaqueTokenParams.serverID", "it is empty; write the identifier of the resource server"
    return f"{field}.introspectionDataTimeout", _timeout_problem(server.introspection_data_timeout, lowest=0)


def _saml_problem(config: SamlSpec | None) -> tuple[str, str]:
    field = "spec.samlSpConfig"
    if config is None:
        return "", ""
    if config.authn_req_acs_type not in _ACS_TYPES:
        return f"{field}.authnReqAcsType", f"it is '{config.authn_req_acs_type}'; write one of {', '.join(_ACS_TYPES)}"
    if not config.entity_id:
        return f"{field}.entityID", "it is empty; write what the identity provider knows the application by"
    if not config.single_signon_url:
        return f"{field}.singleSignonURL", "it is empty; write where the identity provider sends its answer"
    if config.acs_index is not None and not 0 <= config.acs_index <= _MAX_INDEX:
        return f"{field}.acsIndex", f"it is {config.acs_index}; write a number from 0 to {_MAX_INDEX}"
    return f"{field}.cookieTimeout", _timeout_problem(config.cookie_timeout, lowest=1)


def _secret_problem(rule: SSORule, snapshot: Snapshot, context: L4Context) -> tuple[str, str]:
    field, namespace = "spec.oauthVsConfig.oauthSettings", rule.namespace
    for key, name in client_secrets_of(rule):
        shown = _KEYS[key]
        if not name:
            return field, f"{shown} is empty; name a Secret of namespace {namespace}"
        if not reads_tls_secrets(context.settings, namespace):
            return field, (
                f"Secret {namespace}/{name} is not read; set rbac.tlsSecrets.scope of the chart to cluster, or to "
                f"namespaces with {namespace} in rbac.tlsSecrets.namespaces"
            )
        if snapshot.object(ObjectRef(resource=CLIENT_SECRETS, namespace=namespace, name=name)) is None:
            return field, f"Secret {namespace}/{name} does not exist or is not of type Opaque"
        if not secret_text(name, key, namespace, snapshot):
            return field, f"Secret {namespace}/{name} holds no text under the key {shown}"
    return "", ""


_KEYS: Mapping[str, str] = {"client_secret": "clientSecret", "server_secret": "serverSecret"}


def _references(rule: SSORule) -> Iterator[tuple[str, Ref]]:
    spec = rule.spec
    yield "spec.ssoPolicyRef", Ref("ssopolicy", spec.sso_policy_ref)
    if spec.oauth_vs_config is not None:
        for at, one in enumerate(spec.oauth_vs_config.oauth_settings):
            yield f"spec.oauthVsConfig.oauthSettings[{at}].authProfileRef", Ref("authprofile", one.auth_profile_ref)
    if spec.saml_sp_config is not None and spec.saml_sp_config.signing_certificate:
        field = "spec.samlSpConfig.signingSslKeyAndCertificateRef"
        yield field, Ref("sslkeyandcertificate", spec.saml_sp_config.signing_certificate)
