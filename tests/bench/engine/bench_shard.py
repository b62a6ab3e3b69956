"""CPU of translation for one path more, beside so many hosts: with what is remembered, and without.

    python tests/bench/engine/bench_shard.py [--hosts 500 5000] [--mode evh sni] [--turns 40]

No servers, no network: seconds of this process. Every Ingress has five hosts over eight shards, each change gives one
of them a second path, and the keys that the change touches are translated, as the runtime does.
"""

import argparse
import pathlib
import sys
import time

import msgspec

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
from support.golden_cases import context_of, snapshot_of
from support.ingress.objects import backend, ingress, ingress_class

from ako_runtime.resources.journal import Change
from ako_runtime.resources.networking import Ingress
from ako_runtime.translate.dispatch import keys_touched_by
from ako_runtime.translate.keys import all_keys, outcome_for
from ako_runtime.translate.recall import Recall

PER_INGRESS = 5


def ingress_number(number, *, more=False):
    hosts = {f"h{number}-{at}.example.com": {"/": "web"} for at in range(PER_INGRESS)}
    if more:
        hosts[f"h{number}-0.example.com"]["/more"] = "web"
    return ingress(f"i{number}", hosts)


def changes(snapshot, turns):
    """Snapshots, each with one path more than the one before, and the keys that it touches."""
    for number in range(turns):
        document = ingress_number(number, more=True)
        new = msgspec.json.decode(msgspec.json.encode(document), type=Ingress)
        old = snapshot.of("ingresses")[new.identity]
        snapshot = snapshot.with_object("ingresses", new)
        yield snapshot, old, new


def measured(hosts, mode, turns):
    """Milliseconds for each change, remembering and not."""
    documents = [ingress_number(number) for number in range(hosts // PER_INGRESS)]
    start = snapshot_of([ingress_class(), backend("web"), *documents])
    context = context_of({"enableEVH": str(mode == "evh").lower(), "shardVSSize": "LARGE"}, start)
    for key in all_keys(start, context):
        outcome_for(start, key, context)
    found = []
    for remembering in (True, False):
        used = 0.0
        for snapshot, old, new in changes(start, turns):
            began = time.process_time()
            keys = keys_touched_by(Change(resource="ingresses", old=old, new=new), snapshot, context)
            for key in keys:
                outcome_for(
                    snapshot, key, context if remembering else msgspec.structs.replace(context, recall=Recall())
                )
            used += time.process_time() - began
        found.append(used / turns * 1000)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, nargs="*", default=[500, 5000])
    parser.add_argument("--mode", nargs="*", default=["evh", "sni"])
    parser.add_argument("--turns", type=int, default=40)
    arguments = parser.parse_args()
    print(f"{'':20} {'remembering, ms':>16} {'anew, ms':>10} {'ratio':>7}")
    for mode in arguments.mode:
        for hosts in arguments.hosts:
            with_memory, anew = measured(hosts, mode, arguments.turns)
            print(f"{mode}, {hosts:5} hosts    {with_memory:16.1f} {anew:10.1f} {anew / with_memory:7.1f}", flush=True)


if __name__ == "__main__":
    main()
