"""The custom resource definitions of the Prometheus operator, from its Go module in the module cache.

`scripts/chart-tools` puts the module there; a test that asks without it is skipped with the reason.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from support.csar.module_charts import module_cache
from support.skips import Missing, skip_without

MODULE = "github.com/prometheus-operator/prometheus-operator@v0.79.2"
FOLDER = "example/prometheus-operator-crd"
PLURALS = ("servicemonitors", "prometheusrules")


def monitoring_definitions() -> list[dict]:
    """The definitions of ServiceMonitor and PrometheusRule."""
    paths = [module_cache() / MODULE / FOLDER / f"monitoring.coreos.com_{plural}.yaml" for plural in PLURALS]
    if not all(path.is_file() for path in paths):
        skip_without(Missing.TOOLS, f"the module {MODULE} is not in Go's module cache: run scripts/chart-tools")
    return [yaml.safe_load(path.read_text()) for path in paths]


def main() -> None:
    """Put the module into the cache."""
    go = shutil.which("go")
    if go is None:
        sys.exit("monitoring definitions: there is no Go")
    if not Path(module_cache() / MODULE / FOLDER).is_dir():
        environment = {**os.environ, "GOMODCACHE": str(module_cache()), "GOFLAGS": "-mod=mod"}
        subprocess.run([go, "mod", "download", MODULE], check=True, env=environment, cwd="/")


if __name__ == "__main__":
    main()
