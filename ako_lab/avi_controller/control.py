"""The control API of a lab, beside the API that it simulates: faults, the request log, counters, state.

Everything stands under `/lab/`, without a session: whoever reaches a lab may steer it.

    GET  /lab/requests?since=N    requests after N; also by method, path (a regular expression), status, user, tenant
    GET  /lab/counters            how many of each kind
    GET  /lab/faults  POST  DELETE                         GET  /lab/state  PUT      the whole state
    GET  /lab/ipam                who holds which address
    PUT  /lab/oper-status         {"key": "pool/pool-1", "state": "OPER_DOWN"}
    POST /lab/leader-change       POST /lab/session-purge  GET  /lab/certificate     what the lab shows, PEM
"""

import re
from collections.abc import Mapping

import msgspec

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.call import Call, Reply, json_reply
from ako_lab.avi_controller.controller import Controller
from ako_lab.avi_controller.evidence import Evidence, LoggedRequest
from ako_lab.avi_controller.faults import Fault
from ako_lab.avi_controller.state import encoded_snapshot, restore

_LOG_FILTERS = ("method", "status", "user", "tenant")


class ControlApi:
    """Answers the calls under `/lab/`."""

    def __init__(self, *, controller: Controller, evidence: Evidence, certificate: str = "") -> None:
        self._certificate = certificate
        self._controller = controller
        self._evidence = evidence

    def answer(self, call: Call) -> Reply:
        """The reply to a control call."""
        name = "/".join(call.segments[1:])
        if name == "faults":
            return self._faults(call)
        if name == "state":
            return self._state(call)
        if call.method == "GET":
            return self._read(name, call)
        return self._act(name, call)

    def _read(self, name: str, call: Call) -> Reply:
        if name == "requests":
            return json_reply(self._requests(call.parameters))
        if name == "counters":
            objects = {
                kind: len(table.records) for kind, table in self._controller.store.tables.items() if table.records
            }
            body = {
                "requests": dict(self._evidence.counters),
                "objects": objects,
                "faults": self._controller.faults.struck,
            }
            return json_reply({"sequence": self._evidence.sequence, **body})
        if name == "ipam":
            held = [
                {"scope": scope, "address": address, "vsvip": holder[0], "vip_id": holder[1]}
                for (scope, address), holder in self._controller.ipam.holders.items()
            ]
            return json_reply(held)
        if name == "certificate":
            reply = Reply(200, self._certificate.encode())
            reply.content_type = "application/x-pem-file"
            return reply
        raise errors.no_such_path(call.path)

    def _requests(self, parameters: Mapping[str, str]) -> list[LoggedRequest]:
        since = parameters.get("since", "0")
        if not (since.isascii() and since.isdigit()) or len(since) > 18:
            raise errors.bad_request("since must be a sequence number")
        unknown = sorted(parameters.keys() - {"since", "path", *_LOG_FILTERS})
        if unknown:
            raise errors.bad_request(f"{unknown[0][:40]!r} is not a filter of the request log")
        try:
            path = re.compile(parameters.get("path", ".*"))
        except re.error as error:
            raise errors.bad_request(f"path is not a regular expression: {error}") from error
        wanted = [(name, parameters[name]) for name in _LOG_FILTERS if name in parameters]
        return [
            entry
            for entry in self._evidence.requests(int(since))
            if path.fullmatch(entry.path) and all(str(getattr(entry, name)) == value for name, value in wanted)
        ]

    def _act(self, name: str, call: Call) -> Reply:
        if name == "oper-status" and call.method == "PUT":
            return self._force_status(call)
        actions = {
            "leader-change": self._controller.change_leader,
            "session-purge": self._controller.accounts.purge,
        }
        action = actions.get(name)
        if action is None or call.method != "POST":
            raise errors.no_such_path(call.path)
        action()
        return Reply(204)

    def _force_status(self, call: Call) -> Reply:
        sent = call.document()
        key, state, reason = sent.get("key"), sent.get("state"), sent.get("reason", "")
        if not isinstance(key, str) or key not in self._controller.store.records:
            raise errors.bad_request("key must name an object, e.g. pool/pool-1")
        forced = self._controller.objects.states.forced
        if state is None:
            forced.pop(key, None)
        elif isinstance(state, str) and state.startswith("OPER_") and isinstance(reason, str):
            forced[key] = (state, reason)
        else:
            raise errors.bad_request("state must be one of Avi's, e.g. OPER_DOWN, or null; reason a text")
        return Reply(204)

    def _faults(self, call: Call) -> Reply:
        faults = self._controller.faults
        if call.method == "POST":
            try:
                value = call.value()
                added = msgspec.convert(value if isinstance(value, list) else [value], tuple[Fault, ...])
                for fault in added:
                    faults.add(fault)
            except (msgspec.ValidationError, ValueError) as error:
                raise errors.bad_request(f"not a fault: {error}") from error
            return json_reply(faults.listed(), 201)
        if call.method == "DELETE":
            faults.clear()
            return Reply(204)
        if call.method != "GET":
            raise errors.no_such_path(call.path)
        return json_reply(faults.listed())

    def _state(self, call: Call) -> Reply:
        if call.method == "PUT":
            restore(self._controller, call.document())
            return Reply(204)
        if call.method != "GET":
            raise errors.no_such_path(call.path)
        return Reply(200, encoded_snapshot(self._controller))
