"""What the Service Engine costs: a change until it is traffic, a thousand virtual services, requests a second."""

import time
from pathlib import Path

import pytest
from support.traffic.bed import RefusedError, TrafficBed

pytestmark = pytest.mark.bench
MANY = 1000
ADDRESS = "10.244.1.5"
L4 = "/api/applicationprofile/?name=System-L4-Application"


def memory(pid):
    """Resident megabytes of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def service(bed, number, vip="v"):
    bed.write(
        "virtualservice",
        {
            "name": f"vs-{number}",
            "vsvip_ref": f"/api/vsvip/?name={vip}",
            "application_profile_ref": L4,
            "network_profile_ref": "/api/networkprofile/?name=System-TCP-Proxy",
            "services": [{"port": 10000 + number}],
            "pool_ref": f"/api/pool/?name=p-{number}",
        },
    )


def seconds_until_answered(bed, address, port):
    began = time.perf_counter()
    while True:
        try:
            if bed.http(address, port).status == 200:
                return time.perf_counter() - began
        except RefusedError:
            pass


def add(bed, number):
    servers = [{"ip": {"addr": ADDRESS, "type": "V4"}, "port": 8080}]
    bed.write("pool", {"name": f"p-{number}", "servers": servers})
    service(bed, number)


def test_costs():
    with TrafficBed() as bed:
        bed.start_echo("--address", ADDRESS, "--http", "8080")
        network = {"network_ref": "/api/network/?name=vip-net"}
        bed.write(
            "vsvip", {"name": "v", "vip": [{"vip_id": "0", "auto_allocate_ip": True, "ipam_network_subnet": network}]}
        )
        address = bed.address("v")
        add(bed, 0)
        first = seconds_until_answered(bed, address, 10000)
        print(f"\na new virtual service among 1: traffic {first * 1000:.0f} ms later")
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < 3:
            bed.http(address, 10000)
            count += 1
        print(f"requests of one Python client, a connection each: {count / 3:.0f}/s through it")
        empty = memory(bed.engine.engine.pid)
        for number in range(1, MANY):
            add(bed, number)
        bed.settle()
        began = time.perf_counter()
        add(bed, MANY)
        later = seconds_until_answered(bed, address, 10000 + MANY)
        full = memory(bed.engine.engine.pid)
        print(f"a new virtual service among {MANY}: traffic {later * 1000:.0f} ms later")
        print(f"memory of Envoy: {empty:.0f} MB with 1, {full:.0f} MB with {MANY}")
