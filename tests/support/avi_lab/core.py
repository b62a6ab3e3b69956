"""The core of the simulated controller without a server: calls go in, replies come out."""

import json
from typing import Any

from ako_lab.avi_controller.call import Call, Reply, refusal_reply
from ako_lab.avi_controller.config import LabConfig
from ako_lab.avi_controller.control import ControlApi
from ako_lab.avi_controller.controller import Controller
from ako_lab.avi_controller.errors import Refusal
from ako_lab.avi_controller.evidence import Evidence
from ako_lab.avi_controller.seed import Seeder
from ako_lab.avi_controller.state import restore, snapshot


class Core:
    """A seeded controller with a session of its superuser."""

    def __init__(self, config: LabConfig | None = None, *, clock: Any = None) -> None:
        self.now = 1_800_000_000.0
        self.controller = Controller(config=config or LabConfig(), clock=clock or (lambda: self.now))
        Seeder(controller=self.controller).seed()
        self._control = ControlApi(controller=self.controller, evidence=Evidence(size=100))
        self.fresh = snapshot(self.controller)
        self.cookies: dict[str, str] = {}
        self.login()

    def login(self, user: str = "admin", password: str = "admin") -> None:
        reply = self.call("POST", "/login", {"username": user, "password": password})
        assert reply.status == 200, reply.body
        self.cookies = dict(cookie.split(";", 1)[0].split("=", 1) for cookie in reply.cookies)

    def reset(self) -> None:
        restore(self.controller, self.fresh)
        self.login()

    def written(self) -> dict[str, Any]:
        """What a refused request must leave as it is, the order of the objects apart."""
        held = {**self.controller.ipam.holders, **self.controller.ipam.floating_holders, **self.controller.dns.holders}
        bodies = {key: record.body for key, record in self.controller.store.records.items()}
        return {"bodies": bodies, "held": held, "owners": dict(self.controller.objects.inline_vips.owners)}

    def call(self, method: str, target: str, body: Any = None, **headers: str) -> Reply:
        sent = {
            "Host": "lab",
            "X-Avi-Version": "30.2.1",
            "X-Avi-Tenant": "admin",
            "Cookie": "; ".join(f"{name}={value}" for name, value in getattr(self, "cookies", {}).items()),
            "X-CSRFToken": getattr(self, "cookies", {}).get("csrftoken", ""),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self.controller.answer(Call(method=method, target=target, headers=sent, body=encoded(body)))

    def control(self, method: str, target: str, body: Any = None) -> Reply:
        """The answer of the control API under `/lab/`."""
        try:
            return self._control.answer(Call(method=method, target=target, headers={}, body=encoded(body)))
        except Refusal as refusal:
            return refusal_reply(refusal)

    def read(self, target: str, **headers: str) -> Any:
        reply = self.call("GET", target, **headers)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def create(self, kind: str, body: Any, **headers: str) -> Any:
        reply = self.call("POST", f"/api/{kind}", body, **headers)
        assert reply.status == 201, reply.body
        return json.loads(reply.body)


def encoded(body: Any) -> bytes:
    return body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
