"""TKG's two shapes: the AKODeploymentConfig (ADC) and the data values of the AKO package.

ako-operator turns the first into the second, once per cluster. Writing package values follows its rules: the same keys
for its version, its defaults, booleans as text where it writes text, lists as JSON text, the control-plane network
falling back to the data network, `name` and `cluster_name` from the cluster. It has faults in every released branch,
which `faithful` reproduces so that its outputs can be predicted: `layer7Only`, then (from 1.6) `enableEvents`,
overwrite `enable_EVH`, and a node port selector's value overwrites its key. By default the translation does what the
ADC says and reports where the operator would not.
"""

import ipaddress
from collections.abc import Iterable

from ako_builder.addon.documents import Document, Value, WrongKey, parse_document
from ako_builder.addon.shapes.chart import decoded_text, wire_text
from ako_builder.addon.shapes.intent import (
    CLUSTER_NAME,
    Cluster,
    Intent,
    Loss,
    flattened,
    is_addon_only,
    loss,
    put,
    typed,
    typed_default,
    value_at,
)
from ako_builder.addon.shapes.keys import (
    ADC_ENUMS,
    ADDON_PREFIX,
    BY_NAME,
    DERIVED_DATA,
    KEYS,
    OPERATOR_FIELDS,
    ROOT,
    Key,
    adc_keys,
    data_keys,
)
from ako_builder.addon.shapes.vks import ONLY_THERE, ONLY_THERE_REASON
from ako_runtime.errors import UserError

ADC_VERSION = "networking.tkg.tanzu.vmware.com/v1alpha1"
ADC_KIND = "AKODeploymentConfig"
AVI_NAMESPACE = "avi-system"
VIP_NETWORKS = "NetworkSettings.vipNetworkList"
HOST = "ControllerSettings.controllerHost"
_POOLS = f"{ADDON_PREFIX}dataNetwork.ipPools"
_CONTROL_NAME = f"{ADDON_PREFIX}controlPlaneNetwork.name"
_CONTROL_CIDR = f"{ADDON_PREFIX}controlPlaneNetwork.cidr"
_SCHEME = f"{ADDON_PREFIX}controller.scheme"
_ADC_NAME = f"{ADDON_PREFIX}metadata.name"
_ROLE = f"{ADDON_PREFIX}tkg_cluster_role"
_LEAVES = frozenset({f"spec.{field}" for field in OPERATOR_FIELDS} | {"metadata"})


def intent_of_adc(document: Document, *, version: str, where: str) -> Intent:
    """What an AKODeploymentConfig means; fields that its version lacks are refused."""
    if document.get("kind") != ADC_KIND:
        raise WrongKey(where, "kind", f"expected {ADC_KIND}, found {document.get('kind')!r}")
    found: dict[str, Value] = {_ADC_NAME: value_at(document, "metadata.name") or ""}
    by_path = {key.adc: key for key in adc_keys(version)}
    later = {key.adc for key in KEYS if key.adc} - set(by_path)
    for path, value in flattened(document.get("spec") or {}, leaves=_adc_leaves()).items():
        if path == "controller" and "://" in str(value):
            found[_SCHEME], _, found[HOST] = str(value).partition("://")
        elif path in by_path:
            found[by_path[path].name] = _adc_value(by_path[path], value, path=path, where=where)
        elif path in OPERATOR_FIELDS:
            found[f"{ADDON_PREFIX}{path}"] = value
        elif path in later:
            raise WrongKey(where, f"spec.{path}", f"ako-operator {version} does not have this field")
        elif path not in ("dataNetwork.name", "dataNetwork.cidr"):
            raise WrongKey(where, f"spec.{path}", "this field is not known here: check its spelling")
    network = value_at(document, "spec.dataNetwork")
    if isinstance(network, dict) and network.get("name"):
        found[VIP_NETWORKS] = [{"networkName": network["name"], **_cidr_key(network.get("cidr", ""), where=where)}]
    return Intent(values=found)


