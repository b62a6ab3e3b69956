"""Requests through `avisdk`, through urllib3 with the cookies of its log-in, and over our transport, in one run.

    python tests/bench/engine/bench_transport.py [--requests 1000]

The simulator runs in a process of its own; CPU is that of this process, the client.
"""

import argparse
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
    urllib3_post = by_urllib3(endpoint, credentials)
    rows = {"avisdk": [], "urllib3": [], "ours": []}
    for turn in range(4):
        rows["avisdk"].append(timed(lambda body: sdk.post("pool", data=body).json(), count // 4, turn * 10_000))
        rows["urllib3"].append(timed(urllib3_post, count // 4, 200_000 + turn * 10_000))
        rows["ours"].append(
            timed(lambda body: ours.checked("POST", "/api/pool", body=body).body, count // 4, 100_000 + turn * 10_000)
        )
    avi.close()
    for name, times in rows.items():
        wall, cpu = (sum(one[index] for one in times) / count * 1000 for index in (0, 1))
        print(f"{name:8} {wall:6.2f} ms wall, {cpu:6.2f} ms CPU a request")
    used = {name: sum(one[1] for one in times) for name, times in rows.items()}
    for name in ("avisdk", "urllib3"):
        print(f"CPU, {name} / ours: {used[name] / used['ours']:.1f}")


if __name__ == "__main__":
    main()
