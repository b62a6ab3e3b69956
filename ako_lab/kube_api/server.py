"""The aiohttp shell: sockets, credentials, faults, the request log, and the pumping of watches.

Everything that decides lives elsewhere; this module turns HTTP into `Request` and `Answer` or `Watch` into HTTP. One
event loop serves all connections. A write wakes every waiting watch through one shared future, from whatever thread
the write came; each watch then pulls its events and writes them with the transport's back-pressure.
"""

import asyncio
import contextlib
import socket
import time
from collections import deque
from collections.abc import Callable

import msgspec
from aiohttp import web

from ako_lab.kube_api.api import Api
from ako_lab.kube_api.config import KubeConfig, LoggedRequest
from ako_lab.kube_api.control import Control
from ako_lab.kube_api.discovery import discovery_document, openapi_document, version_document
from ako_lab.kube_api.errors import ApiError
from ako_lab.kube_api.faults import Call, Fault, Faults
from ako_lab.kube_api.operations import Answer, Operations, Request
from ako_lab.kube_api.requests import Place, place_of, target_of, verb_of
from ako_lab.kube_api.watches import Ending, Gone, Watch, gone_line

_MAX_BODY = 16 * 1024 * 1024
_BACKLOG = 128
_LOOP_TURNS = 10
_NO_SWAGGER = b'{"swagger":"2.0","info":{"title":"Kubernetes","version":"unversioned"},"paths":{}}'
_HEALTH = frozenset({"healthz", "livez", "readyz"})
_USER = "lab-admin"


