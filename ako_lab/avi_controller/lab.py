"""`AviLab`: a simulated controller that runs in a thread of its own.

    with AviLab(LabConfig()) as avi:
        client.connect(avi.host, avi.username, avi.password)
        avi.wait_for(lambda lab: lab.objects("virtualservice"))

The server has its own event loop in a background thread; everything here may be called from any other thread. Waiting
is for facts: `wait_for` asks again after every request, with a deadline, and says what it saw when that passes.
"""

import asyncio
import datetime as dt
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from ako_lab.avi_controller.certificates import is_valid_for, self_made_certificate
from ako_lab.avi_controller.config import LabConfig
from ako_lab.avi_controller.controller import Controller
from ako_lab.avi_controller.evidence import Evidence, LoggedRequest
from ako_lab.avi_controller.faults import Faults
from ako_lab.avi_controller.listener import Listener
from ako_lab.avi_controller.persistence import StateFile
from ako_lab.avi_controller.rendering import View
from ako_lab.avi_controller.reports import Alert
from ako_lab.avi_controller.schema import version_of
from ako_lab.avi_controller.seed import Seeder
from ako_lab.avi_controller.server import Shell
from ako_lab.avi_controller.state import restore, snapshot
from ako_lab.avi_controller.values import Json
from ako_lab.tls import server_context
from ako_runtime.errors import UserError

_START_SECONDS = 30.0
_CLOSE_SECONDS = 1.0


