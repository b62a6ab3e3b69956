"""Charts of other projects that lie in Go modules: from the module cache, where `scripts/csar-tools` puts them.

Many projects keep their Helm chart beside their code, and a module's archive has all files of its folder. Nothing is
fetched by a test; one that needs a chart which is not in the cache is skipped with the reason.
"""

import os
import shutil
import subprocess
from pathlib import Path

from support.skips import Missing, skip_without

# By chart: the module and the chart's folder in it.
CHARTS = {
    "external-dns": ("sigs.k8s.io/external-dns@v0.15.0", "charts/external-dns"),
    "metrics-server": ("sigs.k8s.io/metrics-server@v0.7.2", "charts/metrics-server"),
    "kueue": ("sigs.k8s.io/kueue@v0.10.0", "charts/kueue"),
    "kyverno": ("github.com/kyverno/kyverno@v1.12.6", "charts/kyverno"),
    "metallb": ("go.universe.tf/metallb@v0.14.9", "charts/metallb"),
    "node-feature-discovery": (
        "sigs.k8s.io/node-feature-discovery@v0.16.6",
        "deployment/helm/node-feature-discovery",
    ),
    "sealed-secrets": ("github.com/bitnami-labs/sealed-secrets@v0.27.3", "helm/sealed-secrets"),
    "secrets-store-csi-driver": ("sigs.k8s.io/secrets-store-csi-driver@v1.4.7", "charts/secrets-store-csi-driver"),
    "sriov-network-operator-chart": (
        "github.com/k8snetworkplumbingwg/sriov-network-operator@v1.4.0",
        "deployment/sriov-network-operator-chart",
    ),
    "trivy": ("github.com/aquasecurity/trivy@v0.58.0", "helm/trivy"),
}


def module_chart(name: str) -> Path:
    """The chart's folder."""
    module, inside = CHARTS[name]
    folder = module_cache() / module / inside
    if not (folder / "Chart.yaml").is_file():
        skip_without(Missing.TOOLS, f"{module} with its chart is not in Go's module cache: run scripts/csar-tools")
    return folder


def module_cache() -> Path:
    """Where Go keeps modules; as Go decides it, without Go."""
    given = os.environ.get("GOMODCACHE")
    path = os.environ.get("GOPATH", "").split(os.pathsep)[0]
    return Path(given) if given else Path(path or Path.home() / "go") / "pkg" / "mod"


def fetch() -> None:
    """Put the modules into the cache, where Go is at hand."""
    go = shutil.which("go")
    for module, inside in CHARTS.values():
        if go and not (module_cache() / module / inside).is_dir():
            environment = {**os.environ, "GOMODCACHE": str(module_cache()), "GOFLAGS": "-mod=mod"}
            subprocess.run([go, "mod", "download", module], check=True, capture_output=True, env=environment, cwd="/")
