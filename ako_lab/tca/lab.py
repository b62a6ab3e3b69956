"""`TcaLab`: the simulated TCA in a background thread, with synchronous helpers for tests and demos.

Helpers that change something run on the server's event loop, so they and requests come one after another.
"""

import asyncio
import datetime as dt
import secrets
import shutil
import ssl
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from ako_lab.avi_controller.certificates import self_made_certificate
from ako_lab.tca.config import TcaConfig
from ako_lab.tca.faults import Fault
from ako_lab.tca.judge import Content, judged
from ako_lab.tca.server import LoggedRequest, TcaServer
from ako_lab.tca.site import Site
from ako_lab.tls import server_context
from ako_runtime.errors import UserError

_START_SECONDS = 10.0
_CALL_SECONDS = 30.0
_LOOK_AGAIN = 0.05
_Found = TypeVar("_Found")


class TcaLab:
    """A simulated TCA; ready when the constructor returns.

    `judge` gives what a package says of itself, or raises `Unfit`; it runs in a thread. `changed` is called on the
    event loop with the id of a VIM after each change of its cluster.
    """

    def __init__(
        self,
        config: TcaConfig | None = None,
        *,
        judge: Callable[[Path], Content] = judged,
        changed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._config = config or TcaConfig()
        self.username = self._config.username
        self.password = self._config.password or secrets.token_urlsafe(12)
        self._folder = Path(tempfile.mkdtemp(prefix="ako-lab-tca-"))
        self._judge = judge
        self._on_change = changed
        self._facts = threading.Condition()
        self._ready = threading.Event()
        self._failures: list[OSError] = []
        self._port = 0
        self._registry_port = 0
        self.certificate_pem = ""
        self._tls = self._made_tls() if self._config.tls else None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="tca-lab", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            raise TimeoutError("the simulated TCA did not start")
        for failure in self._failures:
            self._thread.join()
            shutil.rmtree(self._folder, ignore_errors=True)
            reason = str(failure.strerror or failure).lower()
            raise UserError(f"cannot listen on {self._config.host}:{self._config.port}: {reason}; choose another port")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"{'https' if self._tls else 'http'}://{self._config.host}:{self._port}"

    @property
    def registry(self) -> str:
        """The chart repository of the site, as a request names it."""
        return f"oci://{self._config.host}:{self._registry_port}/charts"

    def add_fault(self, **fields: Any) -> None:  # noqa: ANN401 - fields of a fault
        """Put a `Fault` into force."""
        self._called(lambda: self._site.faults.add(Fault(**fields)))

    def advance(self, seconds: float) -> None:
        """Move the virtual clock on."""
        self._called(lambda: self._site.clock.advance(seconds))

    def expire_sessions(self) -> None:
        """End every session."""
        self._called(self._site.sessions.expire)

    def packages(self) -> list[dict[str, Any]]:
        """Every package, as answers show it."""
        return self._called(lambda: [self._site.packages.document(item) for item in self._site.packages.listed(None)])

    def instances(self) -> list[dict[str, Any]]:
        """Every instance, as answers show it."""
        return self._called(lambda: [item.document() for item in self._site.instances.all()])

    def charts(self) -> list[str]:
        """`NAME:TAG` of everything in the registry."""
        return self._called(self._site.registry.names)

    def requests(self, since: int = 0) -> tuple[LoggedRequest, ...]:
        """The requests that were answered after the one numbered `since`."""
        return tuple(item for item in tuple(self._server.log) if item.sequence > since)

    def wait_for(self, predicate: Callable[["TcaLab"], object], timeout: float = 30.0) -> None:
        """Wait until a fact holds; looked at after each request, and every now and then for what comes of itself."""
        with self._facts:
            end = self._loop.time() + timeout
            while not predicate(self):
                if self._loop.time() > end:
                    raise TimeoutError(f"not so within {timeout} s: {getattr(predicate, '__name__', predicate)}")
                self._facts.wait(_LOOK_AGAIN)

    def close(self) -> None:
        """Stop listening, end what runs, remove the packages."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _called(self, work: Callable[[], _Found]) -> _Found:
        async def run() -> _Found:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_CALL_SECONDS)

    def _made_tls(self) -> ssl.SSLContext:
        now = dt.datetime.now(dt.UTC)
        self.certificate_pem, key = self_made_certificate("localhost", addresses=(self._config.host,), now=now)
        return server_context(self.certificate_pem, key)

    def _notify(self) -> None:
        if self._facts.acquire(blocking=False):
            self._facts.notify_all()
            self._facts.release()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()
            self._ready.set()

    async def _main(self) -> None:
        self._stopped = asyncio.Event()
        self._site = Site(self._config, password=self.password, folder=self._folder)
        self._site.packages.judge = self._judge
        self._site.operations.changed = self._on_change
        self._server = TcaServer(self._site)
        self._server.changed = self._notify
        try:
            runner = await self._server.start(self._config.host, self._config.port, self._tls)
        except OSError as error:
            self._failures.append(error)
            return
        self._port = runner.addresses[0][1]
        self._registry_port = runner.addresses[-1][1]
        self._ready.set()
        await self._stopped.wait()
        await self._site.operations.close()
        await self._site.packages.close()
        await runner.cleanup()
