"""Ingresses against the goals: boot of many secure hosts, deletion of all, one path more beside thousands of hosts.

    python tests/bench/engine/bench_ingress.py [--secure 500] [--hosts 5000] [--latency 0 20] [--mode evh sni]

Processes and clocks are those of `bench_engine.py`. CPU of a change is that of the runtime's process, of many changes
together, each waited for: machines that are shared make wall times useless, CPU seconds hardly.
"""

import argparse
import base64
import contextlib
import pathlib
import sys
import tempfile
import time

from bench_engine import Avi, Runtime, circumstances, configure, new_network, service, settled, slice_of, until

from ako_lab.kube_api import KubeConfig, KubeLab

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
from support.ingress.objects import ingress, ingress_class, key_pair

PER_INGRESS = 5
DOMAIN = "lab.example.com"


def plain_service(name):
    found = service(name)
    found["spec"]["type"] = "ClusterIP"
    del found["spec"]["allocateLoadBalancerNodePorts"]
    return found


def secret(name, host):
    certificate, key = key_pair(host, 1)
    data = {"tls.crt": certificate, "tls.key": key}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": "default"},
        "data": {field: base64.b64encode(text.encode()).decode() for field, text in data.items()},
    }


@contextlib.contextmanager
def bench(latency, mode, size):
    """Simulators, configured; no runtime yet."""
    avi = Avi(latency / 1000)
    with KubeLab(KubeConfig()) as kube, tempfile.TemporaryDirectory() as folder:
        kubeconfig = f"{folder}/kubeconfig"
        kube.write_kubeconfig(kubeconfig)
        new_network(avi)
        configure(kube, avi)
        data = dict(kube.read("configmaps", "avi-k8s-config", "avi-system")["data"])
        data |= {
            "enableEVH": "true" if mode == "evh" else "false",
            "shardVSSize": size,
            "tlsSecretsScope": "cluster",
        }
        kube.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "avi-k8s-config", "namespace": "avi-system"},
                "data": data,
            }
        )
        kube.apply(ingress_class())
        kube.apply(plain_service("web"))
        kube.apply(slice_of("web", "10.1.0.1"))
        yield avi, kube, kubeconfig
    avi.close()


def quiet(avi, mark, seconds=2.0):
    """The writes since `mark`, once none has come for a while."""
    written = avi.counting(mark)
    held, since = written(), time.time()
    while time.time() - since < seconds:
        time.sleep(0.1)
        now = written()
        if now != held:
            held, since = now, time.time()
    return avi.writes(mark)


def come(avi, mark, count):
    """Wait until `count` writes came, without a look at the log, which would keep the simulator busy meanwhile."""
    written = avi.counting(mark)
    until(lambda: written() >= count, pause=0.05)


def resting(runtime, seconds=2.0):
    """Wait until the runtime has used next to no processor time for a while."""
    held, since = runtime.cpu(), time.time()
    while time.time() - since < seconds:
        time.sleep(0.1)
        if runtime.cpu() - held > 0.05:
            held, since = runtime.cpu(), time.time()


def addresses(kube):
    """Ingresses that show an address."""
    return sum(bool(one.get("status", {}).get("loadBalancer", {}).get("ingress")) for one in kube.objects("ingresses"))


