"""Statuses of one pass side by side; what somebody else changed is mended; failures come back once."""

import itertools
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import msgspec
import pytest
from support.golden_cases import snapshot_of
from support.ingress.objects import ingress, ingress_class

from ako_runtime.errors import RetryLater
from ako_runtime.kube.store import Store
from ako_runtime.model.environment import Environment
from ako_runtime.model.intents_l7 import IngressStatus, ServedHost
from ako_runtime.model.observed import Observed
from ako_runtime.model.operation import Operation
from ako_runtime.model.patch import Patch
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import ObjectRef, StackKey
from ako_runtime.reconcile.due import known_at_the_end
from ako_runtime.reconcile.inventory import Inventory
from ako_runtime.reconcile.statuses import EARLY_LANES, ECHO_SECONDS, StatusOutlets, StatusSender

KEY = StackKey(kind="shard", namespace="", name="SMALL-0")
OTHER = StackKey(kind="shard", namespace="", name="SMALL-1")
COUNT = 40


class Deferred(Executor):
    """Does at `run` what was asked for."""

    def __init__(self):
        self.tasks = []

    def submit(self, task, *arguments):
        self.tasks.append((task, arguments))
        return Future()

    def run(self):
        tasks, self.tasks = self.tasks, []
        for task, arguments in tasks:
            task(*arguments)


class Sent:
    """A writer and events; `refuse` decides whether a patch fails."""

    def __init__(self):
        self.patches, self.threads = [], set()
        self.refuse = lambda _patch: False
        self.versions = map(str, itertools.count(1000))
        self.made = {}

    def write(self, patch):
        self.threads.add(threading.get_ident())
        if self.refuse(patch):
            raise RetryLater("no", reason="ApiServerError")
        self.patches.append(patch)
        version = self.made[id(patch)] = next(self.versions)
        return version

    def publish(self, about, *, uid, severity, reason, note):
        """Events are not looked at here."""


class Desk:
    """A sender with `COUNT` Ingresses, each with one host that is served."""

    def __init__(self, executor):
        self.store = Store(environment=Environment(), on_change=lambda *_: None, kinds=())
        snapshot = snapshot_of(
            [ingress_class(), *(ingress(f"i{n}", {f"h{n}.example.com": {"/": "web"}}) for n in range(COUNT))]
        )
        for one in snapshot.of("ingresses").values():
            metadata = msgspec.structs.replace(one.metadata, resource_version="1")
            self.store.put("ingresses", msgspec.structs.replace(one, metadata=metadata))
        self.inventory = Inventory()
        self.sent, self.ended, self.failed = Sent(), [], []
        self.sender = StatusSender(
            store=self.store,
            inventory=self.inventory,
            cluster_uuid=lambda: "cluster-1",
            outlets=StatusOutlets(statuses=self.sent, events=self.sent, status_workers=executor, dry_run=False),
            failed=lambda key, error: self.failed.append((key, error)),
        )
        for number in range(COUNT):
            self.serve(number)

    def serve(self, number):
        """The controller has what serves the host of this Ingress."""
        for ref in refs(number):
            self.inventory.record(
                ref, Observed(ref=ref, uuid=f"{ref.kind}-{number}", content=None, addresses=(f"10.0.0.{number + 1}",))
            )

    def write(self, key=KEY, numbers=range(COUNT), **fields):
        every = fields.pop("every", None)
        self.sender.write(
            key,
            tuple(intent(number, **fields) for number in numbers),
            every=every,
            withdrawn=frozenset(),
            ended=lambda: self.ended.append(key),
        )

    def take(self, patches):
        """What was written comes back from the API server."""
        for patch in patches:
            held = self.store.snapshot.latest(patch.about)
            self.store.put(patch.about.resource, patched(held, patch, self.sent.made[id(patch)]))
            self.sender.saw(patch.about)


