"""The thin web shell: aiohttp in, the controller's core, aiohttp out, with faults and the log around it.

The low-level server of aiohttp is used, without its router and middlewares: the core does its own routing, and a
request costs less. TLS, keep-alive and request parsing are aiohttp's. Paths are normalised here (doubled and trailing
slashes), so nobody is ever redirected.
"""

import asyncio
import contextlib
import gzip
import time
from collections.abc import Callable
from http import HTTPStatus

from aiohttp import web
from multidict import CIMultiDict

from ako_lab.avi_controller.call import Call, Reply, refusal_reply
from ako_lab.avi_controller.control import ControlApi
from ako_lab.avi_controller.controller import Controller
from ako_lab.avi_controller.engines import PATH as ENGINE_PATH
from ako_lab.avi_controller.engines import EngineLink
from ako_lab.avi_controller.errors import Refusal
from ako_lab.avi_controller.evidence import Evidence, LoggedRequest
from ako_lab.avi_controller.faults import Fault, Strike

CONTROL_PREFIX = "/lab/"
_GZIP_FROM = 1400
_SLOW_STEPS = 8
_LOOK_AGAIN = 1.0
# Recorded; clients do not look at most of them, some scanners do.
_FIXED_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Strict-Transport-Security": "max-age=31536000; includeSubdomains",
    "Cache-Control": "private, no-cache, must-revalidate",
    "Vary": "Accept, Cookie",
}
_FAULT_ERRORS = {
    401: "Session has been invalidated",
    403: "Configuration is disallowed during upgrade",
    404: "object not found!",
    409: "object with this Name, Tenant ref already exists.",
    412: "Need to reload object data VsVip",
    419: "Session has expired, please login again.",
    429: "Too many requests",
}


class Shell:
    """Turns web requests into calls and replies into responses."""

    def __init__(
        self, *, controller: Controller, evidence: Evidence, certificate: str, changed: Callable[[], None]
    ) -> None:
        """`certificate`: what the server shows, PEM; `changed` is called after each request."""
        self._controller = controller
        self._evidence = evidence
        self._changed = changed
        self._control = ControlApi(controller=controller, evidence=evidence, certificate=certificate)
        self._engines = EngineLink(
            store=controller.store,
            accounts=controller.accounts,
            keys=controller.objects.semantics.private_keys,
            reports=controller.objects.states.reports,
        )
        self._moved = asyncio.Event()
        self._sequence = 0
        # Delays that end together are answered one in each turn of the loop, so requests that come meanwhile are read
        # at once and their delay begins: a delay stays what it says under load.
        self._turn = asyncio.Lock()

    async def respond(self, request: web.BaseRequest) -> web.StreamResponse:
        """The response to one request."""
        started = time.monotonic()
        call, reply = await self._call(request)
        if call.path == ENGINE_PATH and reply is None:
            return _response(request, await self._engine_reply(call))
        if call.path.startswith(CONTROL_PREFIX):
            response = _response(request, self._control_reply(call))
            self._tell()
            return response
        strike: Strike | None = None
        if reply is None:
            tenant = call.headers.get("X-Avi-Tenant", "")
            strike = self._controller.faults.strike(method=call.method, path=call.path, tenant=tenant)
            reply = await self._answered(call, strike)
        self._log(call, reply, strike, started)
        fault = strike.fault if strike else None
        if fault is not None and fault.kind in ("reset", "slow-body", "truncated-body"):
            return await _disturbed(request, reply, fault)
        return _response(request, reply)

    async def _call(self, request: web.BaseRequest) -> tuple[Call, Reply | None]:
        """The call, and already a refusal when the request itself is unusable."""
        limit = self._controller.config.maximum_body_bytes
        method = request.method
        try:
            body = b""
            if request.can_read_body:
                body = await _body(request, limit)
            return Call(method=method, target=request.raw_path, headers=request.headers, body=body), None
        except Refusal as refusal:
            call = Call(method=method, target="/", headers=request.headers, body=b"")
            return call, refusal_reply(refusal)

    async def _answered(self, call: Call, strike: Strike | None) -> Reply:
        if strike is None:
            with self._controller.lock:
                return self._controller.answer(call)
        if strike.delay:
            await asyncio.sleep(strike.delay)
            async with self._turn:
                await asyncio.sleep(0)
                return self._struck(call, strike)
        return self._struck(call, strike)

    def _struck(self, call: Call, strike: Strike) -> Reply:
        fault = strike.fault
        if fault is None or fault.kind in ("slow-body", "truncated-body") or fault.applied:
            with self._controller.lock:
                reply = self._controller.answer(call)
            return _fault_reply(fault) if fault is not None and fault.kind == "status" else reply
        if fault.kind == "status":
            return _fault_reply(fault)
        with self._controller.lock:
            if fault.kind == "leader-change":
                self._controller.change_leader()
            elif fault.kind == "session-purge":
                self._controller.accounts.purge()
            elif fault.kind == "reset":
                return Reply(0)
            return self._controller.answer(call)

    def _control_reply(self, call: Call) -> Reply:
        with self._controller.lock:
            try:
                return self._control.answer(call)
            except Refusal as refusal:
                return refusal_reply(refusal)

    def _log(self, call: Call, reply: Reply, strike: Strike | None, started: float) -> None:
        self._sequence += 1
        fault = strike.fault.kind if strike and strike.fault else "delay" if strike else ""
        entry = LoggedRequest(
            sequence=self._sequence,
            time=self._controller.clock(),
            user=call.user,
            method=call.method,
            path=call.path,
            query=call.parameters,
            status=reply.status,
            tenant=call.headers.get("X-Avi-Tenant", ""),
            user_agent=call.headers.get("X-Avi-UserAgent") or call.headers.get("User-Agent", ""),
            fault=fault,
            seconds=time.monotonic() - started,
        )
        kind = call.segments[1] if len(call.segments) > 1 else call.path
        with self._controller.lock:
            self._evidence.record(entry, body=call.body, kind=kind if reply.status != 404 else "unknown")
        self._tell()

    def _tell(self) -> None:
        """Wake up whoever waits for changes."""
        self._moved.set()
        self._moved = asyncio.Event()
        self._changed()

    async def _engine_reply(self, call: Call) -> Reply:
        """The answer to a Service Engine; one that knows everything gets it when there is something new."""
        end = time.monotonic() + self._engines.patience(call)
        while not self._engines.is_behind(call) and (left := end - time.monotonic()) > 0:
            # A state that is restored from Python announces itself to nobody here.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), min(left, _LOOK_AGAIN))
        with self._controller.lock:
            try:
                reply = self._engines.answer(call)
            except Refusal as refusal:
                return refusal_reply(refusal)
        if call.method == "PUT":
            self._tell()
        return reply