def secure_hosts(count, latency, mode):
    """Boot with so many secure hosts, then delete them all."""
    rows = []
    with bench(latency, mode, "SMALL") as (avi, kube, kubeconfig):
        for number in range(count):
            host = f"h{number}.{DOMAIN}"
            kube.apply(secret(f"t{number}", host))
            kube.apply(ingress(f"i{number}", {host: {"/": "web"}}, tls=f"t{number}"))
        mark = avi.last()
        runtime = Runtime(kubeconfig)
        least = 5 * count
        come(avi, mark, least)
        writes = quiet(avi, mark)
        until(lambda: addresses(kube) == count, pause=0.2)
        shown = max(one.time for one in kube.requests() if one.method == "PATCH" and one.resource == "ingresses")
        first = next(one for one in avi.log(mark) if one[2] == "GET")[1]
        rows.append(("boot: first request to last write, s", f"{writes[-1][1] - first:.2f}", f"{len(writes)} writes"))
        rows.append(("boot: last status behind it, s", f"{max(0.0, shown - writes[-1][1]):.2f}", ""))
        rows.append(("boot: CPU of the runtime, s", f"{runtime.cpu():.2f}", f"peak {runtime.peak():.0f} MB"))
        mark = avi.last()
        began, cpu = time.time(), runtime.cpu()
        for number in range(count):
            kube.delete("ingresses", f"i{number}", "default")
        come(avi, mark, least)
        writes = quiet(avi, mark)
        puts = [one for one in writes if one[2] == "PUT"]
        parents = sum("/virtualservice" in one[3] for one in puts)
        note = f"{len(writes)} writes, {parents} PUTs of a parent, {len(puts)} PUTs in all"
        rows.append(("delete all: first change to last write, s", f"{writes[-1][1] - began:.2f}", note))
        rows.append(("delete all: CPU of the runtime, s", f"{runtime.cpu() - cpu:.2f}", ""))
        runtime.stop()
    return rows


def one_path_more(hosts, mode, size, turns=20):
    """CPU and requests of one more path, beside so many hosts."""
    with bench(0, mode, size) as (avi, kube, kubeconfig):
        for number in range(hosts // PER_INGRESS):
            names = [f"h{number}-{at}.{DOMAIN}" for at in range(PER_INGRESS)]
            kube.apply(ingress(f"i{number}", {name: {"/": "web"} for name in names}))
        mark = avi.last()
        runtime = Runtime(kubeconfig)
        settled(avi, mark, hosts)
        boot = quiet(avi, mark, 10.0)
        # Statuses of the boot that are still to come would count as work of the paths.
        until(lambda: addresses(kube) == hosts // PER_INGRESS)
        resting(runtime)
        cpu, mark, boot_cpu = runtime.cpu(), avi.last(), runtime.cpu()
        for turn in range(turns):
            before = avi.last()
            names = [f"h{turn}-{at}.{DOMAIN}" for at in range(PER_INGRESS)]
            paths = {name: {"/": "web"} for name in names}
            paths[names[0]]["/more"] = "web"
            kube.apply(ingress(f"i{turn}", paths))
            settled(avi, before, 2 if mode == "sni" else 3)
        writes = quiet(avi, mark)
        used = (runtime.cpu() - cpu) / turns * 1000
        rows = [
            (f"{hosts} hosts, {mode}, {size}: boot, CPU s", f"{boot_cpu:.1f}", f"{len(boot)} writes"),
            (
                f"{hosts} hosts, {mode}, {size}: a path more, CPU ms",
                f"{used:.0f}",
                f"{len(writes) / turns:.1f} writes each, peak {runtime.peak():.0f} MB",
            ),
        ]
        runtime.stop()
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--secure", type=int, default=500)
    parser.add_argument("--hosts", type=int, nargs="*", default=[1000, 5000])
    parser.add_argument("--latency", type=float, nargs="*", default=[0, 20])
    parser.add_argument("--mode", nargs="*", default=["evh", "sni"])
    parser.add_argument("--size", default="LARGE")
    arguments = parser.parse_args()
    print(f"# {circumstances()}")
    for mode in arguments.mode:
        for latency in arguments.latency if arguments.secure else ():
            print(f"# {arguments.secure} secure hosts, {mode}, one shard, {latency:g} ms")
            for name, value, note in secure_hosts(arguments.secure, latency, mode):
                print(f"{name:55} {value:>10}  {note}", flush=True)
        for hosts in arguments.hosts:
            for name, value, note in one_path_more(hosts, mode, arguments.size):
                print(f"{name:55} {value:>10}  {note}", flush=True)


if __name__ == "__main__":
    main()
