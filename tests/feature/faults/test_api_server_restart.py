"""An API server that goes and comes back: with its memory, without it, and set back in time."""

import gc
import http.client
import sys
import threading

import pytest
from support.runtime.faults import QUICK, World, identities
from support.runtime.lab import runtime_lab

from ako_lab.kube_api import KubeConfig, KubeLab


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


@pytest.mark.parametrize("forgets", [False, True])
def test_a_restart_changes_nothing_and_loses_nothing(lab, forgets):
    world = World(lab)
    with lab.running(pace=QUICK):
        for each in ("stays", "changes", "goes"):
            world.put(each, "10.244.1.5")
        world.until_settled()
        kept = identities(lab, "stays")
        mark = lab.mark()

        def meanwhile():
            assert lab.writes(since=mark) == []
            world.put("changes", "10.244.1.5", "10.244.1.6")
            world.put("comes", "10.244.1.7")
            world.drop("goes")
            if forgets:
                lab.kube.compact()

        lab.kube.restart(meanwhile=meanwhile)
        world.until_settled()
        world.put("later", "10.244.1.8")
        world.until_settled()
    assert identities(lab, "stays") == kept


def test_a_server_that_was_set_back_in_time_is_believed(lab, tmp_path):
    """As after the restore of a backup: every version that we have seen lies in the future."""
    world = World(lab)
    with lab.running(pace=QUICK):
        for each in ("stays", "changes", "goes"):
            world.put(each, "10.244.1.5")
        # Versions go far beyond those of the server that comes.
        for turn in range(60):
            world.put("changes", f"10.244.2.{turn + 1}")
        world.until_settled()
        kept = identities(lab, "stays")
        old = lab.kube
        with KubeLab(KubeConfig(token=old.token)) as restored:
            lab.kube = restored
            lab.configure()
            world.members.clear()
            for each in ("stays", "changes"):
                world.put(each, "10.244.1.5")
            old.close()
            restored.restart(port=int(old.url.rpartition(":")[2]))
            world.until_settled()
            world.put("later", "10.244.1.8")
            world.put("changes", "10.244.1.9")
            world.until_settled()
        lab.kube = old
    assert identities(lab, "stays") == kept


@pytest.mark.filterwarnings("error::ResourceWarning")
def test_a_server_that_ends_while_clients_come_leaves_no_connection_open(monkeypatch):
    """A connection that is accepted in the very moment of the end was neither refused nor ever closed."""
    left_open = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: left_open.append(str(found.exc_value)))
    over = threading.Event()
    with KubeLab() as lab:
        port = int(lab.url.rpartition(":")[2])

        def come():
            while not over.is_set():
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                try:
                    connection.request("GET", "/version")
                    connection.getresponse().read()
                except (OSError, http.client.HTTPException):
                    pass
                finally:
                    connection.close()

        clients = [threading.Thread(target=come) for _ in range(4)]
        for client in clients:
            client.start()
        for _ in range(10):
            lab.restart()
        over.set()
        for client in clients:
            client.join()
    gc.collect()
    assert left_open == []
