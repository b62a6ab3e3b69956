"""SSORule: who must log in before a host of an Ingress answers (ako-behaviour 4.5), and the Secrets that it names.

Same group, version and fields as the official definition; defaults make every shape decode, as with the other rules.
What is not said stays unsaid (None), because the controller has defaults of its own.

Of a Secret that an SSORule may name only two keys are decoded. The other Opaque Secrets of a namespace come with the
same list, and nothing of them is kept.
"""

from msgspec import Struct, field

from ako_runtime.resources.ako import AdmissionStatus
from ako_runtime.resources.meta import Resource


class OidcRule(Struct, frozen=True, kw_only=True, rename="camel"):
    """Which OpenID Connect scopes are asked for."""

    oidc_enable: bool | None = None
    profile: bool | None = None
    userinfo: bool | None = None


class AppRule(Struct, frozen=True, kw_only=True):
    """The application; `client_secret` names a Secret of the rule's namespace."""

    client_id: str = field(default="", name="clientID")
    client_secret: str = field(default="", name="clientSecret")
    scopes: tuple[str, ...] = ()
    oidc_config: OidcRule | None = field(default=None, name="oidcConfig")


class JwtRule(Struct, frozen=True, kw_only=True):
    """How a JWT is validated."""

    audience: str = ""


class OpaqueTokenRule(Struct, frozen=True, kw_only=True):
    """How an opaque token is looked up; `server_secret` names a Secret of the rule's namespace."""

    server_id: str = field(default="", name="serverID")
    server_secret: str = field(default="", name="serverSecret")


class ResourceServerRule(Struct, frozen=True, kw_only=True, rename="camel"):
    """How access tokens are validated; minutes."""

    access_type: str = ""
    introspection_data_timeout: int | None = None
    jwt_params: JwtRule | None = None
    opaque_token_params: OpaqueTokenRule | None = None


class OAuthRule(Struct, frozen=True, kw_only=True, rename="camel"):
    """An application and its identity provider."""

    auth_profile_ref: str = ""
    app_settings: AppRule | None = None
    resource_server: ResourceServerRule | None = None


class OAuthSpec(Struct, frozen=True, kw_only=True):
    """OAuth or OIDC; minutes."""

    cookie_name: str = field(default="", name="cookieName")
    cookie_timeout: int | None = field(default=None, name="cookieTimeout")
    logout_uri: str = field(default="", name="logoutURI")
    oauth_settings: tuple[OAuthRule, ...] = field(default=(), name="oauthSettings")
    post_logout_redirect_uri: str = field(default="", name="postLogoutRedirectURI")
    redirect_uri: str = field(default="", name="redirectURI")


class SamlSpec(Struct, frozen=True, kw_only=True):
    """SAML: the application as a service provider; minutes."""

    entity_id: str = field(default="", name="entityID")
    single_signon_url: str = field(default="", name="singleSignonURL")
    authn_req_acs_type: str = field(default="", name="authnReqAcsType")
    acs_index: int | None = field(default=None, name="acsIndex")
    cookie_name: str = field(default="", name="cookieName")
    cookie_timeout: int | None = field(default=None, name="cookieTimeout")
    signing_certificate: str = field(default="", name="signingSslKeyAndCertificateRef")
    use_idp_session_timeout: bool | None = field(default=None, name="useIdpSessionTimeout")


class SSORuleSpec(Struct, frozen=True, kw_only=True):
    """Desired state of an SSORule; exactly one of the two configurations."""

    fqdn: str = ""
    sso_policy_ref: str = field(default="", name="ssoPolicyRef")
    oauth_vs_config: OAuthSpec | None = field(default=None, name="oauthVsConfig")
    saml_sp_config: SamlSpec | None = field(default=None, name="samlSpConfig")


class SSORule(Resource, frozen=True, kw_only=True, rename="camel"):
    """ako.vmware.com/v1alpha2 SSORule."""

    spec: SSORuleSpec = SSORuleSpec()
    status: AdmissionStatus = AdmissionStatus()


class ClientSecretData(Struct, frozen=True, kw_only=True, rename="camel"):
    """The two keys that an SSORule reads, base64."""

    client_secret: str = ""
    server_secret: str = ""

    def __repr__(self) -> str:
        return "ClientSecretData(redacted)"


class ClientSecret(Resource, frozen=True, kw_only=True, rename="camel"):
    """core/v1 Secret of type Opaque."""

    data: ClientSecretData = ClientSecretData()


CLIENT_SECRETS = "clientsecrets"
"""The key under which these Secrets are kept, beside the `secrets` with certificates."""
