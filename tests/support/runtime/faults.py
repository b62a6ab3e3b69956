"""What the fault tests share: a hurried runtime, a small world of Services, and the test for "exactly right".

`World` is the list of what should be there. `settled` compares it with the controller: every desired object once, none
else of ours, members as the slices say, foreign objects as they were, an address in every Service's status.

A Service and its slice are watched apart: the runtime may see either first, and a pool may be made empty and filled by
a second write. Whoever counts writes waits until everything is settled before, and grants each new slice one more.
"""

import json

import msgspec
from support.avi_lab.client import Client
from support.runtime.lab import endpoints, service

from ako_lab.avi_controller.faults import Fault as ControllerFault
from ako_lab.kube_api.faults import Fault as ApiFault
from ako_runtime.kube.candidacy import LeaseTimes
from ako_runtime.reconcile.keys import Backoff
from ako_runtime.reconcile.pace import Pace

QUICK = Pace(
    tick=0.05,
    list_patience=1.0,
    keys=Backoff(first=0.02, last=0.2, named=0.2),
    reflector=(0.02, 0.2),
    absent=0.1,
    restored=0.1,
    contact=(0.05, 0.2),
    log_in=(0.05, 0.2),
    # A machine that is busy for seconds takes the lease from nobody.
    lease=LeaseTimes(duration=30.0, renew_deadline=20.0, retry_period=0.1),
)
# Where a lease has to run out because its holder cannot give it up.
TAKING_OVER = msgspec.structs.replace(QUICK, lease=LeaseTimes(duration=5.0, renew_deadline=3.0, retry_period=0.1))
KINDS = ("vsvip", "pool", "l4policyset", "virtualservice")
API = "/api/.*"
CONTROLLER_FAULTS = (
    ControllerFault(status=503, path=API, count=6),
    ControllerFault(status=429, path=API, count=6),
    ControllerFault(status=503, path=API, method="POST", count=3, applied=True),
    ControllerFault(kind="reset", path=API, method="PUT", count=3, applied=True),
    ControllerFault(kind="reset", path=API, count=6),
    ControllerFault(kind="truncated-body", path=API, count=6),
    ControllerFault(kind="upgrade", path=API, method="*", count=10),
    ControllerFault(kind="session-purge", path=API, count=3),
    ControllerFault(status=409, path=API, method="POST", count=4),
    ControllerFault(status=412, path=API, method="PUT", count=4),
)
API_FAULTS = (
    ApiFault(action="answer", status=500, times=10),
    ApiFault(action="answer", status=503, times=10),
    ApiFault(action="answer", verb="patch", status=409, reason="Conflict", times=4),
    ApiFault(action="answer", verb="watch", status=410, reason="Expired", times=6),
    ApiFault(action="drop", times=10),
    ApiFault(action="truncate", verb="list", times=6),
    ApiFault(action="truncate", verb="patch", times=4),
)
FOREIGN = {"name": "somebody-elses", "created_by": "terraform", "cloud_ref": "/api/cloud?name=Default-Cloud"}


class World:
    """The Services that should be served, and their members."""

    def __init__(self, lab):
        self.lab = lab
        self.members = {}

    def put(self, name, *addresses):
        """Create a Service, or change its members."""
        if name not in self.members:
            self.lab.kube.apply(service(name))
        if addresses:
            self.lab.kube.apply(endpoints(name, *addresses))
        self.members[name] = {f"{address}:8080" for address in addresses}

    def drop(self, name):
        """Delete a Service and its slice."""
        self.lab.kube.delete("services", name, "default")
        if self.members.pop(name):
            self.lab.kube.delete("endpointslices", f"{name}-1", "default")

    def stir(self, chance, turn):
        """Something comes, something changes, something goes; what is named `stays` does."""
        self.put(f"comes-{turn}", f"10.244.2.{turn + 1}")
        names = sorted(self.members.keys() - {"stays"})
        self.put(chance.choice(names), "10.244.3.1", f"10.244.3.{chance.randint(2, 200)}")
        if len(names) > 2:
            self.drop(chance.choice(names))

    def settled(self, _lab=None):
        """Whether the controller holds exactly what it should."""
        wanted = {f"cluster-a--default-{name}" for name in self.members}
        found = [one["name"] for one in self.lab.avi.objects("virtualservice") if one["name"].startswith("cluster-a--")]
        if sorted(found) != sorted(wanted):
            return False
        if any(len(ours(self.lab, kind)) != len(wanted) for kind in KINDS):
            return False
        return all(
            self.lab.members(f"cluster-a--default-{name}-TCP-80") == members for name, members in self.members.items()
        )

    def until_settled(self, timeout=60.0):
        """Wait until the controller is exactly right and every Service shows the address of its own VIP."""
        try:
            self.lab.until(self.settled, timeout=timeout)
            self.lab.kube.wait_for(lambda _kube: self.addressed(), timeout=timeout)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; {self.difference()}") from error

    def addressed(self):
        """Whether every status shows the address that the controller gave."""
        given = {one["name"]: one["vip"][0].get("ip_address", {}).get("addr") for one in ours(self.lab, "vsvip")}
        return all(self.lab.address(name) == [given.get(f"cluster-a--default-{name}")] for name in self.members)

    def difference(self):
        """What is not as it should be, for people."""
        held = {kind: sorted(one["name"] for one in ours(self.lab, kind)) for kind in KINDS}
        return json.dumps({"wanted": {name: sorted(found) for name, found in self.members.items()}, "held": held})


def ours(lab, kind):
    """Our objects of a kind, each as often as it is there."""
    return [one for one in lab.avi.objects(kind) if one["name"].startswith("cluster-a--")]


def plant_foreign(lab):
    """A pool that is somebody else's; its uuid."""
    with Client(lab.avi) as administrator:
        answer = administrator.request("POST", "/api/pool", FOREIGN)
    assert answer.status == 201, answer.body
    return answer.json["uuid"]


def foreign(lab, uuid):
    """The foreign pool as it is now, None if it is gone."""
    return next((one for one in lab.avi.objects("pool") if one["uuid"] == uuid), None)


def identities(lab, name):
    """Uuids of everything that belongs to one Service."""
    prefix = f"cluster-a--default-{name}"
    return {one["uuid"] for kind in KINDS for one in ours(lab, kind) if one["name"].startswith(prefix)}
