"""Single sign-on of a host: which SSORule applies, and what it makes of the virtual service.

A rule that is rejected is not applied, as with the other rules, but here that must not open the host: somebody has said
that people must log in first. A host whose SSORule is rejected is therefore *closed*: its virtual service stays, with
name and address, and is disabled until the rule can be applied or is taken away (ADR 83). Only the rule that would
apply can close a host: a younger one for the same host, one of another tenant, or one in SNI mode cannot.

Who may close a host (ADR 106): a rule in a namespace that has an Ingress for it, in the namespace of the controller, or
whose login stands before the host already, which only then stays closed. A rule of another namespace is applied while
it is accepted, as by the official AKO, and left out while it is not.

A rule may name the host by one of its further names (aliases, the GSLB name of its HostRule): all of them lead to the
same virtual service, so the login stands before all of them (ADR 59).
"""

import hashlib
from typing import TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ako_runtime.model import avi
from ako_runtime.model.avi_sso import (
    AppSettings,
    JwtParams,
    OAuthSettings,
    OAuthVsConfig,
    OidcConfig,
    OpaqueTokenParams,
    ResourceServer,
    SamlSpConfig,
)
from ako_runtime.model.refs import Ref
from ako_runtime.resources.index_rules import client_secrets_of
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.resources.sso import AppRule, OAuthRule, OAuthSpec, ResourceServerRule, SamlSpec, SSORule
from ako_runtime.settings.values import SecretText
from ako_runtime.translate.front import is_served_namespace
from ako_runtime.translate.ingress.checksums_sso import oauth_text, saml_text
from ako_runtime.translate.ingress.sso_admission import is_entitled, secret_text, sso_rule_admission, sso_rules_for
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.tenancy import tenant_for

T = TypeVar("T")
_CKSUM_DIGITS = 8


class SignOn(Struct, frozen=True, kw_only=True):
    """What applies to a host: nothing, a configuration, or `closed`; `refused` says why a rule does not apply."""

    text: str = ""
    policy: str = ""
    oauth: OAuthVsConfig | UnsetType = UNSET
    saml: SamlSpConfig | UnsetType = UNSET
    # The configuration as the rule says it, as JSON with the secrets in it.
    oauth_text: SecretText = SecretText("")
    saml_text: SecretText = SecretText("")
    # Changes with the secrets and tells nothing of them.
    cksum: str | UnsetType = UNSET
    closed: bool = False
    refused: tuple[str, ...] = ()
    needs: frozenset[Ref] = frozenset()


NO_SIGN_ON = SignOn()


def sign_on_for(host: str, snapshot: Snapshot, context: L4Context, *, service: Ref) -> SignOn:
    """The sign-on of a host that is served by this virtual service, in its tenant."""
    foreign: list[str] = []
    tenant = service.tenant
    for rule in sso_rules_for(host, snapshot, context, tenant=tenant):
        if not is_served_namespace(rule.namespace, snapshot, context.settings):
            continue
        text = f"{rule.namespace}/{rule.name}"
        owner = tenant_for(rule.namespace, snapshot, context.settings)
        if owner.name != tenant:
            foreign.append(f"SSORule {text} belongs to tenant '{owner.name}', not to '{tenant}'")
            continue
        admission = sso_rule_admission(rule, snapshot, context, tenant=tenant)
        if admission.needs:
            return SignOn(needs=admission.needs)
        if not admission.problem:
            return _applied(rule, text, snapshot, refused=tuple(foreign))
        said = f"SSORule {text} is rejected: {admission.problem}"
        if not context.settings.enable_evh:
            return SignOn(refused=(*foreign, said))
        in_force = False
        if not is_entitled(rule.namespace, host, snapshot, context):
            known = snapshot.reference(service)
            if known is None:
                return SignOn(needs=frozenset({service}))
            if known.sso_rule != text:
                foreign.append(f"{said}; it has no say here, as its namespace has no Ingress for host '{host}'")
                continue
            in_force = True
        what = f"; host '{host}' is disabled until it can be applied"
        # Named in the virtual service, it is still known as the one in force after the host is closed.
        return SignOn(text=text if in_force else "", closed=True, refused=(*foreign, f"{said}{what}"))
    return SignOn(refused=tuple(foreign))


