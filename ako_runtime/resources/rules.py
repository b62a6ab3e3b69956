"""HostRule, HTTPRule and L7Rule: what operators attach to hosts and paths of Ingresses (ako-behaviour 4.2, 4.3, 4.6).

Same groups, versions and fields as the official definitions. Defaults make every shape decode; what a value may be is
judged by `ako_runtime.translate.rules`, so that a wrong rule gets its verdict instead of being skipped.
"""

from msgspec import Struct, field

from ako_runtime.resources.ako import AdmissionStatus, RuleLimits
from ako_runtime.resources.meta import Resource


class CertificateName(Struct, frozen=True, kw_only=True):
    """A certificate on the controller (`ref`) or a Secret of the rule's namespace (`secret`)."""

    name: str = ""
    type: str = "ref"


class KeyCertificate(CertificateName, frozen=True, kw_only=True, rename="camel"):
    """The certificate of a host, with one of the other kind of key beside it."""

    alternate_certificate: CertificateName | None = None


class RuleTls(Struct, frozen=True, kw_only=True, rename="camel"):
    """TLS of a host; `termination` is always `edge`."""

    ssl_key_certificate: KeyCertificate | None = None
    ssl_profile: str = ""
    termination: str = ""


class HttpPolicies(Struct, frozen=True, kw_only=True, rename="camel"):
    """Policy sets on the controller, beside ours or instead of them."""

    policy_sets: tuple[str, ...] = ()
    overwrite: bool = False


class ThrottledLogs(Struct, frozen=True, kw_only=True):
    """Logs of every request; minutes."""

    enabled: bool = False
    throttle: str = "HIGH"
    duration: int = 0


class HostAnalytics(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is logged of a host."""

    full_client_logs: ThrottledLogs | None = None
    log_all_headers: bool = False


class RuleListener(Struct, frozen=True, kw_only=True):
    """A port of a virtual service."""

    port: int = 0
    enable_ssl: bool = field(default=False, name="enableSSL")


class TcpSettings(Struct, frozen=True, kw_only=True):
    """Ports and address of a shared or dedicated virtual service."""

    listeners: tuple[RuleListener, ...] = ()
    load_balancer_ip: str = field(default="", name="loadBalancerIP")


class GlobalName(Struct, frozen=True, kw_only=True, rename="camel"):
    """The name under which a host is known in several clusters."""

    fqdn: str = ""
    include_aliases: bool = False


class VirtualHost(Struct, frozen=True, kw_only=True, rename="camel"):
    """Properties of a host."""

    fqdn: str = ""
    fqdn_type: str = "Exact"
    enable_virtual_host: bool | None = None
    tls: RuleTls | None = None
    http_policy: HttpPolicies = HttpPolicies()
    waf_policy: str = ""
    application_profile: str = ""
    analytics_profile: str = ""
    error_page_profile: str = ""
    icap_profile: tuple[str, ...] = ()
    datascripts: tuple[str, ...] = ()
    network_security_policy: str = ""
    l7_rule: str = field(default="", name="l7Rule")
    gslb: GlobalName = GlobalName()
    analytics_policy: HostAnalytics | None = None
    tcp_settings: TcpSettings = TcpSettings()
    aliases: tuple[str, ...] = ()
    use_regex: bool = False
    application_root_path: str = ""


class HostRuleSpec(Struct, frozen=True, kw_only=True):
    """Desired state of a HostRule."""

    virtualhost: VirtualHost = VirtualHost()


class HostRule(Resource, frozen=True, kw_only=True, rename="camel"):
    """ako.vmware.com/v1beta1 HostRule."""

    spec: HostRuleSpec = HostRuleSpec()
    status: AdmissionStatus = AdmissionStatus()


class LoadBalancerPolicy(Struct, frozen=True, kw_only=True, rename="camel"):
    """How a pool chooses a member."""

    algorithm: str = ""
    hash: str = ""
    host_header: str = ""


class BackendTls(Struct, frozen=True, kw_only=True):
    """TLS towards the pods; `type` is always `reencrypt`."""

    type: str = ""
    ssl_profile: str = field(default="", name="sslProfile")
    pki_profile: str = field(default="", name="pkiProfile")
    destination_ca: str = field(default="", name="destinationCA")


class PathRule(Struct, frozen=True, kw_only=True):
    """Properties of the pools of the paths that begin with `target`."""

    target: str = ""
    load_balancer_policy: LoadBalancerPolicy = field(default=LoadBalancerPolicy(), name="loadBalancerPolicy")
    health_monitors: tuple[str, ...] = field(default=(), name="healthMonitors")
    application_persistence: str = field(default="", name="applicationPersistence")
    tls: BackendTls | None = None
    enable_http2: bool | None = field(default=None, name="enableHTTP2")


class HTTPRuleSpec(Struct, frozen=True, kw_only=True):
    """Desired state of an HTTPRule."""

    fqdn: str = ""
    paths: tuple[PathRule, ...] = ()


class HTTPRule(Resource, frozen=True, kw_only=True, rename="camel"):
    """ako.vmware.com/v1beta1 HTTPRule."""

    spec: HTTPRuleSpec = HTTPRuleSpec()
    status: AdmissionStatus = AdmissionStatus()


class AviName(Struct, frozen=True, kw_only=True):
    """An object on the controller; `kind` is always `AviRef`."""

    kind: str = "AviRef"
    name: str = ""


class L7RuleSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """Desired state of an L7Rule."""

    allow_invalid_client_cert: bool = False
    bot_policy_ref: str = ""
    close_client_conn_on_config_update: bool = False
    host_name_xlate: str = ""
    ign_pool_net_reach: bool = False
    min_pools_up: int | None = None
    performance_limits: RuleLimits | None = None
    remove_listening_port_on_vs_down: bool = False
    security_policy_ref: str = ""
    ssl_sess_cache_avg_size: int = 1024
    traffic_clone_profile_ref: str = ""
    analytics_profile: AviName = AviName()
    application_profile: AviName = AviName()
    waf_policy: AviName = AviName()
    icap_profile: AviName = AviName()
    error_page_profile: AviName = AviName()
    analytics_policy: HostAnalytics | None = None
    http_policy: HttpPolicies = HttpPolicies()


class L7Rule(Resource, frozen=True, kw_only=True, rename="camel"):
    """ako.vmware.com/v1alpha2 L7Rule, named by HostRules of its namespace."""

    spec: L7RuleSpec = L7RuleSpec()
    status: AdmissionStatus = AdmissionStatus()
