"""Objects as the official AKO wrote them are ours: a start writes nothing that is not a change in meaning."""

import pytest
from support.observed.documents import observed
from support.observed.lab import controller_of, give, plant
from support.runtime.faults import QUICK
from support.runtime.lab import WRITES, is_record, runtime_lab, worked_off

from ako_runtime.model.wire import KINDS

# One Service, several ports and protocols, an empty pool, an address that was asked for, custom settings, a shared
# address, a Gateway, hashed names, both families and IPv6 alone.
EQUAL = (
    "a1", "a2", "a3", "a3_auto", "a4", "a5", "a5_infra", "a6", "a7", "a8_default", "a8_disabled", "a8_domain",
    "a8_flat", "a10_l4", "a13", "a14", "a14_empty", "a14_v6",
)  # fmt: skip
# Ingresses in every mode: policies of `Prefix` paths and the script of an SNI parent are ours on purpose.
NEARLY_EQUAL = {
    "a9": {"httppolicyset", "vsdatascriptset"},
    "a9_large": {"httppolicyset", "vsdatascriptset"},
    "a10": {"httppolicyset"},
    "a10_infra": {"httppolicyset"},
    "a11": {"httppolicyset"},
    "a11_evh": {"httppolicyset"},
}


@pytest.mark.parametrize("scenario", [*EQUAL, *NEARLY_EQUAL])
def test_a_start_over_observed_objects_changes_nothing(tmp_path, scenario):
    document = observed(scenario)
    with runtime_lab(tmp_path, controller=controller_of(document["avi_environment"])) as lab:
        plant(lab, document["avi_environment"]["extra_objects"])
        planted = plant(lab, document["objects"])
        give(lab, document)
        mark = lab.mark()
        with lab.running(pace=QUICK) as app:
            lab.kube.wait_for(lambda _kube: worked_off(app))
        written = [one for one in lab.avi.requests(since=mark) if one.method in WRITES and one.path.startswith("/api/")]
        changes = [f"{one.method} {one.path} {one.body}" for one in written if not deliberate(one, scenario)]
        assert changes == []
        assert planted <= {one["uuid"] for kind in KINDS for one in lab.avi.objects(kind)}


def deliberate(request, scenario):
    """Whether a write is a difference from the official AKO that is meant: the record of the cluster, once, is one."""
    if is_record(request):
        return True
    return request.method == "PUT" and request.path.split("/")[2] in NEARLY_EQUAL.get(scenario, ())
