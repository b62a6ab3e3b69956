"""The shell between sockets and the simulated controller: what a delay does to requests that come meanwhile."""

import asyncio

from aiohttp.test_utils import make_mocked_request

from ako_lab.avi_controller import LabConfig
from ako_lab.avi_controller.controller import Controller
from ako_lab.avi_controller.evidence import Evidence
from ako_lab.avi_controller.faults import Fault
from ako_lab.avi_controller.server import Shell


def test_delays_that_end_together_leave_room_for_what_comes_meanwhile(monkeypatch):
    # Otherwise the requests of many clients run in step: each delay begins when the answers to all are written.
    controller = Controller(config=LabConfig(faults=(Fault(kind="delay", delay=0.02),)))
    shell = Shell(controller=controller, evidence=Evidence(size=100), certificate="", changed=lambda: None)
    seen, answer = [], controller.answer

    def watched(call):
        seen.append("answered")
        asyncio.get_running_loop().call_soon(seen.append, "read")
        return answer(call)

    monkeypatch.setattr(controller, "answer", watched)

    async def many():
        requests = [make_mocked_request("GET", "/api/initial-data") for _ in range(20)]
        return await asyncio.gather(*(shell.respond(request) for request in requests))

    assert {response.status for response in asyncio.run(many())} == {200}
    assert seen[:39] == ["answered", "read"] * 19 + ["answered"]
