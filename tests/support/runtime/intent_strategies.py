"""Random settings, as the conversion between the shapes of configuration knows them."""

from hypothesis import strategies as st

from ako_builder.addon.shapes.convert import How
from ako_builder.addon.shapes.intent import Intent, type_of
from ako_builder.addon.shapes.keys import KEYS, OPERATOR_VERSIONS
from ako_runtime.settings.catalogue import BY_VALUES_PATH, SETTINGS

WORDS = st.from_regex(r"[a-z][a-z0-9-]{0,12}[a-z0-9]", fullmatch=True)
V4 = st.builds("10.{}.{}.0/24".format, st.integers(0, 255), st.integers(0, 255))
V6 = st.builds("2001:db8:{:x}::/64".format, st.integers(1, 0xFFFF))
VIP = st.fixed_dictionaries({"networkName": WORDS}, optional={"cidr": V4}) | st.fixed_dictionaries(
    {"networkName": WORDS, "v6cidr": V6}
)
NODES = st.fixed_dictionaries({"networkName": WORDS, "cidrs": st.lists(V4, min_size=1, max_size=2)})
SPECIAL = {
    "NetworkSettings.vipNetworkList": st.lists(VIP, min_size=1, max_size=2),
    "NetworkSettings.nodeNetworkList": st.lists(NODES, min_size=1, max_size=2),
    "NetworkSettings.bgpPeerLabels": st.lists(WORDS, min_size=1, max_size=2),
    "AKOSettings.blockedNamespaceList": st.lists(WORDS, min_size=1, max_size=2),
    "rbac.tlsSecrets.namespaces": st.lists(WORDS, min_size=1, max_size=2),
    "ControllerSettings.controllerVersion": st.sampled_from(["22.1.3", "30.2.1"]),
    "replicaCount": st.sampled_from([1, 2]),
}


def value_of(name):
    setting = BY_VALUES_PATH.get(name)
    if name in SPECIAL:
        return SPECIAL[name]
    if setting is not None and setting.enum:
        return st.sampled_from([item for item in setting.enum if item])
    kind = type_of(name)
    if kind == "boolean":
        return st.booleans()
    if kind == "integer":
        return st.integers(1, 60000)
    return WORDS


TRANSLATED = sorted({key.helm for key in KEYS if key.helm} | {item.helm for item in SETTINGS if item.helm})
INTENTS = st.fixed_dictionaries({}, optional={name: value_of(name) for name in TRANSLATED}).map(
    lambda values: Intent(values=values)
)
HOWS = st.builds(lambda version: How(operator=version), st.sampled_from(OPERATOR_VERSIONS))
