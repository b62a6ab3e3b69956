"""Requests through `avisdk` against requests over our transport beneath its log-in, in one run.

    python tests/bench/engine/bench_transport.py [--requests 1000]

The simulator runs in a process of its own; CPU is that of this process, the client.
"""

import argparse
import time

from avi.sdk.avi_api import ApiSession
from bench_engine import Avi

from ako_runtime.avi.endpoint import Access, Credentials, Endpoint, connection_pool
from ako_runtime.avi.session import AviSession
from ako_runtime.settings import SecretText


def pool(number):
    """A pool with five servers."""
    return {
        "name": f"p{number}",
        "servers": [{"ip": {"addr": f"10.0.0.{host}", "type": "V4"}, "port": 80} for host in range(1, 6)],
    }


def timed(post, count, offset):
    """Wall and CPU seconds for `count` posts."""
    wall, cpu = time.perf_counter(), time.process_time()
    for number in range(count):
        post(pool(offset + number))
    return time.perf_counter() - wall, time.process_time() - cpu


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=1000)
    count = parser.parse_args().requests
    avi = Avi(0)
    host, user, password = avi.about["host"], avi.about["user"], avi.about["password"]
    address, _, port = host.partition(":")
    sdk = ApiSession(address, user, password, port=port, api_version="30.2.1")
    sdk.trust_env = False
    credentials = Credentials(username=user, password=SecretText(password))
    endpoint = Endpoint(host=host)
    ours = AviSession(
        access=Access(endpoint=endpoint, credentials=lambda: credentials),
        pool=connection_pool(endpoint, credentials, size=1),
    )
    rows = {"avisdk": [], "ours": []}
    for turn in range(4):
        rows["avisdk"].append(timed(lambda body: sdk.post("pool", data=body).json(), count // 4, turn * 10_000))
        rows["ours"].append(
            timed(lambda body: ours.checked("POST", "/api/pool", body=body).body, count // 4, 100_000 + turn * 10_000)
        )
    avi.close()
    for name, times in rows.items():
        wall, cpu = (sum(one[index] for one in times) / count * 1000 for index in (0, 1))
        print(f"{name:8} {wall:6.2f} ms wall, {cpu:6.2f} ms CPU a request")
    ratio = sum(one[1] for one in rows["avisdk"]) / sum(one[1] for one in rows["ours"])
    print(f"CPU, avisdk / ours: {ratio:.1f}")


if __name__ == "__main__":
    main()
