"""Recordings of a real controller 20.1.1, replayed: same status, same keys, same shape of references.

Each recording runs against a fresh lab. Uuids of the recording are replaced by those that the lab gave to the same
objects; cookies and hosts likewise. What differs on purpose stands in `DELIBERATE`, with the reason.
"""

import http.client
import json
import re
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from support.data_folder import test_data

from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.avi_controller.config import CloudSeed

RECORDINGS = [
    "setUpModule",
    "test_api_session",
    "test_basic_auth",
    "test_basic_vs",
    "test_clone_vs",
    "test_cloned_session_headers",
    "test_context_sharing",
    "test_force_uuid",
    "test_lazy_authentication",
    "test_multiple_tenants",
    "test_retry_unauth_api",
    "test_session_connected",
    "test_session_multi_reset",
    "test_session_reset",
    "test_ssl_vs",
    "test_timeout",
    "test_user_login",
]
# (recording or *, place of the key in any answer) -> reason. Places: dots between keys, [] for every item of a list.
DELIBERATE = {
    "redis_db": "internal storage of release 20.1, gone from the documents of 30.2",
    "redis_port": "the same",
    "tls_ticket_key": "a secret that later releases no longer show",
    "apic_mode": "a field of release 20.1 that 30.2.1 no longer describes",
    "docker_mode": "the same",
    "server_count": "a field of release 16.4, shown to clients that name no version",
}
# The recordings were scrubbed: where an address of the tested pool equalled the controller's, its name stands there.
SCRUBBED_ADDRESS = "10.90.64.10"
HOST = "avi-controller"


def interactions(name: str) -> list[dict[str, Any]]:
    text = test_data("avi-recordings-20.1.1", f"{name}.yaml").read_text()
    document = json.loads(text) if text.startswith("{") else yaml.safe_load(text)
    return document["interactions"]


class Replay:
    def __init__(self, lab: AviLab, *, password: str) -> None:
        self.lab = lab
        self.password = password
        self.names = {HOST: lab.host}
        self.cookies: dict[str, str] = {}
        self.tokens: dict[str, None] = {}
        address, _, port = lab.host.partition(":")
        context = ssl.create_default_context(cadata=lab.certificate_pem)
        self.connection = http.client.HTTPSConnection(address, int(port), context=context, timeout=30)

    def send(self, recorded: dict[str, Any]) -> tuple[int, str, dict[str, str]]:
        request = recorded["request"]
        path = self.translated(request["uri"].partition(HOST)[2])
        body = request.get("body")
        headers = {name: values[0] for name, values in request["headers"].items()}
        if path != "/login" and "Authorization" not in headers and not self.cookies:
            self.login()
        for name in ("Cookie", "Content-Length"):
            headers.pop(name, None)
        if "Authorization" not in headers and self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        token = headers.get("X-CSRFToken")
        if token and self.cookies and (token in self.tokens or not self.tokens):
            # Sessions that began before the recording are ours from their first request on.
            self.tokens.setdefault(token, None)
            headers["X-CSRFToken"] = self.cookies["csrftoken"]
        headers = {name: self.translated(value) for name, value in headers.items()}
        data = self.translated(body).encode() if body else None
        self.connection.request(request["method"], path, body=data, headers=headers)
        response = self.connection.getresponse()
        text = response.read().decode()
        for cookie in response.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.split(";", 1)[0].partition("=")
            self.cookies[name] = value
        for cookie in recorded["response"]["headers"].get("Set-Cookie", ()):
            if cookie.startswith("csrftoken="):
                self.tokens[cookie.split(";")[0].partition("=")[2]] = None
        return response.status, text, dict(response.headers)

    def login(self) -> None:
        body = json.dumps({"username": "admin", "password": self.password})
        self.connection.request("POST", "/login", body=body, headers={"Content-Type": "application/json"})
        response = self.connection.getresponse()
        response.read()
        for cookie in response.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.split(";", 1)[0].partition("=")
            self.cookies[name] = value

    def translated(self, text: str) -> str:
        text = text.replace(f'"addr": "{HOST}"', f'"addr": "{SCRUBBED_ADDRESS}"')
        for known, ours in self.names.items():
            text = text.replace(known, ours)
        return text

    def learn(self, recorded: Any, ours: Any) -> None:
        """Remember which uuid of ours stands where the recording has one."""
        if isinstance(recorded, dict) and isinstance(ours, dict):
            for name in recorded.keys() & ours.keys():
                self.learn(recorded[name], ours[name])
        elif isinstance(recorded, list) and isinstance(ours, list):
            for one, two in zip(recorded, ours, strict=False):
                self.learn(one, two)
        elif isinstance(recorded, str) and isinstance(ours, str):
            one, two = uuid_in(recorded), uuid_in(ours)
            if one and two and one.partition("-")[0] == two.partition("-")[0]:
                self.names[one] = two