def _adc_leaves() -> frozenset[str]:
    return frozenset(OPERATOR_FIELDS) | {"clusterSelector"}


def _adc_value(key: Key, value: Value, *, path: str, where: str) -> Value:
    value = typed(value, name=key.name, where=where, key=f"spec.{path}")
    return not value if key.negated else value


def _cidr_key(cidr: str, *, where: str) -> dict[str, str]:
    if not cidr:
        return {}
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        raise WrongKey(where, "spec.dataNetwork.cidr", f"'{cidr}' is not a network such as 10.0.0.0/24") from None
    return {"v6cidr": cidr} if network.version == 6 else {"cidr": cidr}


def adc_of(intent: Intent, *, version: str) -> tuple[Document, tuple[Loss, ...]]:
    """The AKODeploymentConfig that says what an intent means."""
    spec: Document = {}
    losses: list[Loss] = []
    by_name = {key.name: key for key in adc_keys(version)}
    for name, value in intent.values.items():
        key = by_name.get(name)
        if key is not None and value not in ADC_ENUMS.get(key.adc, (value,)):
            losses.append(loss(name, value, f"an ADC allows only {', '.join(ADC_ENUMS[key.adc])}"))
        elif key is not None:
            put(spec, key.adc, _adc_form(key, value, scheme=intent.text(_SCHEME)))
        elif name == VIP_NETWORKS:
            losses.extend(_put_data_network(spec, value))
        elif is_addon_only(name) and name.removeprefix(ADDON_PREFIX) in OPERATOR_FIELDS:
            put(spec, name.removeprefix(ADDON_PREFIX), value)
        elif name not in (_ADC_NAME, _SCHEME):
            losses.append(loss(name.removeprefix(ADDON_PREFIX), value, _no_adc_reason(name, version=version)))
    document = {"apiVersion": ADC_VERSION, "kind": ADC_KIND, "metadata": {"name": intent.text(_ADC_NAME)}, "spec": spec}
    return document, tuple(losses)


def _adc_form(key: Key, value: Value, *, scheme: str) -> Value:
    if key.negated:
        return not value
    if key.name == HOST and scheme:
        return f"{scheme}://{value}"
    # The only number that an ADC spells as text.
    return str(value) if key.adc == "extraConfigs.fullSyncFrequency" else value


def _put_data_network(spec: Document, networks: list[dict[str, str]]) -> Iterable[Loss]:
    if not networks:
        return
    first, *others = networks
    network = spec.setdefault("dataNetwork", {})
    spec["dataNetwork"] = {
        "name": first.get("networkName", ""),
        "cidr": first.get("cidr") or first.get("v6cidr", ""),
        **network,
    }
    if first.get("cidr") and first.get("v6cidr"):
        yield loss(f"{VIP_NETWORKS}[0].v6cidr", first["v6cidr"], "an ADC's data network has one CIDR, so no dual stack")
    if first.get("networkUUID"):
        yield loss(f"{VIP_NETWORKS}[0].networkUUID", first["networkUUID"], "an ADC names its network, it has no UUID")
    for index, other in enumerate(others, start=1):
        yield loss(f"{VIP_NETWORKS}[{index}]", other, "an ADC has one data network")


def _no_adc_reason(name: str, *, version: str) -> str:
    if name.removeprefix(ADDON_PREFIX) in ONLY_THERE:
        return ONLY_THERE_REASON
    key = BY_NAME.get(name)
    if key is None:
        return "only the chart has it (CSAR or Helm): neither the ADC nor the package can say it"
    if key.adc:
        return f"the ADC of ako-operator {version} lacks it (since {key.adc_in.since})"
    if name == CLUSTER_NAME:
        return "ako-operator derives it as <namespace>-<cluster>"
    if name.startswith("avicredentials."):
        return "an ADC refers to Secrets, it holds no credentials"
    return "ako-operator sets it itself, an ADC cannot"


