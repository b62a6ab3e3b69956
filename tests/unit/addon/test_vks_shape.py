"""The official package of VKS as a shape: its types, its defaults, and what only it has."""

import pytest

from ako_builder.addon.documents import WrongKey
from ako_builder.addon.shapes.convert import How, conversion
from ako_builder.addon.shapes.intent import chart_default, type_of
from ako_builder.addon.shapes.vks import ONLY_THERE, OPTIONS, unlike_defaults

OFFICIAL = {
    "AKOSettings": {"deleteConfig": "true", "enableEVH": False, "fullSyncFrequency": "900", "clusterName": "c"},
    "L4Settings": {"defaultLBController": "true"},
    "NetworkSettings": {"vipNetworkList": [{"networkName": "n", "cidr": "10.0.0.0/24"}], "enableAutogw": False},
    "statusStreamer": {"enabled": True},
}


def made(document, source, target, **how):
    return conversion([document], source=source, target=target, how=How(**how))


def test_all_options_of_the_package_are_there():
    assert len(OPTIONS) == 75
    assert len({option.path for option in OPTIONS}) == 75
    # Texts where the chart has booleans: as the documentation of the package has them.
    assert {option.path for option in OPTIONS if option.kind == "boolean text"} == {
        "AKOSettings.deleteConfig", "AKOSettings.disableStaticRouteSync", "AKOSettings.enableEvents",
        "AKOSettings.useDefaultSecretsOnly", "AKOSettings.vipPerNamespace", "L4Settings.defaultLBController",
        "L7Settings.defaultIngController",
    }  # fmt: skip
    for option in OPTIONS:
        if option.path not in ONLY_THERE and option.kind in {"boolean", "boolean text"}:
            assert type_of(option.name) == "boolean"


def test_values_become_the_charts_with_its_types_and_what_is_lost_is_told():
    result = made(OFFICIAL, "vks-2.2", "helm")
    (values,) = result.documents
    assert values["AKOSettings"] == {
        "deleteConfig": True, "enableEVH": False, "fullSyncFrequency": 900, "clusterName": "c",
    }  # fmt: skip
    assert values["L4Settings"]["defaultLBController"] is True
    assert {item.path for item in result.losses} == {"NetworkSettings.enableAutogw", "statusStreamer.enabled"}
    assert made(values, "helm", "vks-2.2").documents[0]["AKOSettings"] == OFFICIAL["AKOSettings"]


def test_defaults_that_differ_are_computed_and_told_or_written_out():
    unlike = unlike_defaults()
    assert unlike["AKOSettings.enableEVH"] == (True, False)
    assert unlike["L7Settings.serviceType"] == ("NodePort", "ClusterIP")
    assert all(chart_default(name) == chart for name, (_, chart) in unlike.items())
    told = made({}, "vks-2.2", "helm").notes
    assert {note.split(" ")[0] for note in told} == set(unlike)
    assert (
        "AKOSettings.enableEVH is not said: the package assumes true, the chart false; --explicit writes it out" in told
    )
    assert made({"AKOSettings": {"enableEVH": False}}, "vks-2.2", "helm").notes == tuple(
        note for note in told if not note.startswith("AKOSettings.enableEVH")
    )
    written = made({}, "vks-2.2", "helm", explicit=True)
    assert written.notes == ()
    assert written.documents[0]["AKOSettings"]["enableEVH"] is True
    back = made({}, "helm", "vks-2.2", explicit=True).documents[0]
    assert back["AKOSettings"]["enableEVH"] is False
    assert back["L7Settings"]["serviceType"] == "ClusterIP"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"AKOSettings": {"enableEvh": True}}, "no such option"),
        ({"AKOSettings": {"deleteConfig": "yes"}}, "expected true or false"),
        ({"statusStreamer": {"enabled": "perhaps"}}, "expected boolean"),
        ({"featureGates": {"GatewayAPI": True}}, "no such option"),
    ],
)
def test_what_the_package_would_not_take_is_refused(document, said):
    with pytest.raises(WrongKey, match=said):
        made(document, "vks-2.2", "helm")


def test_two_domains_are_one_for_us():
    document = {"L4Settings": {"defaultDomain": "l4.example"}, "NetworkSettings": {"defaultDomain": "all.example"}}
    result = made(document, "vks-2.2", "helm")
    assert result.documents[0] == {"NetworkSettings": {"defaultDomain": "all.example"}}
    assert any("differ" in note for note in result.notes)
    alone = made({"L4Settings": {"defaultDomain": "l4.example"}}, "vks-2.2", "helm").documents[0]
    assert alone == {"NetworkSettings": {"defaultDomain": "l4.example"}}


def test_there_and_back_keeps_what_only_it_has():
    assert made(OFFICIAL, "vks-2.2", "vks-2.2").documents[0] == OFFICIAL
