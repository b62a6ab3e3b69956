"""The road through a simulated TCA, as a user starts it, and as the how-to page tells it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.chart.helm_binaries import helm_binary
from support.paths import ROOT

from ako_lab.kube_api import KubeLab
from ako_lab.tca import TcaConfig, TcaLab


@pytest.fixture
def helm():
    return helm_binary("4.3")


def ako(*arguments, **environ):
    command = [sys.executable, "-m", "ako_runtime", *map(str, arguments)]
    return subprocess.run(command, env=os.environ | environ, capture_output=True, text=True, timeout=300, check=False)


def test_chart_to_package_to_instance_to_upgrade_to_nothing(tmp_path, helm):
    done = ako("demo", "--tca", "--out", tmp_path, AKO_HELM=str(helm))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "load-balancer is instantiated: INSTANTIATE COMPLETED" in done.stdout
    assert "CHANGE_VNFPKG COMPLETED; StatefulSet ako is of chart ako-99.0.0" in done.stdout
    assert "4 virtual services are as they were" in done.stdout
    assert "load-balancer is terminated" in done.stdout


def test_without_helm_it_says_what_is_missing(tmp_path):
    environ = {"AKO_HELM": "", "PATH": "/nowhere", "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    done = ako("demo", "--tca", "--out", tmp_path, **environ)
    assert (done.returncode, "--tca needs Helm" in done.stderr) == (2, True)


def test_other_ways_of_the_demo_do_not_go_with_it(tmp_path):
    done = ako("demo", "--tca", "--keep", "--out", tmp_path)
    assert (done.returncode, "--tca goes with neither" in done.stderr) == (2, True)


def test_the_how_to_page_is_followed(tmp_path, helm):
    page = (ROOT / "docs/how-to/tca.md").read_text()
    (tmp_path / "values.yaml").write_text("AKOSettings:\n  clusterName: c1\n")
    with KubeLab() as kube:
        config = TcaConfig(clusters={"vim-1": kube.write_kubeconfig(tmp_path / "kubeconfig")}, helm=helm)
        with TcaLab(config) as lab:
            environ = os.environ | {
                "AKO_HELM": str(helm),
                "AKO_TCA_SESSION": str(tmp_path / "session"),
                "AKO_TCA_PASSWORD": lab.password,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            }
            steps = [
                step
                for block in re.findall(r"```console\n(.*?)```", page, flags=re.DOTALL)
                for step in block.split("$ ")[1:]
            ]
            typed = [item for item in steps if not item.partition("\n")[0].endswith("&")]
            assert len(typed) == len(steps) - 2
            for step in typed:
                command, _, shown = step.replace("127.0.0.1:8480", lab.url.removeprefix("http://")).partition("\n")
                done = subprocess.run(
                    ["sh", "-c", command],
                    cwd=tmp_path,
                    env=environ,
                    capture_output=True,
                    text=True,
                    timeout=120,
                    check=False,
                )
                assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
                assert shown.strip() in done.stdout
            assert lab.instances() == lab.packages() == []
            assert lab.charts() == ["charts/ako:0.1.0"]
