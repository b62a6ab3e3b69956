"""Requests as data: `tests/traffic/requests/*.yaml`.

Each entry names a golden case, whose expected objects are written to the controller, or gives Kubernetes objects that
the runtime translates; then come requests, each with what must come back:

    - case: ingress/tls-sni              # or given: [...] with settings, as in a golden case
      fill: 10.244.1.5:8080              # the only server of pools that have none in the case
      requests:
      - {host: foo.example.com, tls: true, path: /x, pod: 10.244.1.5}
      - {host: foo.example.com, port: 80, status: 302, location: https://foo.example.com/x}
      - {udp: 53, pod: 10.244.1.5}
      - {port: 80, from: 192.0.2.7, refused: true}
      alerts: [a part of the text of each]
"""

import msgspec
import yaml
from support.golden_cases import CASES, answer_of
from support.paths import TESTS

REQUESTS = TESTS / "traffic" / "requests"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What users name in their rules, as the least that is one.
_NAMED = {
    "applicationprofile": lambda entry: {"type": entry.get("type", "APPLICATION_PROFILE_TYPE_HTTP")},
    "networkprofile": lambda entry: {"profile": {"type": entry.get("type", "PROTOCOL_TYPE_TCP_PROXY")}},
    "sslprofile": lambda _: {"accepted_versions": [{"type": "SSL_VERSION_TLS1_3"}]},
    "healthmonitor": lambda entry: {"type": entry.get("type", "HEALTH_MONITOR_TCP")},
    "applicationpersistenceprofile": lambda _: {
        "persistence_type": "PERSISTENCE_TYPE_HTTP_COOKIE",
        "http_cookie_persistence_profile": {"cookie_name": "sticky"},
    },
}


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"source": "from"}):
    """A request, and what must come back."""

    vip: str | None = None
    ip6: bool = False
    host: str = ""
    port: int = 0
    udp: int = 0
    path: str = "/"
    method: str = "GET"
    tls: bool = False
    name: str | None = None
    source: str | None = None
    headers: dict[str, str] = {}
    pod: str | None = None
    status: int = 200
    location: str | None = None
    refused: bool = False
    answer_headers: dict[str, str] = {}
    got: dict[str, str] = {}


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Objects, and requests."""

    case: str = ""
    title: str = ""
    given: list[dict] = []
    settings: dict[str, str] = {}
    references: dict = {}
    fill: str = ""
    objects: list[dict] = []
    requests: list[Request]
    alerts: list[str] = []


def cases():
    """Every case of every file, with a name."""
    for path in sorted(REQUESTS.glob("*.yaml")):
        for number, entry in enumerate(yaml.safe_load(path.read_text())):
            case = msgspec.convert(entry, Case)
            yield f"{path.stem}-{case.case or case.title or number}", case


def objects_of(case):
    """The documents that a case puts onto the controller, as (type, document)."""
    if case.case:
        given, expected = yaml.load_all((CASES / f"{case.case}.yaml").read_text(), _LOADER)
    else:
        given = {"given": case.given, "settings": case.settings, "references": case.references}
        expected = answer_of(given)
    stacks = [one for key in expected["expect"].values() for one in key.get("stack", ())]
    found = [next(iter(one.items())) for one in stacks]
    named = [
        (
            kind,
            {"name": entry if isinstance(entry, str) else entry["name"]}
            | _NAMED[kind](entry if isinstance(entry, dict) else {}),
        )
        for kind, entries in (given.get("references") or {}).items()
        if kind in _NAMED
        for entry in entries
    ]
    extra = [next(iter(one.items())) for one in case.objects]
    return [*_new(named), *extra, *((kind, _filled(kind, dict(one), case.fill)) for kind, one in found)]


def _new(named):
    return [(kind, one) for kind, one in named if not one["name"].startswith("System-")]


def _filled(kind, document, fill):
    if kind == "pool" and fill and not document.get("servers"):
        address, _, port = fill.rpartition(":")
        document["servers"] = [{"ip": {"addr": address, "type": "V4"}, "port": int(port)}]
    return document
