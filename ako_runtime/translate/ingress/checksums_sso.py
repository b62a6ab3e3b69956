"""A login as the official AKO counts it in the checksum of a virtual service: as its SSORule says it.

Names are those of the resource, in alphabetical order; what the resource names is a reference, and the secrets are in
it, because a new secret must be a new checksum.
"""

import msgspec

from ako_runtime.model.checksums import alphabetical, reference
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.resources.sso import AppRule, OAuthRule, OAuthSpec, ResourceServerRule, SamlSpec
from ako_runtime.translate.ingress.sso_admission import secret_text

_BY_INDEX = "SAML_AUTHN_REQ_ACS_TYPE_INDEX"
Said = dict[str, object]


def oauth_text(config: OAuthSpec | None, namespace: str, snapshot: Snapshot) -> str:
    """`oauthVsConfig` as JSON; empty if there is none."""
    if config is None:
        return ""
    applications = [_application(one, namespace, snapshot) for one in config.oauth_settings]
    return alphabetical(_said(config) | ({"oauthSettings": applications} if applications else {}))


def saml_text(config: SamlSpec | None) -> str:
    """`samlSpConfig` as JSON; empty if there is none."""
    if config is None:
        return ""
    found = _said(config)
    if config.authn_req_acs_type != _BY_INDEX:
        found.pop("acsIndex", None)
    if config.signing_certificate:
        found["signingSslKeyAndCertificateRef"] = reference("sslkeyandcertificate", config.signing_certificate)
    return alphabetical(found)


def _application(one: OAuthRule, namespace: str, snapshot: Snapshot) -> Said:
    found: Said = {"authProfileRef": reference("authprofile", one.auth_profile_ref)}
    if one.app_settings is not None:
        found["appSettings"] = _app_settings(one.app_settings, namespace, snapshot)
    if one.resource_server is not None:
        found["resourceServer"] = _server(one.resource_server, namespace, snapshot)
    return found


def _app_settings(app: AppRule, namespace: str, snapshot: Snapshot) -> Said:
    secret = secret_text(app.client_secret, "client_secret", namespace, snapshot)
    return _said(app) | {"clientSecret": secret} | ({"oidcConfig": _said(app.oidc_config)} if app.oidc_config else {})


def _server(server: ResourceServerRule, namespace: str, snapshot: Snapshot) -> Said:
    found, opaque = _said(server), server.opaque_token_params
    if opaque is None:
        found.pop("introspectionDataTimeout", None)
        return found
    secret = secret_text(opaque.server_secret, "server_secret", namespace, snapshot)
    return found | {"opaqueTokenParams": _said(opaque) | {"serverSecret": secret}}


def _said(value: msgspec.Struct) -> Said:
    """What the resource says, without what it leaves open."""
    document = msgspec.to_builtins(value)
    return {name: it for name, it in document.items() if it is not None and it not in ("", [], ())}
