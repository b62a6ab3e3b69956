"""Which features a configuration switches on, as far as they decide about the kinds that are watched."""

from ako_runtime.settings import Settings


def syncs_routes(settings: Settings) -> bool:
    """Whether this instance programs static routes (ako-behaviour 1.5)."""
    return (
        settings.primary_instance
        and settings.service_type == "ClusterIP"
        and not settings.disable_static_route_sync
        and settings.cni_plugin != "ncp"
    )
