"""What a configuration switches on, as far as it decides about the kinds that are watched, and where."""

from ako_runtime.settings import Settings


def syncs_routes(settings: Settings) -> bool:
    """Whether this instance programs static routes (ako-behaviour 1.5)."""
    return (
        settings.primary_instance
        and settings.service_type == "ClusterIP"
        and not settings.disable_static_route_sync
        and settings.cni_plugin != "ncp"
    )


def tls_secret_namespaces(settings: Settings) -> tuple[str, ...]:
    """Where Secrets with certificates are read; an empty name stands for the whole cluster."""
    if settings.tls_secrets_scope == "cluster":
        return ("",)
    return tuple(sorted(set(settings.tls_secrets_namespaces))) if settings.tls_secrets_scope == "namespaces" else ()


def reads_tls_secrets(settings: Settings, namespace: str) -> bool:
    """Whether Secrets with certificates of this namespace are read."""
    return settings.tls_secrets_scope == "cluster" or namespace in tls_secret_namespaces(settings)
