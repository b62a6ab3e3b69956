"""Pushed to a registry that we did not write, and judged by a tool that we did not write."""

import json
import subprocess
import sys
from contextlib import contextmanager

import pytest
from support.addon.carvel_tools import registry as registry_server
from support.addon.carvel_tools import run_tool
from support.chart.helm_binaries import helm_binary
from support.image.inputs import built

from ako_builder.oci.credentials import Account
from ako_builder.oci.push import push_layout
from ako_builder.oci.registry import Registry


def test_a_pushed_image_is_valid_and_has_its_sbom(tmp_path, inputs):
    layout, top = built(tmp_path, inputs)
    with served(tmp_path) as host:
        registry = Registry(host, plain_http=True, account=Account())
        assert push_layout(layout, registry=registry, name="telco/ako", tag="v1") == top.digest
        name = f"{host}/telco/ako:v1"
        assert run_tool("crane", "digest", name, "--insecure").decode().strip() == top.digest
        run_tool("crane", "validate", "--remote", name, "--platform", "linux/amd64", "--insecure")
        child = json.loads(run_tool("crane", "manifest", name, "--insecure"))["manifests"][0]["digest"]
        sbom = layout.tops()[1]
        found = json.loads(run_tool("crane", "manifest", f"{host}/telco/ako@{sbom.digest}", "--insecure"))
        assert found["subject"]["digest"] == child


@contextmanager
def served(folder):
    place = folder / "registry"
    place.mkdir()
    with registry_server(place) as host:
        yield host


@pytest.mark.parametrize("version", ["3.17", "4.3"])
def test_a_pushed_chart_can_be_pulled_by_helm(tmp_path, version):
    helm = helm_binary(version)
    with served(tmp_path) as host:
        target = f"oci://{host}/charts"
        command = [sys.executable, "-m", "ako_runtime", "chart", "push", target, "--plain-http", "--helm", str(helm)]
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
        assert done.returncode == 0, done.stderr
        show = [str(helm), "show", "chart", f"{target}/ako", "--plain-http"]
        shown = subprocess.run(show, capture_output=True, text=True, check=False, env=environ)
        assert "name: ako" in shown.stdout, shown.stderr