def package_values(secret: Document, *, where: str) -> Document:
    """The data values in a values Secret of either kind; one whose type and text disagree is refused."""
    data, plain = secret.get("data") or {}, secret.get("stringData") or {}
    text = plain.get("values.yaml") or decoded_text(data.get("values.yaml", ""), where=f"{where}: data.values.yaml")
    if not text:
        raise WrongKey(where, "data", "the Secret has no key values.yaml: this is not a values Secret")
    header = text.startswith("#@data/values")
    kind = secret.get("type")
    if kind == "clusterbootstrap-secret" and header:
        raise WrongKey(where, "type", f"{kind} (ClusterClass) takes plain YAML, but values.yaml has a ytt header")
    if kind == "tkg.tanzu.vmware.com/addon" and not header:
        raise WrongKey(where, "type", f"{kind} (legacy) takes an overlay, but values.yaml has no ytt header")
    return parse_document(text, where=f"{where}: values.yaml")


def intent_of_package(document: Document, *, where: str) -> Intent:
    """What data values of the AKO package mean; an empty text means that nothing was said."""
    if document.get("kind") == "Secret":
        document = package_values(document, where=where)
    root = document.get(ROOT)
    if not isinstance(root, dict):
        raise UserError(f"{where}: expected package values under the root key {ROOT}: this is another shape")
    by_path = {key.data: key for key in KEYS if key.data}
    found: dict[str, Value] = {}
    for path, value in flattened(root.get("config") or {}, leaves=frozenset()).items():
        key = by_path.get(path)
        if key is not None and value not in ("", None):
            meant = typed(value, name=key.name, where=where, key=f"{ROOT}.config.{path}")
            found[key.name] = not meant if key.negated else meant
        elif key is None and path not in DERIVED_DATA and value not in ({}, None):
            raise WrongKey(where, f"{ROOT}.config.{path}", "this data value is not known here: check its spelling")
    role = value_at(root, "config.tkg_cluster_role")
    if role:
        found[_ROLE] = role
    return Intent(values=found)


def package_of(
    intent: Intent, *, version: str, cluster: Cluster | None, faithful: bool = False, explicit: bool = True
) -> tuple[Document, tuple[Loss, ...], tuple[str, ...]]:
    """The data values of an ako-operator version for a cluster, what they cannot say, and what is remarkable.

    `explicit` writes the operator's whole structure with its defaults and empty texts; otherwise only what was said.
    """
    config: Document = {}
    keys = {key.name: key for key in data_keys(version)}
    values = dict(intent.values)
    name = cluster.avi_name if cluster else intent.text(CLUSTER_NAME)
    if name:
        values[CLUSTER_NAME] = name
    if explicit:
        _put_frame(config, version=version, role=cluster.role if cluster else intent.text(_ROLE) or "workload")
        _put_control_plane(values)
    elif intent.text(_ROLE):
        config["tkg_cluster_role"] = values[_ROLE]
    emptied = [name for name in keys if values.get(name) == ""]
    if faithful and intent.text(_SCHEME):
        # The operator hands the address on as it stands in the ADC.
        values[HOST] = f"{values[_SCHEME]}://{values[HOST]}"
    for key in keys.values():
        if key.name in values and key.name not in emptied:
            put(config, key.data, encoded(key, values[key.name]))
        elif explicit:
            put(config, key.data, _absent(key))
    _put_network(config, values.get(VIP_NETWORKS) or [])
    notes = _apply_faults(config, values, version=version) if faithful else _fault_notes(values, version=version)
    losses = [
        loss(name.removeprefix(ADDON_PREFIX), value, _no_data_reason(name, version=version))
        for name, value in values.items()
        if name not in keys and name not in (_ADC_NAME, _ROLE, _SCHEME)
    ]
    losses += [loss(name, "", "an empty text means there that nothing was said") for name in emptied]
    body = {"name": f"ako-{name}", "namespace": AVI_NAMESPACE, "config": config}
    return {ROOT: body}, tuple(losses), notes


def encoded(key: Key, value: Value) -> Value:
    """A value in the encoding in which ako-operator writes it."""
    if key.negated:
        value = not value
    if key.encoding in ("boolean text", "JSON text", "text"):
        return wire_text(value)
    return value