def refs(number):
    return (Ref("vsvip", f"v{number}", tenant="admin"), Ref("virtualservice", f"s{number}", tenant="admin"))


def about(number):
    return ObjectRef(resource="ingresses", namespace="default", name=f"i{number}")


def intent(number, *, speaks=True):
    vsvip, service = refs(number)
    host = ServedHost(host=f"h{number}.example.com", vsvip=vsvip, virtualservice=service)
    return IngressStatus(about=about(number), hosts=(host,), speaks=speaks)


def patched(obj, patch, version):
    """The object with a merge patch applied, as the API server would answer it."""
    document = msgspec.to_builtins(obj)

    def merge(held, change):
        for name, value in change.items():
            if isinstance(value, dict):
                merge(held.setdefault(name, {}), value)
            elif value is None:
                held.pop(name, None)
            else:
                held[name] = value

    merge(document, patch.body)
    document["metadata"]["resourceVersion"] = version
    return msgspec.convert(document, type(obj), strict=False)


def taken(desk, number, version="5000"):
    """Somebody takes the addresses from what an Ingress shows."""
    patch = Patch(about=about(number), body={"status": {"loadBalancer": {"ingress": None}}})
    desk.store.put("ingresses", patched(desk.store.snapshot.latest(about(number)), patch, version))
    desk.sender.saw(about(number))


@pytest.fixture
def desk():
    return Desk(Deferred())


def run(desk):
    desk.sender._out.status_workers.run()


def test_the_statuses_of_one_pass_are_written_side_by_side():
    # Passed only if so many threads write at the same time.
    together, first = threading.Barrier(4), iter(range(4))

    def refuse(_patch):
        if next(first, None) is not None:
            together.wait(30)
        return False

    with ThreadPoolExecutor(8) as executor:
        desk = Desk(executor)
        desk.sent.refuse = refuse
        desk.write()
    assert len(desk.sent.threads) >= 4
    assert {patch.about for patch in desk.sent.patches} == {about(number) for number in range(COUNT)}
    assert desk.ended == [KEY]


def test_a_pass_ends_at_once_where_everything_is_shown(desk):
    desk.write()
    run(desk)
    desk.take(desk.sent.patches)
    desk.sent.patches.clear()
    desk.write()
    assert desk.ended == [KEY, KEY]
    assert desk.sent.patches == []


def test_a_status_is_written_as_the_controller_is_at_that_moment(desk):
    for ref in refs(1):
        desk.inventory.record(ref, None)
    desk.write(numbers=[0, 1])
    # It came to be served by another key meanwhile.
    desk.serve(1)
    run(desk)
    assert {patch.about for patch in desk.sent.patches} == {about(0), about(1)}


def test_one_failure_ends_the_pass_once_and_what_was_written_is_not_written_again(desk):
    desk.sent.refuse = lambda patch: patch.about == about(7)
    desk.write()
    run(desk)
    assert [key for key, _ in desk.failed] == [KEY]
    assert desk.ended == []
    written = {patch.about for patch in desk.sent.patches}
    assert about(7) not in written
    desk.take(desk.sent.patches)
    desk.sent.patches.clear()
    desk.sent.refuse = lambda _patch: False
    desk.write()
    run(desk)
    assert {patch.about for patch in desk.sent.patches} == {about(n) for n in range(COUNT)} - written
    assert desk.ended == [KEY]


def test_what_somebody_else_took_is_mended_and_nothing_else(desk):
    desk.write()
    run(desk)
    desk.take(desk.sent.patches)
    desk.sent.patches.clear()
    for number in range(COUNT):
        desk.sender.mend(about(number))
    run(desk)
    assert desk.sent.patches == []
    taken(desk, 3)
    desk.sender.mend(about(3))
    run(desk)
    assert [(patch.about, patch.subresource) for patch in desk.sent.patches] == [(about(3), "status")]


