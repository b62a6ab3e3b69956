"""Envoy as a process: started at a place, told by files, asked over a socket of its folder.

Clusters are written first, and the listeners when Envoy has the clusters: a listener that names a cluster which is
not there is refused. What Envoy refuses it goes on without, so a version that does not arrive is looked into and
told.
"""

import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from ako_lab.service_engine.binary import envoy_binary
from ako_lab.service_engine.objects import Json
from ako_lab.service_engine.place import Place, Program
from ako_runtime.errors import UserError

_START_SECONDS: Final = 60.0
_TAKEN_SECONDS: Final = 20.0
_PAUSE: Final = 0.002
_MOST_PAUSE: Final = 0.05
_DRAIN_SECONDS: Final = 600


class _Unix(http.client.HTTPConnection):
    """HTTP over a socket in a folder."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30.0)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30.0)
        self.sock.connect(str(self._path))


class Engine:
    """One Envoy; `folder` is its own and short, because the path of a socket may not be long."""

    def __init__(self, *, place: Place, folder: Path, concurrency: int = 1) -> None:
        self._place = place
        self._folder = folder
        self._concurrency = concurrency
        self._version = 0
        self._told: dict[str, bytes] = {}
        self._program: Program | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """What Envoy writes."""
        return self._folder / "envoy.log"

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._program.pid if self._program else 0

    def start(self) -> None:
        """Start and wait until it answers."""
        binary = envoy_binary()
        self._write("cds", [])
        self._write("lds", [])
        bootstrap = self._folder / "bootstrap.json"
        bootstrap.write_text(json.dumps(_bootstrap(self._folder)))
        command = [
            str(binary),
            *("--config-path", str(bootstrap), "--disable-hot-restart", "--log-level", "warning"),
            *("--concurrency", str(self._concurrency)),
            *("--drain-strategy", "immediate", "--drain-time-s", str(_DRAIN_SECONDS)),
        ]
        self._program = self._place.start(command, log=self.log)
        end = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._program.poll() is not None or time.monotonic() > end:
                raise UserError(f"Envoy did not start: {self._last_words()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End the process and wait for that."""
        if self._program is None:
            return
        self._program.signal(signal.SIGKILL)
        end = time.monotonic() + _START_SECONDS
        while self._program.poll() is None and time.monotonic() < end:
            time.sleep(_PAUSE)
        self._program = None

    def apply_clusters(self, clusters: list[Json]) -> list[tuple[str, str]]:
        """Make Envoy know these; what it refuses comes back as (name of the resource, reason)."""
        return self._told_to("cds", "cluster_manager.cds", clusters)

    def apply_listeners(self, listeners: list[Json]) -> list[tuple[str, str]]:
        """Make Envoy serve these, whose clusters it knows; what it refuses comes back as the same."""
        return self._told_to("lds", "listener_manager.lds", listeners)

    def _told_to(self, name: str, statistics: str, resources: list[Json]) -> list[tuple[str, str]]:
        body = json.dumps(resources, sort_keys=True).encode()
        if self._told.get(name) == body:
            return []
        before = self._counter(f"{statistics}.update_rejected")
        version = self._write(name, resources)
        wanted = f'{statistics}.version_text: "{version}"'
        end, pause = time.monotonic() + _TAKEN_SECONDS, _PAUSE
        while time.monotonic() < end:
            said = self.ask(f"/stats?filter=^{statistics}|^cluster_manager.warming").decode()
            if wanted in said and (name != "cds" or "warming_clusters: 0" in said):
                self._told[name] = body
                return []
            if _number(said, f"{statistics}.update_rejected") > before:
                return self._refusals()
            time.sleep(pause)
            pause = min(_MOST_PAUSE, pause * 1.5)
        self._told.pop(name, None)
        return [("", f"Envoy did not take version {version} of {name}: {self._last_words()}")]

    def _refusals(self) -> list[tuple[str, str]]:
        """What stands in the dump of the configuration about resources that were not taken."""
        dump = json.loads(self.ask("/config_dump"))
        found = [
            (one.get("name") or state.get("failed_configuration", {}).get("name", ""), state.get("details", "refused"))
            for part in dump.get("configs", ())
            for field in ("dynamic_listeners", "dynamic_warming_clusters", "dynamic_active_clusters")
            for one in part.get(field, ())
            if (state := one.get("error_state"))
        ]
        # A listener that was never there appears twice.
        return list(dict.fromkeys(found)) or [("", self._last_words())]

    def _counter(self, name: str) -> int:
        return _number(self.ask(f"/stats?filter=^{name}$").decode(), name)

    def _write(self, name: str, resources: Iterable[Json]) -> int:
        self._version += 1
        path = self._folder / f"{name}.json"
        scratch = path.with_suffix(".new")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            json.dump({"version_info": str(self._version), "resources": list(resources)}, stream)
        scratch.rename(path)
        return self._version

    def health(self) -> dict[tuple[str, str, int], bool]:
        """Whether each server is usable, by cluster, address and port."""
        found: dict[tuple[str, str, int], bool] = {}
        for cluster in json.loads(self.ask("/clusters?format=json")).get("cluster_statuses", ()):
            for host in cluster.get("host_statuses", ()):
                address = host["address"].get("socket_address")
                if address:
                    status = host.get("health_status", {})
                    bad = status.get("failed_active_health_check") or status.get("pending_active_hc")
                    found[cluster["name"], address["address"], address["port_value"]] = not bad
        return found

    def statistics(self) -> Mapping[str, int]:
        """Counters that say how much went through."""
        text = self.ask("/stats?filter=^(http|tcp|udp)\\..*(rq_total|cx_total|sessions)$").decode()
        pairs = (line.split(": ") for line in text.splitlines() if ": " in line)
        return {name: int(value) for name, value in pairs if value.isdigit()}

    def ask(self, path: str) -> bytes:
        """The answer of Envoy's administration."""
        connection = _Unix(self._folder / "admin")
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def _answers(self) -> bool:
        try:
            return self.ask("/ready").strip() == b"LIVE"
        except (OSError, http.client.HTTPException):
            return False

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return " ".join(lines[-3:])[-800:] or "it said nothing"


def _number(text: str, name: str) -> int:
    for line in text.splitlines():
        found, _, value = line.partition(": ")
        if found == name and value.isdigit():
            return int(value)
    return 0


def _bootstrap(folder: Path) -> dict[str, Any]:
    def source(name: str) -> Json:
        return {"path_config_source": {"path": str(folder / f"{name}.json")}, "resource_api_version": "V3"}

    return {
        "node": {"id": "service-engine", "cluster": "lab"},
        "admin": {"address": {"pipe": {"path": str(folder / "admin")}}},
        "dynamic_resources": {"cds_config": source("cds"), "lds_config": source("lds")},
    }