class KubeServer:
    """Serves one `Api` over HTTP."""

    def __init__(self, *, api: Api, config: KubeConfig, token: str) -> None:
        self._api = api
        self._config = config
        self._token = token
        self._operations = Operations(api=api)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed: asyncio.Future[None] | None = None
        self._watches: set[Watch] = set()
        self._closing = False
        self._listening: socket.socket | None = None
        self.faults = Faults(changed=self.wake)
        self._control = Control(api=api, faults=self.faults, interrupt=self.interrupt)
        self.log: deque[LoggedRequest] = deque(maxlen=config.logged_requests)
        self._sequence = 0
        self._observers: tuple[Callable[[], None], ...] = ()
        api.store.listen(self.wake)

    async def start(self) -> web.AppRunner:
        """Listen; the runner knows the address."""
        self._loop = asyncio.get_running_loop()
        self._changed = self._loop.create_future()
        application = web.Application(client_max_size=_MAX_BODY)
        application.router.add_route("*", "/{path:.*}", self._serve)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        family = socket.AF_INET6 if ":" in self._config.host else socket.AF_INET
        self._listening = socket.create_server((self._config.host, self._config.port), family=family, backlog=_BACKLOG)
        await web.SockSite(runner, self._listening).start()
        return runner

    async def stop_accepting(self) -> None:
        """Take no further connection, and let those become known that were taken in this very moment.

        A connection that is accepted while asyncio's server closes is neither refused nor ever closed.
        """
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
        for _ in range(_LOOP_TURNS):
            await asyncio.sleep(0)

    def observe(self, observer: Callable[[], None]) -> None:
        """Call `observer` after every logged request."""
        self._observers = (*self._observers, observer)

    def wake(self) -> None:
        """Wake every waiting watch; may be called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def close_watches(self) -> None:
        """End every watch and every silence, so that the server can stop."""
        self._closing = True
        self.wake()

    def interrupt(self, ending: Ending, matches: Callable[[Call], bool]) -> int:
        """End the open watches of matching clients in a given way; how many there were."""
        met = [watch for watch in tuple(self._watches) if matches(watch.call)]
        for watch in met:
            watch.ending = ending
        self.wake()
        return len(met)

    def open_watches(self) -> int:
        """How many watches are open."""
        return len(self._watches)

    def _wake(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)
            self._changed = asyncio.get_running_loop().create_future()

    async def _wait(self, seconds: float) -> None:
        """Until the next wake-up, or for `seconds`."""
        if self._changed is not None:
            await asyncio.wait({self._changed}, timeout=max(seconds, 0.0))

    async def _serve(self, http: web.Request) -> web.StreamResponse:
        body = await http.read()
        place = place_of(http.path)
        call = _call(http, place)
        answer: Answer | None = None
        try:
            steered = http.path.startswith("/lab/")
            faults = [] if steered else await self._met(call)
            self._authenticate(http)
            if steered:
                answer = self._control.answer(http.method, http.path, body)
            elif place is None:
                answer = self._plain(http)
            else:
                request = self._request(http, place, body)
                if request.verb == "watch":
                    return await self._watch(http, request, call)
                answer = self._operations.answer(request)
        except ApiError as error:
            faults = []
            answer = _refusal(error)
        except _Answered as fault:
            faults = [fault.fault]
            answer = _asked_for(fault.fault)
        except _Dropped:
            faults = []
        if answer is None:
            self._record(http, call, 0, body)
            return _cut(http)
        if any(fault.action == "truncate" for fault in faults):
            self._record(http, call, answer.status, body)
            return await _half(http, answer)
        self._record(http, call, answer.status, body)
        return _response(answer, next((fault.retry_after for fault in faults if fault.retry_after), None))

    async def _met(self, call: Call) -> list[Fault]:
        """Suffer the faults that meet a request; returns those that change its answer."""
        while self.faults.silences(call) and not self._closing:
            await self._wait(1.0)
        met = self.faults.strike(call)
        for fault in met:
            if fault.action == "delay":
                await asyncio.sleep(fault.seconds)
            elif fault.action == "drop":
                raise _Dropped
            elif fault.action == "answer":
                raise _Answered(fault)
        return met

    def _authenticate(self, http: web.Request) -> None:
        header = http.headers.get("Authorization", "")
        if header == f"Bearer {self._token}" or (not header and self._config.anonymous):
            return
        raise ApiError(401, "Unauthorized")

    def _request(self, http: web.Request, place: Place, body: bytes) -> Request:
        verb = verb_of(http.method, place, http.query)
        target = target_of(self._api.catalog, place)
        if verb == "create" and target.resource.namespaced and not place.namespace:
            raise ApiError(405, "the server does not allow this method on the requested resource: name a namespace")
        return Request(
            verb=verb,
            place=place,
            target=target,
            parameters=http.query,
            accept=http.headers.get("Accept", ""),
            content_type=http.content_type,
            body=body,
        )

    def _plain(self, http: web.Request) -> Answer:
        """Discovery, version, OpenAPI, health."""
        path = http.path.rstrip("/")
        if path == "/version":
            return Answer(status=200, body=msgspec.json.encode(version_document(self._config.version)))
        if path.startswith("/openapi/v3"):
            return Answer(status=200, body=msgspec.json.encode(openapi_document(self._api.catalog, path)))
        if path == "/openapi/v2":
            # kubectl looks here for a kind that version 3 does not describe. No bytes are an empty protobuf document.
            return Answer(status=200, body=b"" if "protobuf" in http.headers.get("Accept", "") else _NO_SWAGGER)
        if path.strip("/").split("/")[0] in _HEALTH:
            return Answer(status=200, body=b"ok", content_type="text/plain")
        document = discovery_document(self._api.catalog, path)
        if document is None:
            raise ApiError(404, "the server could not find the requested resource")
        return Answer(status=200, body=msgspec.json.encode(document))

    async def _watch(self, http: web.Request, request: Request, call: Call) -> web.StreamResponse:
        watch = Watch(api=self._api, request=request, call=call)
        try:
            first = watch.begin()
        except Gone:
            first, watch.ending = [], "gone"
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(http)
        self._record(http, call, 200, b"")
        self._watches.add(watch)
        try:
            with contextlib.suppress(ConnectionError):
                await self._pump(response, watch, first)
                if watch.ending == "drop" and http.transport is not None:
                    http.transport.abort()
        finally:
            self._watches.discard(watch)
        return response

    async def _pump(self, response: web.StreamResponse, watch: Watch, lines: list[bytes]) -> None:
        """Write lines as they come until the watch ends."""
        loop = asyncio.get_running_loop()
        end = loop.time() + (watch.query.timeout or self._config.watch_seconds)
        bookmark = loop.time() + self._config.bookmark_seconds
        while True:
            if lines:
                await response.write(b"".join(lines))
            if watch.ending is not None or self._closing or loop.time() >= end:
                break
            waiting = self._changed
            silent = self.faults.silences(watch.call)
            try:
                lines = [] if silent else watch.turn()
            except Gone:
                watch.ending = "gone"
                break
            if lines:
                continue
            if watch.query.bookmarks and loop.time() >= bookmark and not silent:
                lines, bookmark = [watch.bookmark()], loop.time() + self._config.bookmark_seconds
                continue
            until = min(end, bookmark) if watch.query.bookmarks else end
            if waiting is not None:
                await asyncio.wait({waiting}, timeout=max(until - loop.time(), 0.001))
        if watch.ending == "gone":
            await response.write(gone_line())
        elif watch.ending is None and watch.query.bookmarks and not self._closing:
            await response.write(watch.bookmark())

    def _record(self, http: web.Request, call: Call, status: int, body: bytes) -> None:
        self._sequence += 1
        self.log.append(
            LoggedRequest(
                sequence=self._sequence,
                time=time.time(),
                user=_USER if "Authorization" in http.headers else "anonymous",
                user_agent=call.user_agent,
                verb=call.verb,
                method=http.method,
                path=http.path,
                query=dict(http.query),
                status=status,
                resource=call.resource,
                namespace=call.namespace,
                name=call.name,
                subresource=call.subresource,
                body=body,
            )
        )
        for observer in self._observers:
            observer()


class _Dropped(Exception):  # noqa: N818 - control flow inside this module
    """A fault wants the connection closed."""


class _Answered(Exception):  # noqa: N818
    """A fault wants its own answer."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def _call(http: web.Request, place: Place | None) -> Call:
    verb = http.method.lower()
    if place is not None:
        with contextlib.suppress(ApiError):
            verb = verb_of(http.method, place, http.query)
    return Call(
        verb=verb,
        resource=place.plural if place else "",
        namespace=place.namespace if place else "",
        name=place.name if place else "",
        subresource=place.subresource if place else "",
        user_agent=http.headers.get("User-Agent", ""),
    )


def _refusal(error: ApiError) -> Answer:
    return Answer(status=error.code, body=msgspec.json.encode(error.status()))


def _asked_for(fault: Fault) -> Answer:
    return _refusal(ApiError(fault.status, fault.message, reason=fault.reason))


def _response(answer: Answer, retry_after: int | None) -> web.Response:
    response = web.Response(status=answer.status, body=answer.body, content_type=answer.content_type)
    for warning in answer.warnings:
        text = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{text}"')
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _cut(http: web.Request) -> web.Response:
    """Close the connection; the response object only satisfies aiohttp."""
    if http.transport is not None:
        http.transport.abort()
    return web.Response()


async def _half(http: web.Request, answer: Answer) -> web.StreamResponse:
    """Promise the whole answer, send half of it, close the connection."""
    response = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
    response.content_length = len(answer.body)
    await response.prepare(http)
    with contextlib.suppress(ConnectionError):
        await response.write(answer.body[: len(answer.body) // 2])
        if http.transport is not None:
            http.transport.close()
    return response
