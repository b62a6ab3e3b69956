"""Writes to the Kubernetes API server through the pool of the official client and over our transport, in one run.

    python tests/bench/engine/bench_kube_writes.py [--requests 2000]

The embedded API server runs in a process of its own; CPU is that of this process, the client.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

from ako_lab.kube_api import KubeConfig, KubeLab
from ako_runtime.kube.connection import connect
from ako_runtime.kube.writer import MERGE_PATCH

PATH = "/api/v1/namespaces/default/configmaps/patched"


def serve(kubeconfig):
    """The API server, until its input ends."""
    with KubeLab(KubeConfig()) as kube:
        kube.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "patched", "namespace": "default"},
                "data": {},
            }
        )
        kube.write_kubeconfig(kubeconfig)
        print("ready", flush=True)
        sys.stdin.read()


def by_pool(connection, body):
    """A write as reads are sent."""
    answer = connection._open("PATCH", PATH, params=None, body=body, content_type=MERGE_PATCH, timeout=30.0)
    if answer.status != 200 or not answer.data:
        raise SystemExit(f"the pool: {answer.status}")


def ours(connection, body):
    """A write as it is sent."""
    answer = connection.request("PATCH", PATH, body=body, content_type=MERGE_PATCH)
    if answer.status != 200 or not answer.body:
        raise SystemExit(f"ours: {answer.status}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=2000)
    # The server's process: this file calls itself.
    parser.add_argument("--serve", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.requests < 4:
        parser.error("--requests: each way takes four turns, so ask for 4 or more")
    if arguments.serve:
        serve(arguments.serve)
        return
    used = {by_pool: [0.0, 0.0], ours: [0.0, 0.0]}
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = pathlib.Path(folder) / "kubeconfig"
        command = [sys.executable, __file__, "--serve", str(kubeconfig)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            server.stdout.readline()
            connection = connect(kubeconfig=str(kubeconfig))
            for turn in range(8):
                write = (by_pool, ours)[turn % 2]
                wall, cpu = time.perf_counter(), time.process_time()
                for number in range(arguments.requests // 4):
                    write(connection, {"data": {"text": f"{turn} {number} " * 30}})
                used[write][0] += time.perf_counter() - wall
                used[write][1] += time.process_time() - cpu
            connection.close()
            server.stdin.close()
    for write, (wall, cpu) in used.items():
        name, count = write.__name__.replace("_", " "), arguments.requests // 4 * 4
        print(f"{name:8} {wall / count * 1000:6.2f} ms wall, {cpu / count * 1000:6.2f} ms CPU a write")
    print(f"CPU, by pool / ours: {used[by_pool][1] / used[ours][1]:.1f}")


if __name__ == "__main__":
    main()
