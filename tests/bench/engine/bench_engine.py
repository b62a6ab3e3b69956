"""The engine against the goals: boot, changes, bursts, restart, deletion, with the simulator's own ceiling beside.

    python tests/bench/engine/bench_engine.py [--services 1000] [--latency 0 20] [--ceiling]

Simulator, Kubernetes API and runtime are three processes on loopback; the numbers are read from the simulator's request
log (its own clock) and from /proc of the runtime. Every row prints what the official AKO 2.2.1 needed on a machine of
this size, where that was measured. Nothing here is asserted.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import urllib3

from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.avi_controller.faults import Fault
from ako_lab.kube_api import KubeConfig, KubeLab

NAMESPACE = "avi-system"
LOAD = pathlib.Path(__file__).parents[1] / "avi_controller/avi_load.py"
WRITES = ("POST", "PUT", "DELETE")


def serve_avi(pipe_in, pipe_out, latency):
    """The simulator in a process of its own, answering commands on a pipe."""
    with AviLab(LabConfig()) as avi:
        if latency:
            avi.faults.add(Fault(kind="delay", path="/api/.*", delay=latency))
        about = {"host": avi.host, "user": avi.username, "password": avi.password, "authority": avi.certificate_pem}
        print(json.dumps(about), file=pipe_out, flush=True)
        for line in pipe_in:
            question, _, since = line.strip().partition(" ")
            if question == "last":
                print(avi.requests(since=int(since), bodies=False)[-1].sequence, file=pipe_out, flush=True)
                continue
            # Without what was sent: decoding that would take from the simulator what the runtime is measured by.
            log = avi.requests(since=int(since), bodies=False)
            if question == "count":
                answer = [
                    sum(one.method in WRITES and not one.path.startswith("/log") for one in log),
                    log[-1].sequence if log else int(since),
                ]
            else:
                answer = [(one.sequence, one.time, one.method, one.path) for one in log]
            print(json.dumps(answer), file=pipe_out, flush=True)


class Avi:
    """The simulator's process."""

    def __init__(self, latency):
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve", str(latency)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        self.about = json.loads(self.process.stdout.readline())
        self.newest = 0

    def ask(self, question, since):
        print(question, since, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def last(self):
        """The newest sequence number; asks only for what came since the last question."""
        self.newest = self.ask("last", max(self.newest - 1, 0))
        return self.newest

    def log(self, since=0):
        return self.ask("log", since)

    def counting(self, since):
        """A function that answers how many writes there were since; each call looks only at what is new."""
        seen = [0, since]

        def count():
            fresh, seen[1] = self.ask("count", seen[1])
            seen[0] += fresh
            return seen[0]

        return count

    def writes(self, since=0):
        return [one for one in self.log(since) if one[2] in WRITES and not one[3].startswith("/log")]

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def service(name):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "type": "LoadBalancer",
            # There are fewer node ports than Services.
            "allocateLoadBalancerNodePorts": False,
            "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
        },
    }


def slice_of(name, *hosts):
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name}-1",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [host], "nodeName": "node-1", "conditions": {"ready": True}} for host in hosts],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }


class Runtime:
    """`ako run` as a process."""

    def __init__(self, kubeconfig):
        self.started = time.time()
        self.port = 18000 + os.getpid() % 1000
        # The bare distribution, as in the image, has fewer packages to load than a developer's environment.
        python = os.environ.get("AKO_BENCH_PYTHON", sys.executable)
        command = [python, "-m", "ako_runtime", "run", "--kubeconfig", kubeconfig, "-n", NAMESPACE]
        self.process = subprocess.Popen(
            [*command, "--api-port", str(self.port)],
            stderr=subprocess.DEVNULL,
            env={**os.environ, "POD_NAME": "ako-0"},
        )

    def ready(self):
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz") as answer:
                if answer.status == 200:
                    return time.time() - self.started
            time.sleep(0.01)

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
        return 0.0

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def configure(kube, avi):
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "avi-k8s-config", "namespace": NAMESPACE},
            "data": {
                "clusterName": "bench",
                "controllerIP": avi.about["host"],
                "vipNetworkList": json.dumps([{"networkName": "bench-vips", "cidr": "10.96.0.0/16"}]),
                "autoFQDN": "disabled",
                "disableStaticRouteSync": "true",
                "logLevel": "ERROR",
            },
        }
    )
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "avi-secret", "namespace": NAMESPACE},
            "stringData": {
                "username": avi.about["user"],
                "password": avi.about["password"],
                # As in production: a certificate that is not verified costs a warning with every request.
                "certificateAuthorityData": avi.about["authority"],
            },
        }
    )


