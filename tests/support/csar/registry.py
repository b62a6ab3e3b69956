"""A small OCI registry over HTTP for tests: tokens, chunked uploads, ranges, and connections that break on demand."""

import hashlib
import json
import re
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class LabRegistry:
    """Blobs and manifests in memory; `log` has every request, `breaks` says how many uploads or downloads to cut."""

    def __init__(self, *, user="robot", password="secret"):
        self.blobs = {}
        self.manifests = {}
        self.uploads = {}
        self.log = []
        self.cut_downloads = 0
        self.refuse_chunks = 0
        self.lie = False
        self.login = (user, password)
        self.token = uuid.uuid4().hex
        registry = self

        class Handler(_Handler):
            lab = registry

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.host = f"127.0.0.1:{self._server.server_port}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def put_image(self, name, tag, layers):
        """Store an image; its digest."""

        def blob(data):
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            self.blobs[digest] = data
            return {"digest": digest, "size": len(data)}

        kind = "application/vnd.oci.image"
        document = {
            "schemaVersion": 2,
            "mediaType": f"{kind}.manifest.v1+json",
            "config": {"mediaType": f"{kind}.config.v1+json", **blob(b"{}")},
            "layers": [{"mediaType": f"{kind}.layer.v1.tar", **blob(layer)} for layer in layers],
        }
        data = json.dumps(document).encode()
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        for point in (tag, digest):
            self.manifests[name, point] = (f"{kind}.manifest.v1+json", data)
        return digest


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lab: LabRegistry

    def log_message(self, *arguments):
        pass

    def answer(self, status, data=b"", **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def route(self):
        self.lab.log.append((self.command, self.path))
        path, _, query = self.path.partition("?")
        if path == "/token":
            self.give_token()
            return
        if self.headers.get("Authorization") != f"Bearer {self.lab.token}":
            self.body()
            realm = f'Bearer realm="http://{self.lab.host}/token",service="lab"'
            self.answer(401, WWW_Authenticate=realm)
            return
        found = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/(uploads/)?(.*)", path)
        name, kind, upload, point = found.groups()
        if upload:
            self.upload(name, point, query)
        elif kind == "blobs":
            self.blob(point)
        else:
            self.manifest(name, point)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = route  # noqa: N815

    def give_token(self):
        import base64

        wanted = base64.b64encode(":".join(self.lab.login).encode()).decode()
        if self.headers.get("Authorization") != f"Basic {wanted}":
            self.answer(401, b"{}")
            return
        self.answer(200, json.dumps({"token": self.lab.token}).encode())

    def blob(self, digest):
        data = self.lab.blobs.get(digest)
        if data is None:
            self.answer(404)
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", self.headers["Range"])[1]) if self.headers.get("Range") else 0
        part = data[start:]
        if self.lab.lie:
            part = b"x" * len(part)
        if self.command == "GET" and self.lab.cut_downloads and len(part) > 1000:
            self.lab.cut_downloads -= 1
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part[: len(part) // 2])
            self.close_connection = True
            return
        self.answer(206 if start else 200, part)

    def manifest(self, name, point):
        if self.command == "PUT":
            data = self.body()
            parts = json.loads(data).get("manifests", [])
            if any((name, part["digest"]) not in self.lab.manifests for part in parts):
                self.answer(404, b"child unknown")
                return
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            for key in (point, digest):
                self.lab.manifests[name, key] = (self.headers["Content-Type"], data)
            self.answer(201, Docker_Content_Digest=digest)
            return
        found = self.lab.manifests.get((name, point))
        if found is None:
            self.answer(404)
            return
        data = found[1].replace(b"2", b"3", 1) if self.lab.lie else found[1]
        self.answer(200, data, Content_Type=found[0])

    def upload(self, name, point, query):
        where = f"/v2/{name}/blobs/uploads/"
        if self.command == "POST":
            key = uuid.uuid4().hex
            self.lab.uploads[key] = b""
            self.answer(202, Location=where + key)
            return
        data = self.body()
        if self.command == "PATCH" and self.lab.refuse_chunks:
            self.lab.refuse_chunks -= 1
            self.answer(500)
            return
        if self.command == "PATCH":
            self.lab.uploads[point] += data
            self.answer(202, Location=where + point, Range=f"0-{len(self.lab.uploads[point]) - 1}")
        elif self.command == "GET":
            length = len(self.lab.uploads[point])
            self.answer(204, Location=where + point, Range=f"0-{max(length - 1, 0)}")
        else:
            content = self.lab.uploads.pop(point) + data
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            stated = query.removeprefix("digest=").replace("%3A", ":")
            if stated != digest:
                self.answer(400)
                return
            self.lab.blobs[digest] = content
            self.answer(201)