class AviLab:
    """A running simulated Avi Controller."""

    def __init__(self, config: LabConfig | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.config = config or LabConfig()
        self._controller = Controller(config=self.config, clock=clock)
        self._evidence = Evidence(size=self.config.request_log_size)
        self._changed = threading.Condition()
        self._changes = 0
        self._state_file = StateFile(path=Path(self.config.state_file)) if self.config.state_file else None
        with ExitStack() as undo:
            if self._state_file is not None:
                undo.callback(self._state_file.close)
            self._fill()
            self._socket = _listening_socket(self.config.host, self.config.port)
            undo.callback(self._socket.close)
            self.certificate_pem, self._key_pem = self._certificate()
            self._tls = server_context(self.certificate_pem, self._key_pem)
            undo.pop_all()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="avi-lab", daemon=True)

    def _fill(self) -> None:
        """Take the state from its file, or make the first one."""
        if self._state_file is None or not self._state_file.load(self._controller):
            Seeder(controller=self._controller).seed()
        if self._controller.accounts.record(self.username) is None:
            where, user = self.config.state_file, self.username
            raise UserError(f"{where}: has no user {user!r}; configure the user that it was made with, or a new file")
        if self._state_file is not None:
            self._state_file.follow(self._controller)

    # Life

    def start(self) -> Self:
        """Serve; returns when requests are answered."""
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            raise TimeoutError("the simulated controller did not start")
        if self._failure is not None:
            raise self._failure
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving and write what is not yet on disk."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_START_SECONDS)
        self._socket.close()
        if self._state_file is not None:
            with self._controller.lock:
                self._state_file.write(self._controller)
            self._state_file.close()
            self._state_file = None

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for the start
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        shell = Shell(
            controller=self._controller,
            evidence=self._evidence,
            certificate=self.certificate_pem,
            changed=self._note_change,
        )
        server = Listener(shell.respond)
        listener = await self._loop.create_server(server, sock=self._socket, ssl=self._tls)
        self._ready.set()
        await self._stop.wait()
        listener.close()
        await server.shutdown(_CLOSE_SECONDS)
        await server.drop()

    def _certificate(self) -> tuple[str, str]:
        if self.config.certificate or self.config.key:
            try:
                return Path(self.config.certificate).read_text(), Path(self.config.key).read_text()
            except OSError as error:
                raise UserError(
                    f"{error.filename}: {error.strerror}; give both certificate and key as PEM files"
                ) from error
        now = dt.datetime.now(tz=dt.UTC)
        addresses = tuple(dict.fromkeys(("127.0.0.1", self.config.host)))
        kept = self._state_file.certificate() if self._state_file is not None else None
        if kept is not None and is_valid_for(kept[0], addresses=addresses, now=now):
            return kept
        made = self_made_certificate("localhost", addresses=addresses, now=now)
        if self._state_file is not None:
            self._state_file.keep_certificate(*made)
        return made

    # Where and who

    @property
    def host(self) -> str:
        """Address and port, as a client configures them."""
        address, port = self._socket.getsockname()[:2]
        shown = "127.0.0.1" if address in ("0.0.0.0", "::") else address  # noqa: S104 - compared, not bound
        return f"[{shown}]:{port}" if ":" in shown else f"{shown}:{port}"

    @property
    def url(self) -> str:
        """The base address."""
        return f"https://{self.host}"

    @property
    def username(self) -> str:
        """The name of the superuser."""
        return self.config.username

    @property
    def password(self) -> str:
        """The superuser's password as it is now."""
        with self._controller.lock:
            return self._controller.accounts.password_of(self.username)

    # Facts

    @property
    def faults(self) -> Faults:
        """The faults in force."""
        return self._controller.faults

    def objects(self, kind: str) -> tuple[dict[str, Json], ...]:
        """All objects of a type, of all tenants, as a client reads them with `include_name`."""
        view = View(base=self.url, version=version_of(self._controller.schema.release), parameters={"include_name": ""})
        with self._controller.lock:
            table = self._controller.store.tables[kind]
            return tuple(self._controller.objects.renderer.document(record, view) for record in table.records.values())

    def requests(self, since: int = 0, *, bodies: bool = True) -> tuple[LoggedRequest, ...]:
        """The requests after a sequence number, oldest first. Without `bodies` the answer costs next to nothing."""
        with self._controller.lock:
            return self._evidence.requests(since, bodies=bodies)

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """What Service Engines cannot do of the configuration, or do not take."""
        with self._controller.lock:
            return self._controller.objects.states.reports.alerts()

    @property
    def counters(self) -> dict[str, int]:
        """How many requests there were of each method, type and status."""
        with self._controller.lock:
            return dict(self._evidence.counters)

    def wait_for(self, predicate: Callable[["AviLab"], object], timeout: float = 30.0) -> None:
        """Return when the predicate holds; asked again after every request. TimeoutError says what was seen last."""
        deadline = time.monotonic() + timeout
        while True:
            with self._changed:
                seen = self._changes
            if predicate(self):
                return
            with self._changed:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait_for(partial(self._moved, seen), left):
                    break
        if not predicate(self):
            raise TimeoutError(self._situation(timeout))

    def _moved(self, seen: int) -> bool:
        return self._changes != seen

    def _situation(self, timeout: float) -> str:
        with self._controller.lock:
            counts = {k: len(t.records) for k, t in self._controller.store.tables.items() if t.records}
            last = self._evidence.requests(self._evidence.sequence - 5)
        recent = "; ".join(f"{entry.method} {entry.path} {entry.status}" for entry in last) or "none"
        return f"not true within {timeout:g} s; objects: {counts}; last requests: {recent}"

    def _note_change(self) -> None:
        if self._state_file is not None:
            with self._controller.lock:
                self._state_file.write(self._controller)
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    # State

    def snapshot(self) -> dict[str, Json]:
        """The whole state."""
        with self._controller.lock:
            return snapshot(self._controller)

    def restore(self, document: dict[str, Json]) -> None:
        """Make the state what a snapshot says."""
        with self._controller.lock:
            restore(self._controller, document)
        self._note_change()

    def change_leader(self) -> None:
        """Another node of the controller cluster leads."""
        with self._controller.lock:
            self._controller.change_leader()

    def expire_sessions(self) -> None:
        """Every session ends; clients meet 419."""
        with self._controller.lock:
            self._controller.accounts.purge()


def _listening_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(1024)
    except (OSError, UnicodeError) as error:
        listening.close()
        reason = error.strerror if isinstance(error, OSError) else "not the name of a host"
        raise UserError(f"{host}:{port}: cannot listen ({reason}); choose another address or port") from error
    listening.setblocking(False)
    return listening