def new_network(avi):
    """A VIP network that is large enough, made through the API as a client would."""
    host, _, port = avi.about["host"].partition(":")
    pool = urllib3.HTTPSConnectionPool(host, int(port), cert_reqs="CERT_NONE")
    who = {"username": avi.about["user"], "password": avi.about["password"]}
    login = pool.request("POST", "/login", fields=who, encode_multipart=False)
    cookies = dict(part.split(";")[0].split("=", 1) for part in login.headers.getlist("Set-Cookie"))
    headers = {
        "Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items()),
        "X-CSRFToken": cookies["csrftoken"],
        "Referer": "https://lab/",
        "X-Avi-Version": "30.2.1",
        "Content-Type": "application/json",
    }
    body = {
        "name": "bench-vips",
        "cloud_ref": "/api/cloud?name=Default-Cloud",
        "configured_subnets": [
            {
                "prefix": {"ip_addr": {"addr": "10.96.0.0", "type": "V4"}, "mask": 16},
                "static_ip_ranges": [
                    {
                        "range": {
                            "begin": {"addr": "10.96.0.10", "type": "V4"},
                            "end": {"addr": "10.96.200.250", "type": "V4"},
                        },
                        "type": "STATIC_IPS_FOR_VIP_AND_SE",
                    }
                ],
            }
        ],
    }
    answer = pool.request("POST", "/api/network", body=json.dumps(body), headers=headers)
    if answer.status >= 400:
        raise SystemExit(answer.data.decode())
    profile = json.loads(pool.request("GET", "/api/ipamdnsproviderprofile", headers=headers).data)
    for one in profile["results"]:
        if one.get("internal_profile", {}).get("usable_networks"):
            one["internal_profile"]["usable_networks"].append({"nw_ref": "/api/network/?name=bench-vips"})
            pool.request("PUT", f"/api/ipamdnsproviderprofile/{one['uuid']}", body=json.dumps(one), headers=headers)


def until(fact, timeout=300.0, pause=0.005):
    end = time.time() + timeout
    while time.time() < end:
        if fact():
            return
        time.sleep(pause)
    raise SystemExit(f"gave up after {timeout} s")


def settled(avi, since, count):
    """Wait until `count` writes came, then the time of the last one."""
    written = avi.counting(since)
    until(lambda: written() >= count, pause=0.05)
    return avi.writes(since)


def measure(count, latency):
    rows = []
    avi = Avi(latency / 1000)
    with KubeLab(KubeConfig()) as kube, tempfile.TemporaryDirectory() as folder:
        kubeconfig = f"{folder}/kubeconfig"
        kube.write_kubeconfig(kubeconfig)
        new_network(avi)
        configure(kube, avi)
        for number in range(count):
            kube.apply(service(f"s{number}"))
            kube.apply(slice_of(f"s{number}", *(f"10.1.{number % 250}.{host}" for host in (1, 2, 3))))
        mark = avi.last()
        status_times = []
        watch_statuses(kube, status_times, count)
        runtime = Runtime(kubeconfig)
        writes = settled(avi, mark, 4 * count)
        first = next(one for one in avi.log(mark) if one[2] == "GET")[1]
        until(lambda: len(status_times) >= count)
        rows.append(("boot: first request to last write, s", f"{writes[-1][1] - first:.2f}", len(writes)))
        rows.append(
            ("boot: last Service status after last write, s", f"{max(status_times) - writes[-1][1]:.2f}", count)
        )
        rows.append(("boot: CPU of the runtime, s", f"{runtime.cpu():.2f}", ""))
        rows.append(("peak RSS, MB", f"{runtime.peak():.0f}", ""))
        rows += changes(avi, kube, count)
        runtime.stop()
        mark = avi.last()
        runtime = Runtime(kubeconfig)
        seconds = runtime.ready()
        time.sleep(1)
        log = avi.log(mark)
        gets = sum(one[2] == "GET" for one in log)
        rows.append(("restart: ready after, s", f"{seconds:.2f}", f"{len(avi.writes(mark))} writes, {gets} GETs"))
        mark = avi.last()
        began = time.time()
        for number in range(count):
            kube.delete("services", f"s{number}", "default")
        writes = settled(avi, mark, 4 * count)
        rows.append(("delete all: s", f"{writes[-1][1] - began:.2f}", len(writes)))
        runtime.stop()
    avi.close()
    return rows