async def _body(request: web.BaseRequest, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    if (request.content_length or 0) > limit:
        raise Refusal(413, f"The body is larger than {limit} bytes")
    try:
        async for part in request.content.iter_any():
            size += len(part)
            if size > limit:
                raise Refusal(413, f"The body is larger than {limit} bytes")
            parts.append(part)
    except web.RequestPayloadError as error:
        raise Refusal(400, f"The body cannot be read: {' '.join(str(error).split())[:200]}") from error
    return b"".join(parts)


def _fault_reply(fault: Fault | None) -> Reply:
    fault = fault or Fault()
    error = fault.error or _FAULT_ERRORS.get(fault.status, "The lab injects this failure")
    reply = refusal_reply(Refusal(fault.status, error))
    if fault.retry_after is not None:
        reply.headers["Retry-After"] = str(fault.retry_after)
    return reply


def _headers(reply: Reply) -> CIMultiDict[str]:
    headers: CIMultiDict[str] = CIMultiDict(_FIXED_HEADERS)
    headers["Content-Type"] = reply.content_type
    headers.update(reply.headers)
    for cookie in reply.cookies:
        headers.add("Set-Cookie", cookie)
    return headers


def _response(request: web.BaseRequest, reply: Reply) -> web.Response:
    headers = _headers(reply)
    body = reply.body
    if len(body) > _GZIP_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
        body = gzip.compress(body, 1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return web.Response(status=reply.status, reason=_reason(reply.status), body=body, headers=headers)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Authentication Timeout" if status == 419 else "Unknown"


async def _disturbed(request: web.BaseRequest, reply: Reply, fault: Fault) -> web.StreamResponse:
    """A connection that breaks, a body that comes in slow pieces, or one that ends too early."""
    if fault.kind == "reset" or request.transport is None:
        return _broken(request)
    headers = _headers(reply)
    headers["Content-Length"] = str(len(reply.body))
    response = web.StreamResponse(status=reply.status, reason=_reason(reply.status), headers=headers)
    await response.prepare(request)
    if fault.kind == "truncated-body":
        await response.write(reply.body[: len(reply.body) // 2])
        return _broken(request, response)
    step = max(1, len(reply.body) // _SLOW_STEPS)
    for start in range(0, len(reply.body), step):
        await asyncio.sleep((fault.delay or 1.0) / _SLOW_STEPS)
        await response.write(reply.body[start : start + step])
    await response.write_eof()
    return response


def _broken(request: web.BaseRequest, response: web.StreamResponse | None = None) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return response if response is not None else web.Response(status=503)