def test_what_is_on_its_way_back_is_not_written_again(desk):
    desk.write(numbers=[3])
    run(desk)
    status, marks = desk.sent.patches
    for patch in (status, marks):
        # Both are written, and they come back one after the other.
        desk.take([patch])
        desk.sender.mend(about(3))
        run(desk)
    assert desk.sent.patches == [status, marks]


def test_what_somebody_takes_before_ours_has_come_back_is_mended(desk):
    desk.write(numbers=[3])
    run(desk)
    desk.take(desk.sent.patches[:1])
    taken(desk, 3, "somebody's")
    desk.sender.mend(about(3))
    run(desk)
    assert desk.sent.patches[2].subresource == "status"


def test_an_object_of_a_server_that_was_set_back_is_not_taken_for_the_one_that_was_written(desk):
    before = desk.store.snapshot.latest(about(3))
    desk.write(numbers=[3])
    run(desk)
    # What we wrote is lost, and another object has the version of the one that we wrote to.
    other = msgspec.structs.replace(before, metadata=msgspec.structs.replace(before.metadata, uid="other"))
    desk.store.put("ingresses", other)
    desk.write(numbers=[3])
    run(desk)
    assert len(desk.sent.patches) == 4


def test_what_comes_back_between_two_writes_of_one_status_is_not_all_of_it(desk):
    def refuse(patch):
        # The first is back before the second is sent.
        if desk.sent.patches and desk.store.snapshot.latest(about(3)).metadata.resource_version == "1":
            desk.take(desk.sent.patches)
        return False

    desk.sent.refuse = refuse
    desk.write(numbers=[3])
    run(desk)
    run(desk)
    assert [patch.subresource for patch in desk.sent.patches] == ["status", ""]


@pytest.mark.parametrize(("seconds", "again"), [(ECHO_SECONDS - 1, 0), (ECHO_SECONDS + 1, 2)])
def test_what_never_comes_back_is_written_again_after_a_while(desk, monkeypatch, seconds, again):
    now = [100.0]
    monkeypatch.setattr("ako_runtime.reconcile.statuses.time.monotonic", lambda: now[0])
    desk.write(numbers=[3])
    run(desk)
    now[0] += seconds
    desk.write(numbers=[3])
    run(desk)
    assert len(desk.sent.patches) == 2 + again


def test_of_several_keys_that_say_the_same_one_mends(desk):
    desk.write(KEY, [0])
    desk.write(OTHER, [0], speaks=False)
    assert sorted(key for key, _ in desk.sender._decided.about(about(0))) == [KEY, OTHER]
    run(desk)
    desk.take(desk.sent.patches)
    taken(desk, 0)
    desk.sent.patches.clear()
    desk.sender.mend(about(0))
    run(desk)
    assert [(patch.about, patch.subresource) for patch in desk.sent.patches] == [(about(0), "status")]


def test_what_could_not_be_mended_is_written_by_the_next_pass_even_if_that_found_nothing_new(desk):
    desk.write(numbers=[0, 1])
    run(desk)
    desk.take(desk.sent.patches)
    taken(desk, 0)
    desk.sent.refuse = lambda _patch: True
    desk.sender.mend(about(0))
    run(desk)
    assert [key for key, _ in desk.failed] == [KEY]
    desk.sent.refuse = lambda _patch: False
    desk.sent.patches.clear()
    desk.write(numbers=(), every=(intent(0), intent(1)))
    run(desk)
    assert {patch.about for patch in desk.sent.patches} == {about(0)}


def begun(desk, numbers=range(COUNT)):
    """A pass that writes what serves these hosts; what to call with each object of the controller."""
    intents = tuple(intent(number) for number in numbers)
    return desk.sender.begin(KEY, intents, operations=[made(ref) for number in numbers for ref in refs(number)])


def made(ref, verb="create"):
    return Operation(verb=verb, ref=ref)