def watch_statuses(kube, times, count):
    """Note when each Service first shows an address."""
    seen = set()

    def look():
        while len(seen) < count:
            for one in kube.requests(since=look.since):
                look.since = one.sequence
                if one.verb.lower() == "patch" and one.path.endswith("/status"):
                    name = one.path.split("/")[-2]
                    if name not in seen:
                        seen.add(name)
                        times.append(time.time())
            time.sleep(0.005)

    look.since = 0
    threading.Thread(target=look, daemon=True).start()


def changes(avi, kube, count):
    rows = []
    delays = []
    for number in range(30):
        mark = avi.last()
        began = time.time()
        kube.apply(slice_of(f"s{number}", f"10.2.0.{number + 1}"))
        # The time is the simulator's own; asking it often would only hold it up.
        until(avi.counting(mark), pause=0.05)
        delays.append((avi.writes(mark)[0][1] - began) * 1000)
    delays.sort()
    rows.append(("endpoint change to PUT, p50 / p95, ms", f"{delays[15]:.1f} / {delays[28]:.1f}", "30 changes"))
    for burst in (200, 600):
        if burst > count:
            continue
        mark = avi.last()
        began = time.time()
        for number in range(burst):
            kube.apply(slice_of(f"s{number}", f"10.3.{burst % 250}.{number % 250 + 1}"))
        applied = time.time()
        writes = settled(avi, mark, burst)
        rows.append(
            (f"burst of {burst}: first change to last PUT, s", f"{writes[-1][1] - began:.2f}",
             f"applying took {applied - began:.2f} s; {len(writes)} PUTs")
        )  # fmt: skip
    mark = avi.last()
    for turn in range(20):
        kube.apply(slice_of("s0", f"10.4.0.{turn + 1}"))
    time.sleep(1)
    rows.append(("20 changes of one Service in one go", str(len(avi.writes(mark))), "PUTs"))
    return rows


def ceiling():
    """What the simulator alone does with the same objects, eight connections and no runtime."""
    avi = Avi(0)
    pool = {
        "name": "ceiling-@",
        "cloud_ref": "/api/cloud?name=Default-Cloud",
        "created_by": "ako-bench",
        "servers": [{"ip": {"addr": f"10.1.1.{host}", "type": "V4"}, "port": 8080} for host in (1, 2, 3)],
    }
    plan = {"url": f"https://{avi.about['host']}", "first": 0, "count": 4000, "connections": 8}
    rows = []
    for method, path, body in (("POST", "/api/pool", json.dumps(pool)), ("GET", "/api/pool?name=ceiling-1", "")):
        load = json.dumps({**plan, "method": method, "path": path, "body": body})
        answer = json.loads(subprocess.check_output([sys.executable, LOAD, load], text=True))
        rows.append((f"ceiling of the simulator: {method} of a pool, a second", f"{answer['per_second']:.0f}", ""))
    avi.close()
    return rows


def circumstances():
    """Machine, interpreter, commit and load, without which the numbers mean nothing."""
    model = next(
        (line.partition(":")[2].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")),
        platform.machine(),
    )  # fmt: skip
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=LOAD.parent
    ).stdout.strip()
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}, commit {commit}, load {load:.1f}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ceiling", action="store_true", help="measure the simulator alone, too")
    parser.add_argument("--services", type=int, nargs="*", default=[1000])
    parser.add_argument("--latency", type=float, nargs="*", default=[0], help="milliseconds")
    parser.add_argument("--serve", type=float, default=None, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve_avi(sys.stdin, sys.stdout, arguments.serve)
        return
    print(f"# {circumstances()}")
    for name, value, note in ceiling() if arguments.ceiling else ():
        print(f"{name:55} {value:>14}  {note}")
    for count in arguments.services:
        for latency in arguments.latency:
            print(f"# {count} Services, {latency:g} ms of controller latency")
            for name, value, note in measure(count, latency):
                print(f"{name:55} {value:>14}  {note}")


if __name__ == "__main__":
    main()
