"""The control API beside the API that is served, for whoever runs the lab as a process: failures on command.

Everything stands under `/lab/`; no fault ever meets it.

    GET /lab/faults    the faults that stand           POST    one more, a `Fault` as JSON     DELETE    none any more
    POST /lab/watches  end open watches: {"ending": "drop", "end" or "gone", "resource": "services", ...}
    POST /lab/compact  forget the history: older versions, and pages of lists begun before, are 410 from now on
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from ako_lab.kube_api.api import Api
from ako_lab.kube_api.errors import ApiError
from ako_lab.kube_api.faults import Call, Fault, Faults, meets
from ako_lab.kube_api.operations import Answer
from ako_lab.kube_api.watches import Ending

_COMMANDS = "GET, POST or DELETE /lab/faults, POST /lab/watches, POST /lab/compact"

Interrupt = Callable[[Ending, Callable[[Call], bool]], int]


class Interruption(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which open watches to end, and how."""

    ending: Ending = "drop"
    resource: str = ""
    namespace: str = ""
    user_agent: str = ""

    def meets(self, call: Call) -> bool:
        """Whether it is about this watch."""
        about = Fault(action="drop", resource=self.resource, namespace=self.namespace, user_agent=self.user_agent)
        return meets(about, call)


Command = TypeVar("Command", Fault, Interruption)


class Control:
    """Answers what is asked below `/lab/`."""

    def __init__(self, *, api: Api, faults: Faults, interrupt: Interrupt) -> None:
        self._api = api
        self._faults = faults
        self._interrupt = interrupt

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """Do what a request asks for; raises `ApiError`."""
        name = path.removeprefix("/lab/").rstrip("/")
        if (method, name) == ("POST", "faults"):
            self._faults.add(_decoded(body, Fault))
        elif (method, name) == ("DELETE", "faults"):
            self._faults.clear()
        elif (method, name) == ("POST", "watches"):
            wanted = _decoded(body, Interruption)
            return _json({"ended": self._interrupt(wanted.ending, wanted.meets)})
        elif (method, name) == ("POST", "compact"):
            self._api.compact()
        elif (method, name) != ("GET", "faults"):
            raise ApiError(404, f"{method} {path} is no command of this lab: {_COMMANDS}")
        return _json(self._faults.standing())


def _decoded(body: bytes, kind: type[Command]) -> Command:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise ApiError(400, f"the body is no {kind.__name__}: {error}") from error


def _json(document: object) -> Answer:
    return Answer(status=200, body=msgspec.json.encode(document))
