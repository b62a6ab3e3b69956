"""Requests through `avisdk`, urllib3 with the cookies of its log-in, libcurl and our transport, in one run.

    python tests/bench/engine/bench_transport.py [--requests 1000]

The simulator runs in a process of its own; CPU is that of this process, the client. libcurl is measured where `pycurl`
is installed (`pip install pycurl`), with the same session above it as ours. Memory is what a fresh process holds after
32 connections were made at once, less what it holds before the transport is imported.
"""

import argparse
import importlib.util
import pathlib
import subprocess
import sys
import time

import urllib3
from avi.sdk.avi_api import ApiSession
from bench_engine import Avi

from ako_runtime.avi.credentials import Credentials
from ako_runtime.avi.endpoint import Access, Endpoint, connection_pool, host_and_port, tls_context
from ako_runtime.avi.login import log_in
from ako_runtime.avi.session import AviSession
from ako_runtime.model.wire import encoded
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


def by_urllib3(endpoint, credentials):
    """A function that posts a pool by urllib3."""
    login = log_in(endpoint, credentials)
    host, port = host_and_port(endpoint.host)
    pool = urllib3.HTTPSConnectionPool(host, port, maxsize=1, ssl_context=tls_context(""), assert_hostname=False)
    headers = {
        "Cookie": login.cookie,
        "X-CSRFToken": login.csrf,
        "Referer": f"https://{endpoint.host}/",
        "X-Avi-Version": endpoint.api_version,
        "X-Avi-Tenant": endpoint.tenant,
        "Content-Type": "application/json",
    }

    def post(body):
        answer = pool.urlopen("POST", "/api/pool", body=encoded(body), headers=headers, retries=False, redirect=False)
        if answer.status != 201:
            raise SystemExit(f"urllib3: {answer.status}")
        return answer.data

    return post


HOLD = """
import sys, threading
sys.path.insert(0, sys.argv[3])
import ako_runtime.settings, ssl, socket
def rss():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1])
before = rss()
host = sys.argv[2]
if sys.argv[1] == "pycurl":
    from curl_pool import CurlPool
    pool = CurlPool(base=f"https://{host}")
else:
    from ako_runtime.avi.endpoint import host_and_port, tls_context
    from ako_runtime.transport import HttpPool, tls_connect
    address, port = host_and_port(host)
    pool = HttpPool(connect=tls_connect(address, port, tls_context("")), host=host, size=32)
meeting = threading.Barrier(32)
def ask():
    meeting.wait()
    assert pool.request("GET", "/api/initial-data", headers={}, body=None, timeout=60).status == 200
threads = [threading.Thread(target=ask) for _ in range(32)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(rss() - before)
"""


def held(name, host):
    """KiB that a process holds for a transport with 32 connections."""
    folder = str(pathlib.Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", HOLD, name, host, folder], capture_output=True, text=True, check=True)
    return int(done.stdout)


def main():
    urllib3.disable_warnings()
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
    posts = {
        "avisdk": lambda body: sdk.post("pool", data=body).json(),
        "urllib3": by_urllib3(endpoint, credentials),
        "ours": lambda body: ours.checked("POST", "/api/pool", body=body).body,
    }
    if importlib.util.find_spec("pycurl"):
        from curl_pool import CurlPool

        curl = AviSession(
            access=Access(endpoint=endpoint, credentials=lambda: credentials), pool=CurlPool(base=f"https://{host}")
        )
        posts["pycurl"] = lambda body: curl.checked("POST", "/api/pool", body=body).body
    rows = {name: [] for name in posts}
    for turn in range(4):
        for place, (name, post) in enumerate(posts.items()):
            rows[name].append(timed(post, count // 4, place * 100_000 + turn * 10_000))
    memory = {name: held(name, host) for name in ("ours", "pycurl") if name in posts}
    avi.close()
    for name, times in rows.items():
        wall, cpu = (sum(one[index] for one in times) / count * 1000 for index in (0, 1))
        print(f"{name:8} {wall:6.2f} ms wall, {cpu:6.2f} ms CPU a request")
    used = {name: sum(one[1] for one in times) for name, times in rows.items()}
    for name in used.keys() - {"ours"}:
        print(f"CPU, {name} / ours: {used[name] / used['ours']:.2f}")
    for name, kib in memory.items():
        print(f"memory, {name}: {kib / 1024:.1f} MiB for the import and 32 connections")


if __name__ == "__main__":
    main()