def with_sign_on(service: avi.VirtualService, found: SignOn) -> avi.VirtualService:
    """The virtual service of a host with its sign-on."""
    if found.closed:
        return msgspec.structs.replace(service, enabled=False)
    if not found.policy:
        return service
    return msgspec.structs.replace(
        service,
        sso_policy_ref=Ref("ssopolicy", found.policy),
        oauth_vs_config=found.oauth,
        saml_sp_config=found.saml,
    )


def _applied(rule: SSORule, text: str, snapshot: Snapshot, *, refused: tuple[str, ...]) -> SignOn:
    spec, namespace = rule.spec, rule.namespace
    secrets = tuple(secret_text(name, key, namespace, snapshot) for key, name in client_secrets_of(rule))
    return SignOn(
        text=text,
        policy=spec.sso_policy_ref,
        oauth=UNSET if spec.oauth_vs_config is None else _oauth(spec.oauth_vs_config, namespace, snapshot),
        saml=UNSET if spec.saml_sp_config is None else _saml(spec.saml_sp_config),
        oauth_text=SecretText(oauth_text(spec.oauth_vs_config, namespace, snapshot)),
        saml_text=SecretText(saml_text(spec.saml_sp_config)),
        cksum=_cksum(rule.metadata.uid or text, secrets) if secrets else UNSET,
        refused=refused,
    )


def _cksum(salt: str, secrets: tuple[str, ...]) -> str:
    """Short on purpose, as the official checksums are: enough to see a change, too little to find a secret by."""
    digest = hashlib.sha256(msgspec.json.encode((salt, secrets))).hexdigest()
    return digest[:_CKSUM_DIGITS]


def _oauth(config: OAuthSpec, namespace: str, snapshot: Snapshot) -> OAuthVsConfig:
    return OAuthVsConfig(
        cookie_name=config.cookie_name or UNSET,
        cookie_timeout=_said(config.cookie_timeout),
        logout_uri=config.logout_uri or UNSET,
        oauth_settings=tuple(_application(one, namespace, snapshot) for one in config.oauth_settings) or UNSET,
        post_logout_redirect_uri=config.post_logout_redirect_uri or UNSET,
        redirect_uri=config.redirect_uri or UNSET,
    )


def _application(one: OAuthRule, namespace: str, snapshot: Snapshot) -> OAuthSettings:
    return OAuthSettings(
        auth_profile_ref=Ref("authprofile", one.auth_profile_ref),
        app_settings=UNSET if one.app_settings is None else _app_settings(one.app_settings, namespace, snapshot),
        resource_server=UNSET if one.resource_server is None else _server(one.resource_server, namespace, snapshot),
    )


def _app_settings(app: AppRule, namespace: str, snapshot: Snapshot) -> AppSettings:
    oidc = app.oidc_config
    return AppSettings(
        client_id=app.client_id,
        client_secret=SecretText(secret_text(app.client_secret, "client_secret", namespace, snapshot)),
        oidc_config=UNSET
        if oidc is None
        else OidcConfig(
            oidc_enable=_said(oidc.oidc_enable), profile=_said(oidc.profile), userinfo=_said(oidc.userinfo)
        ),
        scopes=app.scopes or UNSET,
    )


def _server(server: ResourceServerRule, namespace: str, snapshot: Snapshot) -> ResourceServer:
    opaque = server.opaque_token_params
    return ResourceServer(
        access_type=server.access_type,
        introspection_data_timeout=_said(server.introspection_data_timeout),
        jwt_params=UNSET if server.jwt_params is None else JwtParams(audience=server.jwt_params.audience),
        opaque_token_params=UNSET
        if opaque is None
        else OpaqueTokenParams(
            server_id=opaque.server_id,
            server_secret=SecretText(secret_text(opaque.server_secret, "server_secret", namespace, snapshot)),
        ),
    )


def _saml(config: SamlSpec) -> SamlSpConfig:
    certificate = config.signing_certificate
    return SamlSpConfig(
        entity_id=config.entity_id,
        single_signon_url=config.single_signon_url,
        authn_req_acs_type=config.authn_req_acs_type,
        acs_index=_said(config.acs_index),
        cookie_name=config.cookie_name or UNSET,
        cookie_timeout=_said(config.cookie_timeout),
        signing_ssl_key_and_certificate_ref=Ref("sslkeyandcertificate", certificate) if certificate else UNSET,
        use_idp_session_timeout=_said(config.use_idp_session_timeout),
    )


def _said(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value
