"""Two candidates for one Lease on the embedded API, with times short enough to watch."""

import threading

import pytest

from ako_lab.kube_api import KubeConfig, KubeLab
from ako_lab.kube_api.faults import Fault
from ako_runtime.kube.candidacy import LeaseTimes
from ako_runtime.kube.connection import connect
from ako_runtime.kube.lease import LeaderElection, LeaseName

# One that runs out soon, and one that no busy machine lets run out.
SHORT = LeaseTimes(duration=5.0, renew_deadline=3.0, retry_period=0.1)
LONG = LeaseTimes(duration=60.0, renew_deadline=40.0, retry_period=0.1)


class Candidate:
    def __init__(self, kubeconfig, identity, times):
        self.gained = threading.Event()
        self.lost = threading.Event()
        # What others may do at the moment in which this one begins to lead.
        self.seen = []
        self.others = []
        self.election = LeaderElection(
            connection=connect(kubeconfig=str(kubeconfig), agent=identity),
            lease=LeaseName(namespace="default", name="ako-lease-lock", identity=identity),
            on_change=self.look,
            times=times,
        )

    def look(self):
        if not self.election.term:
            self.lost.set()
            return
        self.seen.extend(bool(other.election.term) for other in self.others)
        self.gained.set()


@pytest.fixture
def kube():
    with KubeLab(KubeConfig()) as kube:
        yield kube


@pytest.fixture
def candidates(kube, tmp_path, request):
    kubeconfig = tmp_path / "kubeconfig"
    kube.write_kubeconfig(kubeconfig)
    both = [Candidate(kubeconfig, name, request.param) for name in ("ako-0", "ako-1")]
    yield both
    kube.faults.clear()
    for one in both:
        one.election.stop()


@pytest.mark.parametrize("candidates", [LONG], indirect=True)
def test_one_leads_and_the_other_takes_over_when_it_leaves(candidates):
    first, second = candidates
    first.election.start()
    assert first.gained.wait(30)
    second.election.start()
    assert not second.gained.wait(0.5)
    assert first.election.term
    assert not second.election.term
    first.election.stop()
    assert not first.election.term
    assert second.gained.wait(30)
    assert second.election.term


@pytest.mark.parametrize("candidates", [SHORT], indirect=True)
def test_a_leader_that_cannot_renew_stops_writing_before_the_other_begins(kube, candidates):
    first, second = candidates
    first.election.start()
    assert first.gained.wait(30)
    second.others = [first]
    # The first one hangs in the request by which it renews.
    kube.faults.add(Fault(action="silence", user_agent="ako-0", times=None))
    second.election.start()
    assert second.gained.wait(30)
    assert second.seen == [False]
    assert not first.election.term
    transitions = kube.read("leases", "ako-lease-lock", "default")["spec"]["leaseTransitions"]
    assert transitions == 1
