"""How fast the simulated controller answers, and how that and its memory grow with the number of objects.

Numbers are printed (`pytest -m bench -s tests/bench/avi_controller`), never asserted. What is asserted is that the
work was done. The load generator runs in another process; the rate of one core is requests over the processor seconds
of this process, because the machine may be shared.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.avi_controller.system import system_call

pytestmark = pytest.mark.bench
LOAD = Path(__file__).with_name("avi_load.py")


def pool(number: int | str, servers: int = 20) -> dict:
    return {
        "name": f"pool-{number}",
        "cloud_ref": "/api/cloud?name=Default-Cloud",
        "created_by": "ako-bench",
        "health_monitor_refs": ["/api/healthmonitor/?name=System-TCP"],
        "markers": [{"key": "clustername", "values": ["bench"]}],
        "servers": [
            {"ip": {"addr": f"10.20.0.{server + 1}", "type": "V4"}, "port": 8080, "enabled": True}
            for server in range(servers)
        ],
    }


def run(lab: AviLab, method: str, path: str, *, count: int, body: str = "", first: int = 0, cycle: int = 1) -> dict:
    plan = {
        "url": lab.url,
        "method": method,
        "path": path,
        "count": count,
        "body": body,
        "first": first,
        "cycle": cycle,
        "connections": 8,
    }
    before = time.process_time()
    done = subprocess.run([sys.executable, LOAD, json.dumps(plan)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    result["per_core"] = count / (time.process_time() - before)
    return result


def show(title: str, result: dict) -> None:
    print(
        f"{title}: {result['per_second']:.0f}/s over 8 connections, {result['per_core']:.0f}/s per processor second, "
        f"median {result['p50'] * 1000:.2f} ms, 99th {result['p99'] * 1000:.2f} ms"
    )


def test_rate_of_get_and_post():
    with AviLab(LabConfig(request_log_size=1000)) as lab:
        show("POST pool with 20 servers", run(lab, "POST", "/api/pool", count=4000, body=json.dumps(pool("@"))))
        uuid = lab.objects("pool")[0]["uuid"]
        show("GET pool by uuid", run(lab, "GET", f"/api/pool/{uuid}", count=8000))
        show("GET pool by name", run(lab, "GET", "/api/pool?name=pool-@", count=4000, cycle=4000))
        assert len(lab.objects("pool")) == 4000


# What clients ask collections for; all but the first are standing queries from their second time on.
QUESTIONS = {
    "by name": "name=pool-grown-@",
    "a page of ours": "created_by=ako-bench&cloud_ref.name=Default-Cloud&include_name=true&page_size=1&page=2",
    "by part of a name": "name.contains=pool-grown-3&page_size=1",
    "by label": "label_key=clustername&label_value=bench&page_size=1",
    "by several names": "name.in=pool-grown-@,pool-grown-1",
    "by what they refer to": "refers_to=healthmonitor:@&page_size=1",
    "by another field": "enabled=true&page_size=1",
}


def test_growth_with_the_number_of_objects():
    print(f"empty: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most")
    with AviLab(LabConfig(request_log_size=1000)) as lab:
        call = system_call("30.2.1")
        objects = lab._controller.objects
        monitor = next(item["uuid"] for item in lab.objects("healthmonitor") if item["name"] == "System-TCP")
        loaded = 0
        for size in (500, 5000, 50_000):
            with lab._controller.lock:
                for number in range(loaded, size):
                    objects.create("pool", pool(f"grown-{number}"), call)
            loaded = size
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{size} pools: {memory:.0f} MB at most")
            # The queries of the smaller size are still kept and were maintained by every write: begin anew.
            lab._controller.store.tables["pool"]._standing.clear()
            for title, query in QUESTIONS.items():
                path = "/api/pool?" + (query.replace("@", monitor) if "refers_to" in query else query)
                first = run(lab, "GET", path.replace("@", "7"), count=1)
                again = run(lab, "GET", path, count=500, cycle=500)
                show(f"  GET {title} among {size}, the first time {first['p50'] * 1000:.1f} ms", again)
            body = json.dumps(pool(f"posted-{size}-@"))
            show(f"  POST among {size}", run(lab, "POST", "/api/pool", count=500, body=body))
        assert len(lab._controller.store.tables["pool"].records) == 50_000 + 1500
