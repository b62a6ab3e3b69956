"""A change that comes while a pass is translated is not lost between the snapshot of the pass and its notes."""

import msgspec
from support.golden_cases import context_of, snapshot_of
from support.l4_objects import service

from ako_runtime.kube.store import Store
from ako_runtime.model.stack import StackKey
from ako_runtime.reconcile.dispatcher import Dispatcher
from ako_runtime.reconcile.keys import KeyQueue
from ako_runtime.resources.core import Service
from ako_runtime.resources.journal import Change
from ako_runtime.translate.keys import outcome_for

KEY = StackKey(kind="service", namespace="red", name="web")


class Place:
    """A store with one Service, a queue, and a dispatcher that has begun."""

    def __init__(self):
        self.store = Store(environment=snapshot_of([]).environment, on_change=self.reported, kinds=())
        # Every kind has been listed.
        self.store._snapshot = snapshot_of([service("web")])
        self.context = context_of({}, self.store.snapshot)
        self.queue = KeyQueue()
        self.dispatcher = Dispatcher(store=self.store, queue=self.queue, context=lambda: self.context, left=frozenset)
        self.hold = False
        self.dispatcher.known_keys()

    def reported(self, resource, old, new):
        if not self.hold:
            self.dispatcher.add_touched(Change(resource=resource, old=old, new=new))

    def put(self, name, **spec):
        self.store.put("services", msgspec.convert(service(name, namespace="red", **spec), Service))


def test_a_key_that_was_overtaken_is_queued_again():
    place = Place()
    seen = place.store.snapshot
    # Reported before the pass has noted what it asks: nobody is known to read the object.
    place.hold = True
    place.put("web", loadBalancerIP="10.10.0.9")
    outcome_for(seen, KEY, place.context)
    place.dispatcher.add_if_overtaken(KEY, seen)
    assert place.queue.knows(KEY)


def test_what_it_did_not_ask_about_overtakes_no_key():
    place = Place()
    seen = place.store.snapshot
    outcome_for(seen, KEY, place.context)
    place.hold = True
    place.put("other")
    place.dispatcher.add_if_overtaken(KEY, seen)
    assert not place.queue.knows(KEY)


def test_a_change_before_the_first_round_queues_nothing():
    place = Place()
    fresh = Dispatcher(store=place.store, queue=place.queue, context=lambda: place.context, left=frozenset)
    obj = place.store.snapshot.of("services")["red", "web"]
    fresh.add_touched(Change(resource="services", new=obj))
    assert not place.queue.known()


def test_what_nobody_has_any_more_concerns_nobody():
    place = Place()
    outcome_for(place.store.snapshot, KEY, place.context)
    assert len(place.context.recall.readers)
    place.store.remove("services", ("red", "web"))
    place.queue.open()
    place.queue.done(place.queue.take())
    outcome_for(place.store.snapshot, KEY, place.context)
    place.dispatcher.forget_gone()
    change = Change(resource="services", new=msgspec.convert(service("web", namespace="red"), Service))
    assert KEY not in place.context.recall.readers.of(change)
