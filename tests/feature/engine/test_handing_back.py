"""What we wrote can be given back: the official AKO finds every field that it demands, and its own numbers.

Its start reads the objects of a cluster by `created_by` (a VsVip by its name) with `include_name`. An object without
its number is not seen at all, a pool without `service_metadata` ends the process; avi-controller-and-gateway-api 1.9
and official-checksums 1 list what is demanded.
"""

import pytest
from support.avi_lab.client import Client
from support.observed.documents import observed
from support.observed.lab import applicable, controller_of, give, plant
from support.runtime.faults import QUICK
from support.runtime.lab import WRITES, runtime_lab, worked_off

from ako_runtime.model.checksum import CHECKSUMS

SCENARIOS = (
    "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a9", "a9_large", "a10", "a10_infra", "a10_l4", "a11", "a11_evh", "a14",
)  # fmt: skip
NUMBERED = {
    "pool": "cloud_config_cksum",
    "poolgroup": "cloud_config_cksum",
    "httppolicyset": "cloud_config_cksum",
    "virtualservice": "cloud_config_cksum",
    "vsvip": "vsvip_cloud_config_cksum",
}
DEMANDED = {
    "pool": ("service_metadata",),
    "virtualservice": ("service_metadata",),
    "l4policyset": ("l4_connection_policy.rules.*.match.protocol", "l4_connection_policy.rules.*.match.port",
                    "l4_connection_policy.rules.*.action.select_pool.pool_ref"),
    "vsvip": ("vip.*",),
    "sslkeyandcertificate": ("certificate.certificate",),
    "pkiprofile": ("ca_certs.*.certificate",),
    "poolgroup": (),
    "httppolicyset": (),
    "vsdatascriptset": (),
}  # fmt: skip
EVERYWHERE = ("name", "uuid", "_last_modified", "tenant_ref")


def official_reading(lab):
    """Kind and document of everything that the official AKO takes for its own."""
    with Client(lab.avi) as client:
        for kind in DEMANDED:
            owner = "" if kind == "vsvip" else "&created_by=ako-cluster-a"
            for document in client.get(f"/api/{kind}?include_name=true&page_size=200{owner}").json["results"]:
                if document["name"].startswith("cluster-a--"):
                    yield kind, document


def values(document, path):
    """What is at a path; a list for each `*`."""
    first, _, rest = path.partition(".")
    below = document if first == "*" else [document.get(first)] if isinstance(document, dict) else [None]
    found = list(below or [None])
    return found if not rest else [value for one in found for value in values(one, rest)]


def missing(kind, document):
    """What the official AKO would not find."""
    demanded = [*EVERYWHERE, *DEMANDED[kind], *([NUMBERED[kind]] if kind in NUMBERED else [])]
    absent = [path for path in demanded if not all(values(document, path))]
    number = document.get(NUMBERED.get(kind, ""), "0")
    if not (number.isdigit() and str(int(number)) == number and int(number) < 1 << 32):
        absent.append(f"a number instead of {number!r}")
    referred = [document.get(name) for name in ("pool_ref", "vh_parent_vs_ref") if document.get(name)]
    return absent + [one for one in referred if "#" not in one]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_official_controller_finds_all_that_it_demands(tmp_path, scenario):
    document = observed(scenario)
    with runtime_lab(tmp_path, controller=controller_of(document["avi_environment"])) as lab:
        plant(lab, document["avi_environment"]["extra_objects"])
        give(lab, document)
        with lab.running(pace=QUICK) as app:
            lab.kube.wait_for(lambda _kube: worked_off(app))
        found = list(official_reading(lab))
    assert {(kind, one["name"]): absent for kind, one in found if (absent := missing(kind, one))} == {}
    theirs = {
        (kind, one["name"]): one[NUMBERED[kind]] for kind in NUMBERED for one in document["objects"].get(kind, ())
    }
    mine = {(kind, one["name"]): one[NUMBERED[kind]] for kind, one in found if kind in NUMBERED}
    assert mine == theirs


def test_a_write_that_lacks_a_field_is_noticed():
    whole = {"name": "n", "uuid": "u", "_last_modified": "1", "tenant_ref": "t", "service_metadata": "{}"}
    assert missing("pool", {**whole, "cloud_config_cksum": "1"}) == []
    assert missing("pool", whole) == ["cloud_config_cksum"]
    assert missing("pool", {**whole, "service_metadata": "", "cloud_config_cksum": "-1"}) == [
        "service_metadata",
        "a number instead of '-1'",
    ]
    assert missing("vsvip", {**whole, "vsvip_cloud_config_cksum": "1"}) == ["vip.*"]


def test_every_write_carries_a_number_also_while_an_input_is_refused(tmp_path):
    document = observed("a1")
    service = next(one for one in document["given"] if one["kind"] == "Service")
    slices = [one for one in document["given"] if one["kind"] == "EndpointSlice"]
    with runtime_lab(tmp_path, controller=controller_of(document["avi_environment"])) as lab:
        give(lab, document)
        name = f"cluster-a--red-{service['metadata']['name']}-TCP-80"
        with lab.running(pace=QUICK) as app:
            lab.kube.wait_for(lambda _kube: worked_off(app))
            first = number(lab, name)
            assert first == "3089882916"
            apply_endpoints(lab, slices, 1)
            lab.until(lambda lab: len(lab.members(name)) == 1)
            second = number(lab, name)
            annotated = {**service["metadata"], "annotations": {"ako.vmware.com/load-balancer-ip": "none"}}
            lab.kube.apply(applicable({**service, "metadata": annotated}))
            apply_endpoints(lab, slices, 2)
            lab.until(lambda lab: len(lab.members(name)) == 2)
            third = number(lab, name)
        bodies = [
            one.body
            for one in lab.avi.requests()
            if one.method in WRITES and one.path.startswith(tuple(f"/api/{kind}" for kind in NUMBERED))
        ]
    assert second != first
    # Of a Service that is refused nobody knows the model: the pool keeps its number, so that it is seen.
    assert third in {first, second}
    assert bodies
    assert [one for one in bodies if not CHECKSUMS & one.keys()] == []


def number(lab, pool):
    return next(one["cloud_config_cksum"] for one in lab.avi.objects("pool") if one["name"] == pool)


def apply_endpoints(lab, slices, count):
    for piece in slices:
        lab.kube.apply({**piece, "endpoints": piece["endpoints"][:count]})
