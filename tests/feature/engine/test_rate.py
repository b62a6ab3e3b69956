"""What the API server gets from us is bounded by the configuration; the Lease alone goes out of turn."""

from support.runtime.faults import QUICK, World
from support.runtime.lab import runtime_lab, worked_off

RATE, BURST = 20, 5


def test_requests_to_the_api_server_keep_to_the_rate_that_is_set(tmp_path):
    with runtime_lab(tmp_path, kubeAPIQPS=str(RATE), kubeAPIBurst=str(BURST)) as lab:
        world = World(lab)
        for number in range(20):
            world.put(f"web-{number}", "10.244.1.5")
        since = lab.kube.requests()[-1].sequence if lab.kube.requests() else 0
        with lab.running(pace=QUICK) as app:
            world.until_settled()
            lab.kube.wait_for(lambda _kube: worked_off(app))
            made = [one for one in lab.kube.requests(since) if one.resource != "leases"]
    # A busy machine makes it slower, never faster; the configuration is read before the rate is known.
    seconds = made[-1].time - made[0].time
    assert len(made) > 2 * (RATE + BURST)
    assert len(made) - 2 <= BURST + RATE * (seconds + 0.5)
