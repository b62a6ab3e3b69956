"""The simulated TCA over a real control plane, by TLS: what it installed is there, and what is refused is told."""

import os
import subprocess
import sys

import pytest
from support.chart.helm_binaries import helm_binary
from support.kube.servers import Rest

from ako_lab.tca import TcaConfig, TcaLab

pytestmark = pytest.mark.cluster

NAMESPACE = "avi-system"
STATEFUL_SET = f"/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets/ako"


def test_instance_on_a_real_control_plane(own_control_plane, tmp_path):
    helm = helm_binary("4.3")
    clusters = {"vim-1": own_control_plane.kubeconfig, "vim-2": own_control_plane.kubeconfig_for("nobody")}
    (tmp_path / "values.yaml").write_text("AKOSettings:\n  clusterName: c1\n")
    with TcaLab(TcaConfig(clusters=clusters, helm=helm, tls=True)) as lab:
        (tmp_path / "ca.pem").write_text(lab.certificate_pem)
        environ = os.environ | {
            "AKO_HELM": str(helm),
            "AKO_TCA_SESSION": str(tmp_path / "session"),
            "AKO_TCA_PASSWORD": lab.password,
        }

        def ako(*arguments, code=0):
            command = [sys.executable, "-m", "ako_runtime", *arguments]
            done = subprocess.run(
                command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=200, check=False
            )
            assert done.returncode == code, done.stdout + done.stderr
            return done.stdout + done.stderr

        ako("build", "--out", "dist", "--only", "chart,csar")
        ako("chart", "push", lab.registry, "--plain-http")
        ako("tca", "login", lab.url, "--username", lab.username, "--ca-file", "ca.pem")
        ako("tca", "package", "push", "dist/ako-0.1.0-tca-2x.csar")

        def instantiate(name, vim, code):
            site = ("--values", "values.yaml", "--namespace", NAMESPACE, "--repo-url", lab.registry)
            package = ("dist/ako-0.1.0-tca-2x.csar", "--name", name, "--vim", vim)
            return ako("tca", "instantiate", *package, *site, "--wait", code=code)

        refused = instantiate("without-rights", "vim-2", 1)
        assert "forbidden" in refused
        admin = Rest(own_control_plane.kubeconfig)
        assert admin.get(STATEFUL_SET).status == 404
        assert "INSTANTIATE COMPLETED" in instantiate("lb", "vim-1", 0)
        assert admin.get(STATEFUL_SET).status == 200
        assert "HEAL COMPLETED" in ako("tca", "heal", "lb", "--wait")
        ako("tca", "terminate", "lb", "--delete")
        assert admin.get(STATEFUL_SET).status == 404
        admin.close()
