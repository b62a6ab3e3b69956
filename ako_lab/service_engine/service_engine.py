"""A Service Engine: reads the controller, makes Envoy do what stands there, tells the controller what is seen.

    with Namespace() as place, ServiceEngine(avi.url, avi.username, avi.password, place=place) as engine:
        ...

Two threads: one follows the controller, one looks at the servers; whichever sees a change compiles and applies it,
one at a time. The controller is told what became of it, so whoever waits for a fact waits there.
"""

import contextlib
import http.client
import logging
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ako_lab.service_engine.compile import model_of
from ako_lab.service_engine.engine import Engine
from ako_lab.service_engine.envoy import clusters_of, listeners_of
from ako_lab.service_engine.feed import Feed
from ako_lab.service_engine.model import Alert, Model
from ako_lab.service_engine.objects import Json, Objects
from ako_lab.service_engine.place import Place
from ako_lab.service_engine.requests import Assumptions
from ako_runtime.errors import RetryLater, UserError

_LOG: Final = logging.getLogger(__name__)
_PAUSE: Final = 0.2
_HEALTH_SECONDS: Final = 0.25


class ServiceEngine:
    """A Service Engine of one controller at one place."""

    def __init__(
        self, url: str, username: str, password: str, *, place: Place, assumptions: Assumptions | None = None
    ) -> None:
        self._feed = Feed(url, username, password)
        self._reports = Feed(url, username, password)
        self._assumptions = assumptions
        # The path of a Unix socket holds a hundred characters at most.
        self._folder = Path(tempfile.mkdtemp(prefix="ako-se-"))
        self.engine = Engine(place=place, folder=self._folder)
        self._down: frozenset[tuple[str, str, int]] = frozenset()
        self._lock = threading.Lock()
        self._applied = threading.Condition()
        self._sequence = -1
        self._told: Json = None
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.failure: str | None = None
        self.model = Model()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start Envoy, take what the controller has, and follow it."""
        try:
            self.engine.start()
            self._feed.update()
        except (RetryLater, UserError) as error:
            self.stop()
            raise UserError(str(error)) from error
        self._take()
        for name, work in (("follow", self._follow), ("health", self._look)):
            thread = threading.Thread(target=self._guarded, args=(work,), name=f"service-engine-{name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stop; nothing listens any more."""
        self._stop.set()
        self._feed.interrupt()
        self.engine.stop()
        for thread in self._threads:
            thread.join(60)
        self._feed.close()
        self._reports.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def sequence(self) -> int:
        """Up to which write the controller's objects are in force here."""
        return self._sequence

    def until(self, sequence: int, timeout: float = 60.0) -> None:
        """Wait until the writes of the controller up to this number are in force; `TimeoutError` says what is wrong."""
        with self._applied:
            if not self._applied.wait_for(lambda: self._sequence >= sequence or self.failure, timeout) or self.failure:
                raise TimeoutError(
                    f"in force is write {self._sequence}, not {sequence}; {self.failure or 'no failure'}"
                )

    def _guarded(self, work: Callable[[], None]) -> None:
        """One thread's life: what goes wrong is logged, and it goes on after a pause."""
        while not self._stop.is_set():
            try:
                work()
            except (RetryLater, OSError, http.client.HTTPException) as error:
                if not self._stop.wait(_PAUSE):
                    _LOG.warning("the Service Engine goes on after: %s", error)
            except Exception as error:  # noqa: BLE001 - a thread goes on, and `failure` says what it met
                self.failure = repr(error)
                _LOG.exception("the Service Engine has a bug")
                with self._applied:
                    self._applied.notify_all()
                self._stop.wait(1.0)

    def _follow(self) -> None:
        if self._feed.update():
            self._take()
        else:
            self._tell_sequence()

    def _look(self) -> None:
        """Compare what Envoy found about servers with what is in force."""
        self._stop.wait(_HEALTH_SECONDS)
        if not self._stop.is_set() and self._found_down() != self._down:
            self._take()

    def _found_down(self) -> frozenset[tuple[str, str, int]]:
        return frozenset(key for key, usable in self.engine.health().items() if not usable)

    def _take(self) -> None:
        """Make what the controller has be in force.

        Clusters first: Envoy looks at new servers before it takes them, and what it found decides where traffic goes.
        What was known of a server before may be a quarter of a second old.
        """
        with self._lock:
            sequence = self._feed.sequence
            objects = Objects(dict(self._feed.documents))
            self.model = model_of(objects, self._down, self._assumptions)
            refused = self.engine.apply_clusters(clusters_of(self.model))
            down = self._found_down()
            if down != self._down:
                self._down = down
                self.model = model_of(objects, down, self._assumptions)
                refused += self.engine.apply_clusters(clusters_of(self.model))
            refused += self.engine.apply_listeners(listeners_of(self.model))
            alerts = [*self.model.alerts, *(_refusal(self.model, *one) for one in refused)]
            self._tell(report_of(self.model, self._down, alerts))
            self._sequence = sequence
        with self._applied:
            self._applied.notify_all()

    def _tell_sequence(self) -> None:
        with self._lock:
            self._sequence = max(self._sequence, self._feed.sequence)
        with self._applied:
            self._applied.notify_all()

    def _tell(self, report: Json) -> None:
        if report != self._told:
            with contextlib.suppress(RetryLater):
                self._reports.report(report)
                self._told = report


def report_of(model: Model, down: frozenset[tuple[str, str, int]], alerts: list[Alert]) -> Json:
    """What the controller is told."""
    servers = {
        upstream.name: [
            {
                "address": server.address,
                "port": server.port,
                "state": "OPER_DOWN" if (upstream.name, server.address, server.port) in down else "OPER_UP",
            }
            for server in upstream.servers
        ]
        for upstream in model.upstreams
    }
    states = {key: list(state) for key, state in model.states.items()}
    refused = {alert.object: ["OPER_DOWN", alert.text] for alert in alerts if alert.text.startswith(_REFUSED)}
    said = [{"object": alert.object, "text": alert.text} for alert in alerts]
    return {"servers": servers, "states": {**states, **refused}, "alerts": said}


_REFUSED: Final = "the data plane refuses the configuration: "


def _refusal(model: Model, name: str, reason: str) -> Alert:
    """An alert about the virtual service that a refused listener belongs to."""
    owner = next((one.chains[0].owner for one in model.listeners if one.name == name), name)
    return Alert(object=owner, text=f"{_REFUSED}{reason}")
