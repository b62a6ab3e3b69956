"""aiohttp's low-level server with two habits of its own.

It can end connections whose TLS goodbye is still under way, because clients that are gone never say it and a lab must
stop cleanly at once. And what aiohttp refuses before anybody sees a request (an unknown method, a broken header) gets
an answer of the shape that clients of the API read.
"""

import asyncio
import weakref
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from ako_lab.avi_controller.values import Json

KEEP_ALIVE_SECONDS = 75.0
# A transport that is aborted tells its protocol in the next turn of the loop, and that closes the socket in another.
_LOOP_TURNS = 4
_Respond = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class _Connection(RequestHandler):
    """One connection; its errors are JSON objects."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what went wrong outside the controller; a bug of ours is logged by the base class."""
        if status >= 500:
            super().handle_error(request, status, exc, message)
            text = "Internal error of the simulated controller, see its log"
        else:
            text = " ".join((message or "Bad request").split())[:300]
        body = msgspec.json.encode({"error": text})
        response = web.Response(status=status, body=body, content_type="application/json")
        response.force_close()
        return response


class Listener(web.Server):
    """Makes connections and remembers their transports."""

    def __init__(self, respond: _Respond) -> None:
        self._options: dict[str, Json] = {"access_log": None, "keepalive_timeout": KEEP_ALIVE_SECONDS}
        super().__init__(respond, **self._options)
        self._transports: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()

    def __call__(self) -> RequestHandler:
        """A handler for a new connection."""
        return _Connection(self, loop=asyncio.get_running_loop(), **self._options)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """A client is connected."""
        self._transports.add(transport)
        super().connection_made(handler, transport)

    async def drop(self) -> None:
        """End what is left, and let the loop see it end."""
        for transport in tuple(self._transports):
            transport.abort()
        for _ in range(_LOOP_TURNS):
            await asyncio.sleep(0)
