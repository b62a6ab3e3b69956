"""The aiohttp shell: sockets, sessions, faults, the log of requests.

`/lab/…` steers the simulator and needs no session: `POST /lab/faults`, `DELETE /lab/faults`, `POST /lab/clock`
(`{"advance": SECONDS}`), `GET /lab/endpoints` (the table). `/v2/…` is the registry of the site.
"""

import asyncio
import inspect
import re
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from ako_lab.tca.endpoints import ENDPOINTS, TOKEN, Call, EndPoint, Reply, decoded_object
from ako_lab.tca.errors import Refused, body_of
from ako_lab.tca.faults import Fault
from ako_lab.tca.site import Site
from ako_lab.tca.upload import UploadCut

_MAX_BODY: Final = 80 << 20
_LOGGED: Final = 10_000


class LoggedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One finished request; `status` is 0 where the connection was cut."""

    sequence: int
    method: str
    path: str
    status: int
    body: bytes


class TcaServer:
    """Serves one `Site` over HTTP."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._rows = [(item, re.compile(re.escape(item.path).replace(r"\{id\}", "([^/]+)"))) for item in ENDPOINTS]
        self.log: deque[LoggedRequest] = deque(maxlen=_LOGGED)
        self._sequence = 0
        self._only_registry_is_plain = False
        self.changed: Callable[[], None] = lambda: None

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> web.AppRunner:
        """Listen; the runner knows the addresses: the interfaces', and with TLS the registry's, which stays plain."""
        application = web.Application(client_max_size=_MAX_BODY)
        application.router.add_route("*", "/{path:.*}", self._serve)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
        if tls is not None:
            await web.TCPSite(runner, host, 0).start()
            self._only_registry_is_plain = True
        return runner

    async def _serve(self, http: web.Request) -> web.StreamResponse:
        if http.path.startswith("/v2/"):
            return await self._site.registry.answer(http)
        body = b""
        status = 0
        try:
            self._require_tls(http)
            if http.path.startswith("/lab/"):
                return await self._steered(http)
            cut_after = await self._suffer(http)
            row, identifier = self._row(http)
            upload = row.method == "PUT"
            body = b"" if upload else await http.read()
            self._admit(http, row)
            found = row.answer(self._site, Call(http=http, id=identifier, body=body, cut_after=cut_after))
            reply = await found if inspect.isawaitable(found) else found
            response = _response(reply)
            status = response.status
        except Refused as error:
            status = error.status
            response = web.json_response(body_of(error, path=http.path), status=status)
        except (UploadCut, ConnectionError):
            if http.transport is not None:
                http.transport.abort()
            response = web.Response()
        finally:
            self._record(http, status=status, body=body)
        return response

    def _require_tls(self, http: web.Request) -> None:
        if self._only_registry_is_plain and http.scheme != "https":
            raise Refused(404, "only the chart registry is here; the interfaces are at https")

    async def _suffer(self, http: web.Request) -> int | None:
        """Meet the faults; after how many bytes an upload is to be cut, if one says so."""
        cut_after = None
        for fault in self._site.faults.met(http.method, http.path):
            if fault.action == "delay":
                await asyncio.sleep(fault.seconds)
            elif fault.action == "expire":
                self._site.sessions.expire()
            elif fault.action == "answer":
                raise Refused(fault.status, fault.message)
            elif http.method == "PUT" and fault.bytes:
                cut_after = fault.bytes
            else:
                raise UploadCut
        return cut_after

    def _row(self, http: web.Request) -> tuple[EndPoint, str]:
        fitting = [(row, match) for row, pattern in self._rows if (match := pattern.fullmatch(http.path))]
        fitting = [(row, match) for row, match in fitting if row.grade != "D" or self._site.config.guess]
        if not fitting:
            raise Refused(404, f"nothing is at {http.path}")
        for row, match in fitting:
            if row.method == http.method:
                return row, match.group(1) if match.groups() else ""
        raise Refused(405, f"{http.method} is not possible at {http.path}")

    def _admit(self, http: web.Request, row: EndPoint) -> None:
        """401 without a session; 400 without the header Version where the vendor's reference requires it."""
        if not row.open:
            authorization = http.headers.get("Authorization", "").removeprefix("Bearer ")
            self._site.sessions.require(http.headers.get(TOKEN) or authorization)
        if row.path.startswith("/telco/") and not http.headers.get("Version"):
            raise Refused(400, "the header Version is missing")

    async def _steered(self, http: web.Request) -> web.Response:
        what = (http.method, http.path)
        if what == ("GET", "/lab/endpoints"):
            rows = [
                {"method": item.method, "path": item.path, "grade": item.grade, "source": item.source}
                for item in ENDPOINTS
            ]
            return web.json_response(rows)
        if what == ("DELETE", "/lab/faults"):
            self._site.faults.clear()
        elif what == ("POST", "/lab/faults"):
            self._site.faults.add(_fault(decoded_object(await http.read())))
        elif what == ("POST", "/lab/clock"):
            self._site.clock.advance(_seconds(decoded_object(await http.read())))
        else:
            raise Refused(404, f"nothing is at {http.path}")
        return web.json_response({})

    def _record(self, http: web.Request, *, status: int, body: bytes) -> None:
        self._sequence += 1
        self.log.append(
            LoggedRequest(sequence=self._sequence, method=http.method, path=http.path, status=status, body=body)
        )
        self.changed()


def _fault(document: dict[str, Any]) -> Fault:
    try:
        return msgspec.convert(document, type=Fault)
    except (msgspec.ValidationError, ValueError) as error:
        raise Refused(400, f"the fault is wrong: {error}") from error


def _seconds(document: dict[str, Any]) -> float:
    seconds = document.get("advance")
    if not isinstance(seconds, (int, float)) or not 0 <= seconds < 10**9:
        raise Refused(400, "advance must be a number of seconds, 0 or more")
    return float(seconds)


def _response(reply: Reply) -> web.StreamResponse:
    if reply.file is not None:
        return web.FileResponse(reply.file.file, headers={"Content-Type": "application/zip"})
    body = None if reply.document is None else msgspec.json.encode(reply.document)
    kind = "application/json" if body is not None else None
    return web.Response(status=reply.status, body=body, headers=dict(reply.headers), content_type=kind)
