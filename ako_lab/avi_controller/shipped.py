"""What the product ships: objects that every controller has from its first start, as data.

Names and kinds are those of release 30.2.1 that public clients refer to (the official controller for Kubernetes, the
official Terraform provider and Ansible modules, and what operators write with them). Contents are the least that makes
an object what its name says. Whoever names one of them in a rule finds it in a fresh lab as in a fresh controller.
"""

from collections.abc import Iterator, Mapping

from ako_lab.avi_controller.values import Document

CERTIFICATES = (
    "System-Default-Portal-Cert",
    "System-Default-Portal-Cert-EC256",
    "System-Default-Cert",
    "System-Default-Cert-EC",
    "System-Default-Secure-Channel-Cert",
)
PORTAL_PROFILE = "System-Standard-Portal"
ROLES: Mapping[str, str] = {
    "System-Admin": "WRITE_ACCESS",
    "Tenant-Admin": "WRITE_ACCESS",
    "Application-Admin": "WRITE_ACCESS",
    "Application-Operator": "READ_ACCESS",
}
"""Role to what it may do with every resource."""

_APPLICATION_PROFILES = {
    "System-HTTP": "APPLICATION_PROFILE_TYPE_HTTP",
    "System-Secure-HTTP": "APPLICATION_PROFILE_TYPE_HTTP",
    "System-Secure-HTTP-VDI": "APPLICATION_PROFILE_TYPE_HTTP",
    "System-L4-Application": "APPLICATION_PROFILE_TYPE_L4",
    "System-SSL-Application": "APPLICATION_PROFILE_TYPE_SSL",
    "System-DNS": "APPLICATION_PROFILE_TYPE_DNS",
}
_NETWORK_PROFILES: Mapping[str, tuple[str, str, Document]] = {
    "System-TCP-Proxy": ("PROTOCOL_TYPE_TCP_PROXY", "tcp_proxy_profile", {"automatic": True}),
    "System-TCP-Fast-Path": ("PROTOCOL_TYPE_TCP_FAST_PATH", "tcp_fast_path_profile", {}),
    "System-TCP-Fast-Path-VDI": ("PROTOCOL_TYPE_TCP_FAST_PATH", "tcp_fast_path_profile", {}),
    "System-UDP-Fast-Path": ("PROTOCOL_TYPE_UDP_FAST_PATH", "udp_fast_path_profile", {}),
    "System-UDP-Fast-Path-VDI": ("PROTOCOL_TYPE_UDP_FAST_PATH", "udp_fast_path_profile", {}),
    "System-UDP-No-SNAT": ("PROTOCOL_TYPE_UDP_FAST_PATH", "udp_fast_path_profile", {"snat": False}),
    "System-UDP-Per-Pkt": ("PROTOCOL_TYPE_UDP_FAST_PATH", "udp_fast_path_profile", {"per_pkt_loadbalance": True}),
    "System-SCTP-Proxy": ("PROTOCOL_TYPE_SCTP_PROXY", "sctp_proxy_profile", {}),
}
_HTTP_CHECK: Document = {"http_request": "HEAD / HTTP/1.0", "http_response_code": ["HTTP_2XX", "HTTP_3XX"]}
_HEALTH_MONITORS: Mapping[str, Document] = {
    "System-TCP": {"type": "HEALTH_MONITOR_TCP", "tcp_monitor": {}},
    "System-UDP": {"type": "HEALTH_MONITOR_UDP", "udp_monitor": {}},
    "System-SCTP": {"type": "HEALTH_MONITOR_SCTP", "sctp_monitor": {}},
    "System-HTTP": {"type": "HEALTH_MONITOR_HTTP", "http_monitor": _HTTP_CHECK},
    "System-HTTPS": {"type": "HEALTH_MONITOR_HTTPS", "https_monitor": _HTTP_CHECK},
    "System-Ping": {"type": "HEALTH_MONITOR_PING"},
    "System-DNS": {"type": "HEALTH_MONITOR_DNS", "dns_monitor": {"query_name": "www.google.com"}},
    **{
        f"System-Xternal-{language}": {
            "type": "HEALTH_MONITOR_EXTERNAL",
            "external_monitor": {"command_code": "# the check that ships with the product"},
        }
        for language in ("Perl", "Python", "Shell")
    },
}
_PERSISTENCE: Mapping[str, Document] = {
    "System-Persistence-Client-IP": {
        "persistence_type": "PERSISTENCE_TYPE_CLIENT_IP_ADDRESS",
        "ip_persistence_profile": {},
    },
    "System-Persistence-Http-Cookie": {
        "persistence_type": "PERSISTENCE_TYPE_HTTP_COOKIE",
        "http_cookie_persistence_profile": {},
    },
    "System-Persistence-App-Cookie": {
        "persistence_type": "PERSISTENCE_TYPE_APP_COOKIE",
        "app_cookie_persistence_profile": {"prst_hdr_name": "JSESSIONID"},
    },
    "System-Persistence-TLS": {"persistence_type": "PERSISTENCE_TYPE_TLS"},
}
_SSL_PROFILES = ("System-Standard", "System-Standard-PFS", PORTAL_PROFILE)
_STRING_GROUPS: Mapping[str, tuple[str, ...]] = {
    "System-Compressible-Content-Types": ("text/html", "text/xml", "text/plain", "text/css", "application/pdf"),
    "System-Cacheable-Resource-Types": ("text/css", "image/png", "image/jpeg", "application/pdf"),
    "System-Devices-Mobile": ("Android", "iPhone"),
}
_PARSERS = ("Default-TLS", "Default-DHCP", "Default-Radius", "Default-FIX")


def shipped_objects() -> Iterator[tuple[str, Document]]:
    """Type and body of each object, in an order in which each may refer to those before it; no certificates."""
    for name, kind in _APPLICATION_PROFILES.items():
        yield "applicationprofile", {"name": name, "type": kind}
    for name, (kind, field, content) in _NETWORK_PROFILES.items():
        yield "networkprofile", {"name": name, "profile": {"type": kind, field: content}}
    for kind, contents in (("healthmonitor", _HEALTH_MONITORS), ("applicationpersistenceprofile", _PERSISTENCE)):
        for name, content in contents.items():
            yield kind, {"name": name, **content}
    for name in _SSL_PROFILES:
        yield "sslprofile", {"name": name, "accepted_versions": [{"type": "SSL_VERSION_TLS1_2"}]}
    yield "analyticsprofile", {"name": "System-Analytics-Profile"}
    for name in _PARSERS:
        yield "protocolparser", {"name": name, "parser_code": "-- the parser that ships with the product"}
    for name, keys in _STRING_GROUPS.items():
        yield "stringgroup", {"name": name, "type": "SG_TYPE_STRING", "kv": [{"key": key} for key in keys]}
    yield "errorpageprofile", {"name": "Custom-Error-Page-Profile"}
    yield "wafprofile", {"name": "System-WAF-Profile"}
    profile = "/api/wafprofile/?name=System-WAF-Profile"
    yield "wafpolicy", {"name": "System-WAF-Policy", "mode": "WAF_MODE_DETECTION_ONLY", "waf_profile_ref": profile}
