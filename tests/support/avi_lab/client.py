"""A small HTTP client for tests of the simulated controller: exact requests, raw answers, no helpfulness."""

import http.client
import json
import ssl
from typing import Any, Self

import msgspec

from ako_lab.avi_controller import AviLab


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection, logged in at construction unless told otherwise."""

    def __init__(
        self,
        lab: AviLab,
        *,
        user: str = "",
        password: str = "",
        tenant: str = "admin",
        version: str = "30.2.1",
        login: bool = True,
    ) -> None:
        context = ssl.create_default_context(cadata=lab.certificate_pem)
        address, _, port = lab.host.partition(":")
        self._connection = http.client.HTTPSConnection(address, int(port), context=context, timeout=30)
        self.headers = {"X-Avi-Version": version, "X-Avi-Tenant": tenant}
        self.cookies: dict[str, str] = {}
        if login:
            self.login(user or lab.username, password or lab.password)

    def login(self, user: str, password: str) -> Answer:
        answer = self.request("POST", "/login", {"username": user, "password": password})
        assert answer.status == 200, answer.body
        return answer

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookies:
            sent.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
            sent.setdefault("X-CSRFToken", self.cookies.get("csrftoken", ""))
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        sent = {name: value for name, value in sent.items() if value}
        self._connection.request(method, path, body=data, headers=sent)
        response = self._connection.getresponse()
        content = response.read()
        for cookie in response.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.split(";", 1)[0].partition("=")
            self.cookies[name] = value
        return Answer(status=response.status, body=content, headers=dict(response.headers))

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.request("POST", path, body, **headers)

    def put(self, path: str, body: Any, **headers: str) -> Answer:
        return self.request("PUT", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Answer:
        return self.request("DELETE", path, **headers)

    def created(self, kind: str, body: Any, **headers: str) -> dict[str, Any]:
        answer = self.post(f"/api/{kind}", body, **headers)
        assert answer.status == 201, answer.body
        return answer.json

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
