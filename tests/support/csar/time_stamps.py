"""A time stamp authority for tests: openssl, in process or over HTTP, honest or not."""

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from cryptography import x509

from ako_builder.signing.timestamps import granted_token, time_stamp_request


class Authority:
    """openssl as a time stamp authority."""

    def __init__(self, folder):
        self.folder = folder
        config = folder / "tsa.cnf"
        config.write_text(
            "[req]\ndistinguished_name=dn\nx509_extensions=ext\nprompt=no\n[dn]\nCN=Test TSA\n"
            "[ext]\nextendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"
            "basicConstraints=critical,CA:FALSE\n"
            f"[tsa]\ndefault_tsa=t\n[t]\nserial={folder}/serial\nsigner_digest=sha256\ndefault_policy=1.2.3.4\n"
            "digests=sha256\naccuracy=secs:1\nordering=no\ntsa_name=yes\ness_cert_id_chain=no\ness_cert_id_alg=sha256\n"
        )
        (folder / "serial").write_text("01")
        self.run(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k.pem", "-out", "c.pem", "-config", config
        )
        self.anchors = tuple(x509.load_pem_x509_certificates((folder / "c.pem").read_bytes()))

    def run(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=self.folder, check=True, capture_output=True)

    def token(self, signature):
        return granted_token(self.answer(time_stamp_request(signature, nonce=42)), url="http://tsa.example.org")

    def answer(self, request):
        """The reply to a request, both in DER."""
        (self.folder / "q.tsq").write_bytes(request)
        self.run(
            "ts",
            "-reply",
            "-queryfile",
            "q.tsq",
            "-signer",
            "c.pem",
            "-inkey",
            "k.pem",
            "-config",
            "tsa.cnf",
            "-out",
            "a.tsr",
        )
        return (self.folder / "a.tsr").read_bytes()


class AuthorityServer:
    """Answers time stamp requests over HTTP by what `reply` makes of them; `asked` has every request."""

    def __init__(self, reply):
        self.asked = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def do_POST(self):
                request = self.rfile.read(int(self.headers["Content-Length"]))
                server.asked.append((self.headers["Content-Type"], request))
                answer = reply(request)
                self.send_response(200 if answer else 503)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/tsa"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