def test_a_status_goes_out_when_the_last_of_its_objects_is_written_and_only_once(desk):
    told = begun(desk, range(3))
    told(refs(1)[1])
    run(desk)
    assert desk.sent.patches == []
    told(refs(1)[0])
    run(desk)
    assert {patch.about for patch in desk.sent.patches} == {about(1)}
    # Nothing has come back from the API server.
    desk.write(numbers=range(3))
    run(desk)
    assert sorted(patch.about.name for patch in desk.sent.patches) == ["i0", "i0", "i1", "i1", "i2", "i2"]
    assert desk.ended == [KEY]


@pytest.mark.parametrize("verb", ["update", "replace", None])
def test_a_status_whose_virtual_service_is_there_already_waits_for_the_end(desk, verb):
    vsvip, service = refs(0)
    operations = [made(vsvip, "update"), *([made(service, verb)] if verb else ())]
    told = desk.sender.begin(KEY, (intent(0),), operations=operations)
    for one in operations:
        told(one.ref)
    run(desk)
    assert desk.sent.patches == []


def test_addresses_that_are_there_already_are_not_waited_for(desk):
    told = desk.sender.begin(KEY, (intent(0), intent(1)), operations=[made(refs(0)[1])])
    told(refs(0)[1])
    run(desk)
    assert {patch.about for patch in desk.sent.patches} == {about(0)}


def test_the_pass_ends_after_what_goes_out_before_its_end(desk):
    told = begun(desk)
    for number in range(COUNT):
        for ref in refs(number):
            told(ref)
    under_way = len(desk.sender._out.status_workers.tasks)
    assert under_way == EARLY_LANES
    desk.write()
    assert len(desk.sender._out.status_workers.tasks) == under_way, "the end waits for the lanes"
    run(desk)
    assert desk.ended == []
    run(desk)
    assert desk.ended == [KEY]
    assert len(desk.sent.patches) == 2 * COUNT


def test_a_refused_status_leaves_the_others_to_the_end(desk):
    told = begun(desk, range(3))
    desk.sent.refuse = lambda _patch: True
    for number in (0, 1):
        for ref in refs(number):
            told(ref)
    run(desk)
    desk.sent.refuse = lambda _patch: False
    for ref in refs(2):
        told(ref)
    run(desk)
    assert (desk.sent.patches, desk.failed) == ([], [])
    desk.write(numbers=range(3))
    run(desk)
    assert {patch.about for patch in desk.sent.patches} == {about(0), about(1), about(2)}
    assert (desk.ended, desk.failed) == ([KEY], [])


def test_what_went_out_before_the_end_is_not_mended_back_to_the_last_decision(desk):
    desk.write(numbers=[1])
    run(desk)
    desk.take(desk.sent.patches)
    desk.sent.patches.clear()
    moved = msgspec.structs.replace(intent(1), hosts=intent(2).hosts)
    told = desk.sender.begin(KEY, (moved,), operations=[made(ref) for ref in refs(2)])
    for ref in refs(2):
        told(ref)
    run(desk)
    desk.take(desk.sent.patches)
    desk.sent.patches.clear()
    desk.sender.mend(about(1))
    run(desk)
    assert desk.sent.patches == []


@pytest.mark.parametrize(
    ("kind", "verb", "says"),
    [
        ("vsvip", "create", False),
        ("vsvip", "update", False),
        ("vsvip", "replace", True),
        ("vsvip", "delete", True),
        ("virtualservice", "create", False),
        ("virtualservice", "update", True),
        ("virtualservice", "replace", True),
        ("virtualservice", "delete", False),
        ("pool", "delete", False),
    ],
)
def test_a_pass_that_takes_addresses_or_changes_what_serves_shows_it_at_its_end(kind, verb, says):
    assert known_at_the_end([made(Ref(kind, "one", tenant="admin"), verb)]) is says


def test_nobody_mends_what_no_key_decided(desk):
    desk.sender.mend(about(0))
    run(desk)
    assert desk.sent.patches == []
    assert KEY not in desk.sender.deciders