def _absent(key: Key) -> Value:
    if key.default is None or key.name in ("AKOSettings.cniPlugin", "AKOSettings.ipFamily"):
        return ""  # the package, not the operator, has a default for these
    if key.data in ("l7_settings.shard_vs_size", "l7_settings.pass_through_shardsize"):
        return ""
    if key.data == "l7_settings.disable_ingress_class":
        return False
    return encoded(key, typed_default(key))


def _put_frame(config: Document, *, version: str, role: str) -> None:
    if version in BY_NAME["AKOSettings.enableEvents"].data_in:
        config["tkg_cluster_role"] = role
    config["is_cluster_service"] = ""
    put(config, "ako_settings.sync_namespace", "")
    put(config, "l7_settings.l7_sharding_scheme", "")


def _put_control_plane(values: dict[str, Value]) -> None:
    networks = values.get(VIP_NETWORKS) or []
    if networks and not values.get(_CONTROL_NAME):
        values[_CONTROL_NAME] = networks[0].get("networkName", "")
        values[_CONTROL_CIDR] = networks[0].get("cidr") or networks[0].get("v6cidr", "")


def _put_network(config: Document, networks: list[dict[str, str]]) -> None:
    if not networks:
        return
    cidr = networks[0].get("cidr") or networks[0].get("v6cidr") or ""
    address, _, prefix = cidr.partition("/")
    put(config, "network_settings.network_name", networks[0].get("networkName", ""))
    put(config, "network_settings.subnet_ip", str(ipaddress.ip_address(address)) if address else "")
    put(config, "network_settings.subnet_prefix", prefix)


def _apply_faults(config: Document, values: dict[str, Value], *, version: str) -> tuple[str, ...]:
    notes = _fault_notes(values, version=version)
    for name in _overwriting(values, version=version):
        put(config, "ako_settings.enable_EVH", wire_text(values[name]))
        put(config, BY_NAME[name].data, "")
    if values.get("nodePortSelector.value"):
        put(config, "nodeport_selector.key", values["nodePortSelector.value"])
        put(config, "nodeport_selector.value", "")
    return tuple(note.replace("would write", "writes") for note in notes)


def _overwriting(values: dict[str, Value], *, version: str) -> list[str]:
    names = ["AKOSettings.layer7Only"]
    if version in BY_NAME["AKOSettings.enableEvents"].adc_in:
        names.append("AKOSettings.enableEvents")
    return [name for name in names if name in values]


def _fault_notes(values: dict[str, Value], *, version: str) -> tuple[str, ...]:
    notes = [
        f"ako-operator {version} would write {name.rpartition('.')[2]}={wire_text(values[name])} into enable_EVH "
        f"({BY_NAME[name].data.rpartition('.')[2]} stays empty)"
        for name in _overwriting(values, version=version)
    ]
    if values.get("nodePortSelector.value"):
        notes.append(f"ako-operator {version} would write the node port selector's value into its key")
    if values.get("rbac.pspEnable"):
        notes.append("the official package reads config.name for its PodSecurityPolicy, which no version writes")
    if "AKOSettings.useDefaultSecretsOnly" in values:
        notes.append("the public AKO package 1.9.2 has another spelling of use_default_secrets_only and ignores it")
    return tuple(notes)


def _no_data_reason(name: str, *, version: str) -> str:
    if name.removeprefix(ADDON_PREFIX) in ONLY_THERE:
        return ONLY_THERE_REASON
    key = BY_NAME.get(name)
    if key is not None:
        return f"the package values of ako-operator {version} lack it"
    if name == _POOLS:
        return "ako-operator writes the pools to the Avi network, AKO never sees them"
    if is_addon_only(name):
        return "ako-operator acts on it, AKO never sees it"
    return (
        "the official package values cannot say it: our package takes it in the chart's words beside them, CSAR and "
        "Helm do too; where ako-operator writes the values there is no place for it"
    )
