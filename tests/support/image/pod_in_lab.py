"""The chart's Pod with the servers of the lab around it: what it needs to become ready, outside of any cluster."""

import json
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from support.chart.helm_binaries import helm_binary

from ako_builder.chart.helm import Helm
from ako_builder.chart.tree import package
from ako_builder.release import load_release
from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.kube_api import KubeLab

NAMESPACE = "avi-system"


@contextmanager
def pod_in_lab(folder: Path) -> Iterator[tuple[dict, int]]:
    """The Pod as the StatefulSet's controller would make it, and the port that it will answer on."""
    port = free_port()
    with AviLab(LabConfig()) as avi, KubeLab() as kube:
        (folder / "kubeconfig").write_text(kube.kubeconfig())
        (folder / "kubeconfig").chmod(0o644)
        objects = rendered(
            {
                "AKOSettings": {"apiServerPort": port, "logLevel": "INFO", "disableStaticRouteSync": True},
                "ControllerSettings": {"controllerHost": avi.host},
                "NetworkSettings": {"vipNetworkList": [{"networkName": "vip-network", "cidr": "10.10.0.0/24"}]},
                "avicredentials": {"username": avi.username, "password": avi.password},
                # The lab speaks plain HTTP, which the way from inside a Pod does not.
                "extraArgs": ["--kubeconfig", "/kubeconfig"],
                "extraVolumes": [{"name": "kubeconfig", "hostPath": {"path": str(folder / "kubeconfig")}}],
                "extraVolumeMounts": [{"name": "kubeconfig", "mountPath": "/kubeconfig", "readOnly": True}],
            },
            folder,
        )
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        for name in ("ConfigMap avi-k8s-config", "Secret avi-secret"):
            kube.apply(objects[name])
        template = objects["StatefulSet ako"]["spec"]["template"]
        yield template | {"metadata": template["metadata"] | {"name": "ako-0", "namespace": NAMESPACE}}, port


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def rendered(values, folder):
    release = load_release()
    path = folder / "values.yaml"
    path.write_text(json.dumps(values))
    helm = Helm(executable=helm_binary("4.3"), environ={"PATH": os.environ["PATH"], "HOME": str(folder)})
    archive = package(release, out=folder, epoch=0)
    text = helm.run(["template", "ako", str(archive), "--namespace", NAMESPACE, "--values", str(path)])
    return {f"{d['kind']} {d['metadata']['name']}": d for d in yaml.safe_load_all(text) if d}


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - loopback
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
