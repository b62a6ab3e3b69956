"""Single sign-on of a virtual service: OAuth/OIDC or SAML (Swagger 30.2.1, VirtualService).

The secrets of an application are written and never read back, as private keys are; that one has changed shows by the
checksum in the metadata of the virtual service (`ServiceMetadata.sso_cksum`). The keys of session cookies are made by
the controller: an update that left them out would end every session, so they are handed back as they were read.
"""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import UNSET, UnsetType

from ako_runtime.model.avi_struct import AviStruct
from ako_runtime.model.refs import Ref
from ako_runtime.settings.values import SecretText


class CookieKey(AviStruct, frozen=True, kw_only=True):
    """Keys of session cookies, made by the controller."""

    name: str | UnsetType = UNSET
    aes_key: str | UnsetType = UNSET
    hmac_key: str | UnsetType = UNSET


class OidcConfig(AviStruct, frozen=True, kw_only=True):
    """Which OpenID Connect scopes are asked for."""

    defaults: ClassVar[Mapping[str, object]] = {"oidc_enable": False, "profile": True, "userinfo": False}

    oidc_enable: bool | UnsetType = UNSET
    profile: bool | UnsetType = UNSET
    userinfo: bool | UnsetType = UNSET


class AppSettings(AviStruct, frozen=True, kw_only=True):
    """The application as the authorization server knows it."""

    write_only: ClassVar[frozenset[str]] = frozenset({"client_secret"})

    client_id: str
    client_secret: SecretText | UnsetType = UNSET
    oidc_config: OidcConfig | UnsetType = UNSET
    scopes: tuple[str, ...] | UnsetType = UNSET


class JwtParams(AviStruct, frozen=True, kw_only=True):
    """How a JWT is validated."""

    audience: str


class OpaqueTokenParams(AviStruct, frozen=True, kw_only=True):
    """How an opaque token is looked up."""

    write_only: ClassVar[frozenset[str]] = frozenset({"server_secret"})

    server_id: str
    server_secret: SecretText | UnsetType = UNSET


class ResourceServer(AviStruct, frozen=True, kw_only=True):
    """How access tokens are validated; minutes, 0 for no caching."""

    defaults: ClassVar[Mapping[str, object]] = {"introspection_data_timeout": 0}

    access_type: str
    introspection_data_timeout: int | UnsetType = UNSET
    jwt_params: JwtParams | UnsetType = UNSET
    opaque_token_params: OpaqueTokenParams | UnsetType = UNSET


class OAuthSettings(AviStruct, frozen=True, kw_only=True):
    """An application and its identity provider."""

    auth_profile_ref: Ref
    app_settings: AppSettings | UnsetType = UNSET
    resource_server: ResourceServer | UnsetType = UNSET


class OAuthVsConfig(AviStruct, frozen=True, kw_only=True):
    """OAuth or OIDC; minutes."""

    defaults: ClassVar[Mapping[str, object]] = {"cookie_timeout": 60}
    kept: ClassVar[frozenset[str]] = frozenset({"key"})

    cookie_name: str | UnsetType = UNSET
    cookie_timeout: int | UnsetType = UNSET
    logout_uri: str | UnsetType = UNSET
    oauth_settings: tuple[OAuthSettings, ...] | UnsetType = UNSET
    post_logout_redirect_uri: str | UnsetType = UNSET
    redirect_uri: str | UnsetType = UNSET
    key: tuple[CookieKey, ...] | UnsetType = UNSET


class SamlSpConfig(AviStruct, frozen=True, kw_only=True):
    """SAML: the application as a service provider; minutes."""

    defaults: ClassVar[Mapping[str, object]] = {"cookie_timeout": 60, "use_idp_session_timeout": False}
    kept: ClassVar[frozenset[str]] = frozenset({"key"})

    entity_id: str
    single_signon_url: str
    authn_req_acs_type: str
    acs_index: int | UnsetType = UNSET
    cookie_name: str | UnsetType = UNSET
    cookie_timeout: int | UnsetType = UNSET
    signing_ssl_key_and_certificate_ref: Ref | UnsetType = UNSET
    use_idp_session_timeout: bool | UnsetType = UNSET
    key: tuple[CookieKey, ...] | UnsetType = UNSET