UUID = r"[a-z]+-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def uuid_in(text: str) -> str:
    found = re.search(UUID, text)
    return found[0] if found else ""


def shape(value: Any, place: str = "") -> Iterator[str]:
    """Every key with the kind of its value; references say whether a name is behind them."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from shape(item, f"{place}.{name}".lstrip("."))
    elif isinstance(value, list):
        for item in value:
            yield from shape(item, f"{place}[]")
    else:
        yield f"{place}: {kind(value)}"


def kind(value: Any) -> str:
    if isinstance(value, str) and "/api/" in value:
        origin = "absolute" if value.startswith("https://") else "relative"
        return f"{origin} reference{' with name' if '#' in value else ''}"
    names = {str: "text", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), type(value).__name__)


def deliberate(entry: str) -> bool:
    place = entry.partition(":")[0]
    return any(re.search(rf"(^|[.\]]){re.escape(part)}($|[.\[])", place) for part in DELIBERATE)


def test_every_deliberate_difference_is_one():
    """A reason without a difference would excuse what comes later."""
    text = "".join(test_data("avi-recordings-20.1.1", f"{name}.yaml").read_text() for name in RECORDINGS)
    assert [name for name in DELIBERATE if name not in text] == []


def test_every_recording_is_replayed():
    assert sorted(RECORDINGS) == sorted(path.stem for path in test_data("avi-recordings-20.1.1").glob("*.yaml"))


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_replays_with_the_same_answers(name):
    recorded = interactions(name)
    password = "avi123$%" if name == "test_basic_auth" else "password"
    config = LabConfig(
        version="20.1.5" if name == "test_basic_auth" else "20.1.1",
        password=password,
        clouds=(CloudSeed(kind="CLOUD_NONE", ipam=False),),
        allow_basic_authentication=name == "test_basic_auth",
        use_uuid_from_input=name == "test_force_uuid",
    )
    problems: list[str] = []
    with AviLab(config) as lab:
        replay = Replay(lab, password=password)
        for number, interaction in enumerate(recorded):
            request, response = interaction["request"], interaction["response"]
            status, text, headers = replay.send(interaction)
            title = f"{number} {request['method']} {request['uri'].partition(HOST)[2]}"
            if status != response["status"]["code"]:
                problems.append(f"{title}: status {status}, recorded {response['status']['code']}: {text[:300]}")
                continue
            if ("Location" in headers) != ("Location" in response["headers"]):
                problems.append(f"{title}: Location {headers.get('Location')}")
            expected = response["body"]["string"]
            if not expected.startswith(("{", "[")):
                continue
            theirs, ours = json.loads(expected), json.loads(text)
            replay.learn(theirs, ours)
            one, two = set(shape(theirs)), set(shape(ours))
            problems += [f"{title}: missing {entry}" for entry in sorted(one - two) if not deliberate(entry)]
            problems += [f"{title}: unexpected {entry}" for entry in sorted(two - one) if not deliberate(entry)]
        replay.connection.close()
    assert not problems, "\n".join(problems)
