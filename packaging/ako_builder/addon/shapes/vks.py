"""The official package of VKS (`ako.kubernetes.vmware.com` 2.2): its options, with the types and defaults it has.

Most options have the paths of the chart's values, but not its types (several booleans are texts, "true" and "false")
and not its defaults; which differ is computed (`unlike_defaults`), never listed. Options that neither the chart nor the
runtime has keep their path behind `addon:` in an intent, so that a way there and back loses nothing. Certainty B: read
from the documentation that was generated from the package 2.2.1+vmware.1-vks.1.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from ako_builder.addon.documents import Document, Value, WrongKey
from ako_builder.addon.shapes.chart import wire_text
from ako_builder.addon.shapes.intent import (
    Intent,
    Loss,
    canonical_name,
    chart_default,
    flattened,
    has_place_in_chart,
    loss,
    put,
    typed,
)
from ako_builder.addon.shapes.keys import ADDON_PREFIX

Kind: TypeAlias = Literal["text", "boolean", "boolean text", "integer", "integer text", "array", "object"]
VERSION: Final = "2.2"


class Option(msgspec.Struct, frozen=True):
    """One option of the package; an object without a default is one whose content is free."""

    path: str
    kind: Kind = "text"
    default: Value = ""

    @property
    def name(self) -> str:
        """The key of this option in an intent."""
        name = canonical_name(self.path)
        return name if has_place_in_chart(name) else f"{ADDON_PREFIX}{self.path}"


def _texts(section: str, **defaults: str) -> tuple[Option, ...]:
    return tuple(Option(f"{section}{name}", "text", default) for name, default in defaults.items())


def _flags(section: str, **defaults: bool) -> tuple[Option, ...]:
    return tuple(Option(f"{section}{name}", "boolean", default) for name, default in defaults.items())


def _flag_texts(section: str, **defaults: bool) -> tuple[Option, ...]:
    return tuple(Option(f"{section}{name}", "boolean text", default) for name, default in defaults.items())


OPTIONS: Final[tuple[Option, ...]] = (
    Option("AKOSettings.apiServerPort", "integer", 8080),
    Option("AKOSettings.blockedNamespaceList", "array", []),
    *_texts("AKOSettings.", clusterName="my-cluster", cniPlugin="", ipFamily="", logLevel="INFO"),
    *_texts("AKOSettings.namespaceSelector.", labelKey="", labelValue=""),
    Option("AKOSettings.fullSyncFrequency", "integer text", 1800),
    *_flag_texts(
        "AKOSettings.",
        deleteConfig=False,
        disableStaticRouteSync=False,
        enableEvents=True,
        useDefaultSecretsOnly=False,
        vipPerNamespace=False,
    ),
    *_flags(
        "AKOSettings.",
        enableEVH=True,
        enableExternalNameService=False,
        istioEnabled=False,
        layer7Only=False,
        primaryInstance=True,
        servicesAPI=False,
        vpcMode=False,
    ),
    *_texts(
        "ControllerSettings.",
        cloudName="Default-Cloud",
        controllerHost="",
        controllerVersion="",
        serviceEngineGroupName="Default-Group",
        tenantName="admin",
        vrfName="",
    ),
    *_flags("ControllerSettings.", dedicatedTenantMode=False),
    *_texts("L4Settings.", autoFQDN="default", defaultDomain=""),
    *_flag_texts("L4Settings.", defaultLBController=False),
    *_flag_texts("L7Settings.", defaultIngController=True),
    *_texts(
        "L7Settings.",
        fqdnReusePolicy="InterNamespaceAllowed",
        passthroughShardSize="SMALL",
        serviceType="NodePort",
        shardVSSize="LARGE",
    ),
    *_flags("L7Settings.", noPGForSNI=False),
    *_texts("NetworkSettings.", defaultDomain="", nsxtT1LR=""),
    *_flags("NetworkSettings.", enableAutogw=True, enableRHI=False),
    Option("NetworkSettings.bgpPeerLabels", "array", []),
    Option("NetworkSettings.nodeNetworkList", "array", []),
    Option("NetworkSettings.vipNetworkList", "array", []),
    *_flags("akoCRDOperator.", enabled=True),
    *_texts("", akoCRDOperatorLogFile="ako-crd-operator.log", akoGatewayLogFile="avi-gw.log", logFile="avi.log"),
    *_texts("", mountPath="/log", namespace="avi-system", persistentVolumeClaim="", priorityClassName=""),
    *_texts("avicredentials.", authtoken="", certificateAuthorityData="", password="", username=""),
    *_texts("nodePortSelector.", key="", value=""),
    Option("crdOperatorResources", "object", None),
    Option("resources", "object", None),
    *_texts("persistentVolumeClaimSpec.", accessMode="ReadWriteOnce", storage="", storageClassName=""),
    Option("persistentVolumeClaimSpec.annotations", "object", None),
    *_flags("persistentVolumeClaimSpec.", enabled=True),
    *_flags("statusStreamer.", enabled=False),
    *_texts("statusStreamer.", statusStreamerLogFile="ako-status-streamer.log"),
    *_texts("statusStreamer.resources.limits.", cpu="128m", memory="128Mi"),
    *_texts("statusStreamer.resources.requests.", cpu="64m", memory="64Mi"),
    *_texts("vmciRelayResources.limits.", cpu="100m", memory="64Mi"),
    *_texts("vmciRelayResources.requests.", cpu="50m", memory="32Mi"),
)
"""All 75 options of 2.2.1+vmware.1-vks.1."""

_DOMAIN: Final = "NetworkSettings.defaultDomain"
_L4_DOMAIN: Final = "L4Settings.defaultDomain"
_BY_PATH: Final = {option.path: option for option in OPTIONS}
# Two options have one meaning for us; what is written goes to the general one.
_BY_NAME: Final = {option.name: option for option in OPTIONS} | {_DOMAIN: _BY_PATH[_DOMAIN]}
_LEAVES: Final = frozenset(option.path for option in OPTIONS if option.kind == "object")
ONLY_THERE: Final = frozenset(option.path for option in OPTIONS if option.name.startswith(ADDON_PREFIX))
"""Paths of the options that neither the chart nor the runtime has."""
ONLY_THERE_REASON: Final = (
    f"only the official package of VKS {VERSION} has it: no Helm value and no setting exists for it"
)


def intent_of_vks(document: Document, *, where: str) -> Intent:
    """What values of the package mean."""
    found: dict[str, Value] = {}
    notes: tuple[str, ...] = ()
    for path, value in flattened(document, leaves=_LEAVES).items():
        option = _BY_PATH.get(path)
        if option is None:
            raise WrongKey(where, path, f"the package of VKS {VERSION} has no such option: check its spelling")
        if value is not None:
            found[path] = _decoded(option, value, where=where)
    if found.get(_L4_DOMAIN) and found.get(_DOMAIN) and found[_L4_DOMAIN] != found[_DOMAIN]:
        notes = (f"{_L4_DOMAIN} and {_DOMAIN} differ: the latter counts, for all layers",)
    if found.get(_DOMAIN):
        found.pop(_L4_DOMAIN, None)
    return Intent(values={_BY_PATH[path].name: value for path, value in found.items()}, notes=notes)


def vks_of(intent: Intent) -> tuple[Document, tuple[Loss, ...]]:
    """Values of the package that say what an intent means."""
    document: Document = {}
    losses: list[Loss] = []
    for name, value in intent.values.items():
        option = _BY_NAME.get(name)
        if option is None:
            path = name.removeprefix(ADDON_PREFIX)
            losses.append(loss(path, value, f"the official package of VKS {VERSION} has no option for it"))
        else:
            put(document, option.path, _encoded(option, value))
    return document, tuple(losses)


def defaults() -> dict[str, Value]:
    """What the package assumes where nothing is said, by name; what only it has is left out."""
    return {
        option.name: option.default for option in OPTIONS if option.path not in ONLY_THERE and option.kind != "object"
    }


def unlike_defaults() -> Mapping[str, tuple[Value, Value]]:
    """The names for which the package and the chart assume different things: what each assumes, in that order."""
    return {name: (value, other) for name, value in defaults().items() if (other := chart_default(name)) != value}


def notes_of(intent: Intent, *, leaving: bool) -> tuple[str, ...]:
    """What nobody said and is assumed differently on the other side; `leaving` the package, or coming to it."""
    here, there = ("the package", "the chart") if leaving else ("the chart", "the package")
    return tuple(
        f"{name} is not said: {here} assumes {_shown(values[0 if leaving else 1])}, {there} "
        f"{_shown(values[1 if leaving else 0])}; --explicit writes it out"
        for name, values in unlike_defaults().items()
        if name not in intent.values
    )


def with_assumed(intent: Intent, *, leaving: bool) -> Intent:
    """The intent with what the side that it comes from assumes, where the other one assumes something else."""
    assumed = {name: values[0 if leaving else 1] for name, values in unlike_defaults().items()}
    return msgspec.structs.replace(intent, values={**assumed, **intent.values})


def _shown(value: Value) -> str:
    return wire_text(value) or "nothing"


def _decoded(option: Option, value: Value, *, where: str) -> Value:
    if not option.name.startswith(ADDON_PREFIX):
        return typed(value, name=option.name, where=where, key=option.path)
    if option.kind == "boolean" and value in ("true", "false"):
        return bool(value == "true")
    kinds = {"boolean": bool, "text": str, "object": dict}
    if not isinstance(value, kinds[option.kind]):
        raise WrongKey(where, option.path, f"expected {option.kind}, found {value!r}")
    return value


def _encoded(option: Option, value: Value) -> Value:
    return wire_text(value) if option.kind in ("text", "boolean text", "integer text") else value
