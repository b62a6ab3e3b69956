"""libcurl as a transport, with the guarantees of `ako_runtime.transport.HttpPool`: limits, kept connections, threads.

Only for measuring: `pip install pycurl` beside what the tests need.
"""

import collections

import pycurl

from ako_runtime.transport import OBJECT_BYTES, PAGE_BYTES, AnswerTooLargeError, Response, TransportError


class CurlPool:
    """Handles that keep their connection; safe to use from any thread, each request has a handle for itself."""

    def __init__(self, *, base, http2=False):
        self._base = base
        self._version = pycurl.CURL_HTTP_VERSION_2TLS if http2 else pycurl.CURL_HTTP_VERSION_1_1
        self._idle = collections.deque()

    def request(self, method, path, *, headers, body, timeout):
        """The answer; raises TransportError."""
        try:
            handle = self._idle.pop()
        except IndexError:
            handle = self._new()
        found, content, limit = {}, bytearray(), PAGE_BYTES if method == "GET" else OBJECT_BYTES

        def on_header(line):
            name, colon, value = line.partition(b":")
            if colon:
                found[name.decode("latin-1").lower()] = value.strip().decode("latin-1")

        def on_body(data):
            if len(content) + len(data) > limit:
                return -1
            content.extend(data)
            return None

        handle.setopt(pycurl.URL, self._base + path)
        handle.setopt(pycurl.CUSTOMREQUEST, method)
        handle.setopt(pycurl.HTTPHEADER, [*(f"{name}: {value}" for name, value in headers.items()), "Expect:"])
        handle.setopt(pycurl.HEADERFUNCTION, on_header)
        handle.setopt(pycurl.WRITEFUNCTION, on_body)
        handle.setopt(pycurl.TIMEOUT_MS, int(timeout * 1000))
        if body is None:
            handle.setopt(pycurl.HTTPGET, 1)
            handle.setopt(pycurl.CUSTOMREQUEST, method)
        else:
            handle.setopt(pycurl.POST, 1)
            handle.setopt(pycurl.CUSTOMREQUEST, method)
            handle.setopt(pycurl.POSTFIELDSIZE, len(body))
            handle.setopt(pycurl.COPYPOSTFIELDS, body)
        try:
            handle.perform()
        except pycurl.error as error:
            handle.close()
            kind = AnswerTooLargeError if error.args[0] == pycurl.E_WRITE_ERROR else TransportError
            raise kind(error.args[1]) from error
        status = handle.getinfo(pycurl.RESPONSE_CODE)
        self._idle.append(handle)
        return Response(status=status, headers=found, body=bytes(content))

    def close(self):
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()

    def _new(self):
        handle = pycurl.Curl()
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.SSL_VERIFYPEER, 0)
        handle.setopt(pycurl.SSL_VERIFYHOST, 0)
        handle.setopt(pycurl.HTTP_VERSION, self._version)
        handle.setopt(pycurl.ACCEPT_ENCODING, "gzip")
        return handle
