"""Ingresses and what they need, as Kubernetes objects for tests."""

import base64
import datetime as dt
import functools

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from support.paths import ROOT

# Settings of every way to serve hosts.
MODES = {
    "evh": {"enableEVH": "true", "shardVSSize": "SMALL"},
    "sni": {"enableEVH": "false", "shardVSSize": "SMALL"},
    "dedicated-evh": {"enableEVH": "true", "shardVSSize": "DEDICATED"},
    "dedicated-sni": {"enableEVH": "false", "shardVSSize": "DEDICATED"},
    "namespace": {"enableEVH": "true", "vipPerNamespace": "true"},
}

_CRDS = ROOT / "packaging/helm/ako/crds"


def ingress_class(name="avi-lb", *, controller="ako.vmware.com/avi-lb", default=False):
    """An IngressClass."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {
            "name": name,
            "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"} if default else {},
        },
        "spec": {"controller": controller},
    }


def ingress(name, hosts, *, tls=None, class_name="avi-lb", namespace="default", **annotations):
    """An Ingress; `hosts` maps a host to paths and their Services."""
    rules = [
        {
            "host": host,
            "http": {
                "paths": [
                    {
                        "path": path,
                        "pathType": "Prefix",
                        "backend": {"service": {"name": service, "port": {"number": 80}}},
                    }
                    for path, service in paths.items()
                ]
            },
        }
        for host, paths in hosts.items()
    ]
    secured = [] if tls is None else [{"hosts": list(hosts), "secretName": tls}]
    spec = {"ingressClassName": class_name, "rules": rules, "tls": secured}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
        "spec": spec,
    }


def backend(name, namespace="default"):
    """A ClusterIP Service with port 80."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": "ClusterIP", "ports": [{"name": "p80", "port": 80, "protocol": "TCP"}]},
    }


@functools.cache
def key_pair(host, number):
    """A self-signed certificate and its key in PEM; another `number` is another pair."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    start = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(number)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()


def definitions():
    """The definitions of our own kinds, as the chart has them."""
    return [yaml.safe_load(path.read_text()) for path in sorted(_CRDS.glob("ako.vmware.com_*.yaml"))]


def sso_rule(name, host, *, secret="app", namespace="default", **config):
    """An SSORule for OAuth with an auth profile `idp` and an SSO policy `login`; `config` is more of oauthVsConfig."""
    application = {"clientID": "shop", "clientSecret": secret}
    settings = [{"authProfileRef": "idp", "appSettings": application}]
    return {
        "apiVersion": "ako.vmware.com/v1alpha2",
        "kind": "SSORule",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"fqdn": host, "ssoPolicyRef": "login", "oauthVsConfig": {"oauthSettings": settings, **config}},
    }


def client_secret(name, text, *, namespace="default"):
    """A Secret that an SSORule may name."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"clientSecret": base64.b64encode(text.encode()).decode()},
    }


def tls_secret(name, host, *, number=1, namespace="default"):
    """A TLS Secret."""
    certificate, key = key_pair(host, number)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": namespace},
        "data": {
            "tls.crt": base64.b64encode(certificate.encode()).decode(),
            "tls.key": base64.b64encode(key.encode()).decode(),
        },
    }
