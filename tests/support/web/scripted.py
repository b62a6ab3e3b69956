"""An HTTP server for tests whose answers are written down beforehand, broken ones too."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ScriptedServer:
    """Answers by `answers[path]`, a list of functions of the handler: the last one stays; `asked` has every request."""

    def __init__(self, *, context=None):
        self.answers = {}
        self.asked = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def route(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.asked.append((self.command, self.path, dict(self.headers), body))
                script = server.answers[self.path]
                (script.pop(0) if len(script) > 1 else script[0])(self)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = route  # noqa: N815

        class Server(ThreadingHTTPServer):
            def handle_error(self, *arguments):
                """Clients that do not trust the certificate, or have read enough, hang up."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.host = f"127.0.0.1:{self._server.server_port}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def answer(status=200, body=b"", **headers):
    """A whole answer."""

    def send(handler):
        handler.send_response(status)
        for name, text in headers.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return send


def cut(body, *, stated):
    """An answer that states more bytes than come."""

    def send(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(stated))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return send


def hang_up(handler):
    """No answer at all."""
    handler.close_connection = True
