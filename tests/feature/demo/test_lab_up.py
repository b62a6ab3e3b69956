"""`ako lab up`, `ako run` and kubectl, typed as a new user would, each as a process of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from support.kube.servers import KUBECTL, tool_or_skip
from support.skips import Missing, skip_without

from ako_lab.demo_runtime import RuntimeProcess
from ako_lab.service_engine import why_not

EXAMPLE = Path(__file__).resolve().parents[3] / "examples/cnf"
LONGEST = 600.0
WEB = """\
apiVersion: v1
kind: Pod
metadata:
  name: web-1
  labels: {app: web}
spec:
  containers:
  - name: echo
    image: ako-lab/echo
    args: ["--http", "8080"]
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  type: LoadBalancer
  selector: {app: web}
  ports:
  - {port: 80, targetPort: 8080}
"""
PENDING = """\
packet-core service/charging LoadBalancer 10.96.0.7 <pending> 3386:30007/TCP
packet-core service/oam LoadBalancer 10.96.0.1 <pending> 443:30000/TCP,830:30001/TCP
packet-core service/pcrf LoadBalancer 10.96.0.2 <pending> 3868:30002/TCP,1813:30003/UDP
packet-core service/smf-n4 LoadBalancer 10.96.0.6 <pending> 8805:30006/UDP
packet-core service/smf-sbi ClusterIP 10.96.0.5 <none> 8080/TCP
packet-core service/upf-n4 LoadBalancer 10.96.0.3 <pending> 8805:30004/UDP
packet-core service/upf-oam LoadBalancer 10.96.0.4 <pending> 443:30005/TCP"""


@contextmanager
def lab(folder, *options):
    """`ako lab up` in a folder, until the end of the block; gives what it printed."""
    command = [sys.executable, "-m", "ako_runtime", "lab", "up", *options]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(LONGEST, process.kill)
        watchdog.start()
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("run the controller"):
                    break
            yield "".join(lines)
            process.send_signal(signal.SIGTERM)
            assert process.stdout.read() == "stopped\n"
            assert process.wait() == 0
        finally:
            watchdog.cancel()
            process.kill()


def kubectl(folder, *arguments):
    """What kubectl prints; it finds the lab as it finds any cluster, by KUBECONFIG."""
    environ = {**os.environ, "KUBECONFIG": str(folder / "lab.kubeconfig"), "HOME": str(folder)}
    command = [str(tool_or_skip(KUBECTL)), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environ)


def answer(folder, *arguments):
    done = kubectl(folder, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(text):
    """Lines without the age, which is last, blanks folded."""
    return [" ".join(line.split()[:-1]) for line in text.splitlines() if line]


def test_a_new_user_applies_the_example_and_looks(tmp_path):
    with lab(tmp_path) as said:
        assert "run the controller: ako run --kubeconfig lab.kubeconfig -n avi-system\n" in said
        assert answer(tmp_path, "apply", "-f", str(EXAMPLE)).count(" created\n") == 19
        text = answer(tmp_path, "get", "svc,gateways", "-A")
        services, gateways = text.split("\n\n")
        assert rows(services) == ["NAMESPACE NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S)", *PENDING.splitlines()]
        heading, row = gateways.splitlines()
        assert heading.split() == ["NAMESPACE", "NAME", "CLASS", "ADDRESS"]
        assert row.split() == ["packet-core", "gateway.networking.x-k8s.io/smf", "signalling"]
        assert " created\n" not in answer(tmp_path, "apply", "-f", str(EXAMPLE))
        watch_it_being_served(tmp_path)


def watch_it_being_served(folder):
    kubeconfig = folder / "lab.kubeconfig"
    with RuntimeProcess(kubeconfig=kubeconfig, namespace="avi-system", log=folder / "runtime.log") as runtime:
        runtime.wait_ready(60.0)
        for name in ("oam", "pcrf", "upf-n4", "upf-oam", "smf-n4"):
            ready = ("--for=jsonpath={.status.loadBalancer.ingress}", f"service/{name}")
            answer(folder, "wait", *ready, "-n", "packet-core", "--timeout=120s")
        answer(
            folder, "wait", "--for=condition=ako.vmware.com/Ready", "gateway/smf", "-n", "packet-core", "--timeout=120s"
        )
        refused = ("--for=condition=ako.vmware.com/Accepted=False", "service/charging")
        answer(folder, "wait", *refused, "-n", "packet-core", "--timeout=120s")
        listed, gateways = answer(folder, "get", "svc,gateways", "-A").split("\n\n")
        services = {row.split()[1]: row.split()[4] for row in rows(listed)}
        # A printer column shows the first of several values.
        assert gateways.split()[-1] == services["service/smf-n4"].split(",")[0]
        assert services["service/oam"] == "10.10.0.100"
        assert services["service/upf-n4"] == services["service/upf-oam"] != "<pending>"
        assert services["service/smf-n4"].startswith("10.11.0.")
        assert services["service/charging"] == "<pending>"
        answer(folder, "delete", "-f", str(EXAMPLE), "--ignore-not-found")
        assert answer(folder, "get", "svc,gateways,aviinfrasettings", "-A") == ""
        runtime.stop(60.0)


def test_without_definitions_kubectl_says_what_is_missing(tmp_path):
    with lab(tmp_path, "--no-crds"):
        done = kubectl(tmp_path, "apply", "-f", str(EXAMPLE / "50-smf.yaml"))
        assert done.returncode == 1
        assert 'no matches for kind "Gateway" in version "networking.x-k8s.io/v1alpha1"' in done.stderr


def test_with_traffic_a_service_of_a_pod_is_answered(tmp_path):
    """What is typed on the page about the Service Engine: a Pod, a Service, and a request where the addresses are."""
    if reason := why_not():
        skip_without(Missing.ENVOY, reason)
    with lab(tmp_path, "--traffic") as said:
        entering = re.search(r"^where the addresses are: (.*) curl http://ADDRESS/$", said, flags=re.MULTILINE)
        if entering is None:
            skip_without(Missing.KERNEL, "no network namespace can be had here")
        manifest = tmp_path / "web.yaml"
        manifest.write_text(WEB)
        answer(tmp_path, "apply", "-f", str(manifest))
        with RuntimeProcess(
            kubeconfig=tmp_path / "lab.kubeconfig", namespace="avi-system", log=tmp_path / "log"
        ) as ako:
            ako.wait_ready(60)
            address = answer(
                tmp_path, "wait", "service/web", "--for=jsonpath={.status.loadBalancer.ingress[0].ip}", "--timeout=60s",
                "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}",
            )  # fmt: skip
            curl = [*entering[1].split(), "curl", "-s", "--retry", "9", "--retry-all-errors", f"http://{address}/"]
            done = subprocess.run(curl, capture_output=True, text=True, timeout=60, check=False)
            assert '"pod": "web-1"' in done.stdout, (done.stdout, done.stderr)
            ako.stop(30)


def test_without_a_namespace_addresses_are_loopback_and_that_is_said(tmp_path, monkeypatch):
    """The other place: everything on loopback addresses, ports above 1023."""
    if reason := why_not():
        skip_without(Missing.ENVOY, reason)
    from support.avi_lab.client import Client

    from ako_lab import demo_content
    from ako_lab.avi_controller import AviLab
    from ako_lab.service_engine import Loopback, ServiceEngine

    config = demo_content.controller(loopback=True)
    with AviLab(config) as avi, Loopback() as place, ServiceEngine(avi.url, "admin", "admin", place=place) as engine:
        command = [sys.executable, "-m", "ako_lab.pods.echo", "--address", "127.244.0.9", "--http", "18080"]
        log = tmp_path / "echo.log"
        place.start(command, log=log)
        while "serves" not in log.read_text():
            pass
        with Client(avi) as client:
            vip = {"vip_id": "0", "auto_allocate_ip": True}
            vip["ipam_network_subnet"] = {"network_ref": "/api/network/?name=vip-network"}
            client.created("vsvip", {"name": "v", "vip": [vip]})
            client.created(
                "pool", {"name": "p", "servers": [{"ip": {"addr": "127.244.0.9", "type": "V4"}, "port": 18080}]}
            )
            client.created(
                "virtualservice",
                {
                    "name": "vs",
                    "vsvip_ref": "/api/vsvip/?name=v",
                    "pool_ref": "/api/pool?name=p",
                    "services": [{"port": 18081}],
                    "application_profile_ref": "/api/applicationprofile/?name=System-L4-Application",
                    "network_profile_ref": "/api/networkprofile/?name=System-TCP-Proxy",
                },
            )
        [found] = avi.objects("vsvip")
        address = found["vip"][0]["ip_address"]["addr"]
        assert address.startswith("127.10.0.")
        engine.until(avi._controller.store.writes)
        with urllib.request.urlopen(f"http://{address}:18081/") as answered:
            assert b"127.244.0.9" in answered.read()
    assert "IPv4" in Loopback.limits
