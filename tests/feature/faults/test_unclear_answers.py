"""Proxies and half-started controllers that answer something else: nothing is believed, and all is right afterwards."""

import pytest
from support.runtime.faults import QUICK, World, identities
from support.runtime.lab import runtime_lab

from ako_lab.avi_controller.faults import Fault

FAULTS = {
    "deletions-are-redirected": Fault(method="DELETE", path="/api/.*", status=302, count=6),
    "deletions-answer-200": Fault(method="DELETE", path="/api/.*", status=200, count=6),
    "creations-are-redirected": Fault(method="POST", path="/api/.*", status=302, count=6),
    "creations-answer-200": Fault(method="POST", path="/api/.*", status=200, count=6),
    "changes-answer-200": Fault(method="PUT", path="/api/.*", status=200, count=6),
    "changes-answer-204": Fault(method="PUT", path="/api/.*", status=204, count=6),
    "everything-answers-200": Fault(path="/api/.*", status=200, count=40),
}


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_is_believed_and_all_is_right_afterwards(lab, name):
    world = World(lab)
    with lab.running(pace=QUICK):
        for each in ("stays", "changes", "goes"):
            world.put(each, "10.244.1.5")
        world.until_settled()
        kept = identities(lab, "stays")
        lab.avi.faults.add(FAULTS[name])
        world.put("changes", "10.244.1.5", "10.244.1.6")
        world.put("comes", "10.244.1.7")
        world.drop("goes")
        world.until_settled()
        assert identities(lab, "stays") == kept
