"""Rules across settings, and remarks about settings that work but may not do what was meant.

`conflicts` are errors: with them the runtime could not do what is asked for. The names in their messages are those
that the user wrote. `remarks` are for people: `ako config check` prints them and the runtime logs them at its start.
What only the Avi Controller can tell (does the cloud exist, may it have a tier-1 router) is not decided here.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from ako_runtime.settings.catalogue import ALL_SETTINGS, BY_KEY
from ako_runtime.settings.decoding import Given
from ako_runtime.settings.problems import Problem
from ako_runtime.settings.values import Settings

_LONGEST_CLUSTER_NAME: Final = 32
_OLDEST_CONTROLLER: Final = (22, 1, 3)


class _Names:
    """Names under which settings were written; an unwritten one goes by its usual name in the same kind of document."""

    def __init__(self, given: Mapping[str, Given]) -> None:
        self._given = given
        written = {item.written for item in given.values()}
        self._values = any(item.helm in written or set(item.helm_aliases) & written for item in ALL_SETTINGS)
        self._environment = bool(given) and all(item.env in written for item in ALL_SETTINGS if item.name in given)

    def __call__(self, name: str) -> str:
        if name in self._given:
            return self._given[name].written
        setting = next(item for item in ALL_SETTINGS if item.name == name)
        usual = setting.helm if self._values else setting.env if self._environment else None
        return usual or (f"avi-secret {name}" if setting.secret else name)


def conflicts(settings: Settings, given: Mapping[str, Given], *, credentials: bool) -> list[Problem]:
    """Every rule across settings that is broken; `credentials` asks for a user and a password or token."""
    names = _Names(given)
    found = [*_missing(settings, names), *_network_conflicts(settings, names), *_mode_conflicts(settings, names)]
    if credentials:
        found.extend(_credential_conflicts(settings, names))
    return found


def _missing(settings: Settings, name_of: Callable[[str], str]) -> Iterable[Problem]:
    if not settings.controller_host:
        yield Problem(name=name_of("controllerIP"), message="is required: the Avi Controller's address or host name")
    if not settings.vip_networks and not settings.vpc_mode:
        yield Problem(name=name_of("vipNetworkList"), message="is required: at least one network for virtual addresses")


def _network_conflicts(settings: Settings, name_of: Callable[[str], str]) -> Iterable[Problem]:
    if settings.bgp_peer_labels and not settings.enable_rhi:
        yield Problem(name=name_of("bgpPeerLabels"), message=f"needs {name_of('enableRHI')} to be true")
    if settings.vpc_mode and settings.vip_networks:
        yield Problem(name=name_of("vipNetworkList"), message=f"must be empty with {name_of('vpcMode')}")
    if settings.vpc_mode and not _is_vpc_path(settings.nsxt_t1_lr):
        yield Problem(
            name=name_of("nsxtT1LR"),
            message=f"must be /orgs/<org>/projects/<project>/vpcs/<vpc> with {name_of('vpcMode')}",
        )


def _is_vpc_path(path: str) -> bool:
    match path.split("/"):
        case ["", "orgs", org, "projects", project, "vpcs", vpc]:
            return bool(org and project and vpc)
        case _:
            return False


def _mode_conflicts(settings: Settings, name_of: Callable[[str], str]) -> Iterable[Problem]:
    if settings.service_type == "NodePortLocal" and settings.cni_plugin != "antrea":
        yield Problem(name=name_of("serviceType"), message=f"NodePortLocal needs {name_of('cniPlugin')} to be antrea")
    if settings.controller_version and _version(settings.controller_version) < _OLDEST_CONTROLLER:
        oldest = ".".join(map(str, _OLDEST_CONTROLLER))
        yield Problem(name=name_of("controllerVersion"), message=f"must be {oldest} or newer")


def half_written(settings: Settings, given: Mapping[str, Given]) -> list[Problem]:
    """Pairs of which one half is missing: neither has an effect, as with the official AKO."""
    name_of = _Names(given)
    found = []
    if bool(settings.ns_sync_label_key) != bool(settings.ns_sync_label_value):
        have, lack = ("nsSyncLabelKey", "nsSyncLabelValue")
        if settings.ns_sync_label_value:
            have, lack = lack, have
        text = (
            f"is required with {name_of(have)}: write both or neither; in force is neither, all Namespaces are served"
        )
        found.append(Problem(name=name_of(lack), message=text))
    if settings.node_value and not settings.node_key:
        text = f"is required with {name_of('nodeValue')}; without it all Nodes serve"
        found.append(Problem(name=name_of("nodeKey"), message=text))
    return found


def unusual(settings: Settings, given: Mapping[str, Given]) -> list[Problem]:
    """What the official AKO takes as it stands although it can hardly be meant."""
    if not settings.nsxt_t1_lr or settings.nsxt_t1_lr.startswith("/") or settings.vpc_mode:
        return []
    text = f"'{settings.nsxt_t1_lr}' is no path; NSX-T knows a tier-1 router as /infra/tier-1s/<ID>"
    return [Problem(name=_Names(given)("nsxtT1LR"), message=text)]


def without_halves(settings: Settings) -> Settings:
    """The settings without pairs of which one half is missing."""
    if not (settings.ns_sync_label_key and settings.ns_sync_label_value):
        settings = msgspec.structs.replace(settings, ns_sync_label_key="", ns_sync_label_value="")
    if not settings.node_key:
        settings = msgspec.structs.replace(settings, node_value="")
    return settings


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _credential_conflicts(settings: Settings, name_of: Callable[[str], str]) -> Iterable[Problem]:
    if not settings.username:
        yield Problem(name=name_of("username"), message="is required: a user on the Avi Controller")
    if not settings.password and not settings.auth_token:
        yield Problem(name=name_of("password"), message="is required, or authtoken instead of it")


def remarks(settings: Settings) -> tuple[tuple[str, str], ...]:
    """(setting, remark) for what works but deserves a word: settings without effect, names longer than documented."""
    found = [(problem.name, problem.message) for problem in settings.tolerated]
    found += [
        (item.name, "is accepted but has no effect in this version")
        for item in BY_KEY.values()
        if not item.honoured and getattr(settings, item.attribute) != getattr(_DEFAULTS, item.attribute)
    ]
    if settings.service_type != "ClusterIP":
        found.append(("serviceType", "has no effect on pool members in this version: they are pod addresses"))
    if len(settings.cluster_name) > _LONGEST_CLUSTER_NAME:
        found.append(("clusterName", f"is longer than the documented {_LONGEST_CLUSTER_NAME} characters"))
    if settings.cluster_name == _DEFAULTS.cluster_name:
        found.append(("clusterName", "is the default of every cluster: two of one name cannot share an Avi Controller"))
    if settings.vip_per_namespace and not settings.enable_evh:
        found.append(("vipPerNamespace", "has no effect without enableEVH"))
    if settings.fqdn_reuse_policy == "Strict" and not settings.enable_evh:
        found.append(("fqdnReusePolicy", "Strict has no effect without enableEVH"))
    if settings.node_key and settings.service_type != "NodePort":
        found.append(("nodeKey", "has no effect unless serviceType is NodePort"))
    if settings.username and not settings.certificate_authority:
        found.append(("certificateAuthorityData", "is not set: the Avi Controller's certificate is not verified"))
    return tuple(found)


_DEFAULTS: Final = Settings()
