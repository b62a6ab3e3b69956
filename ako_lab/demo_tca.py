"""`ako demo --tca`: the road of the field, by the commands that an operator types, every step checked.

Chart and signed CSAR are built, the package is onboarded by a simulated TCA and instantiated, which runs Helm into
the embedded Kubernetes; the runtime is started beside it as the pod would be, and serves the example on a simulated
Avi Controller. Then a newer release, the same chart under a higher version, is pushed and the instance is upgraded:
the example stays served by the same objects. At the end the example is deleted and the instance terminated; nothing
is left.
"""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import yaml

from ako_lab import demo_content, manifests
from ako_lab import demo_facts as facts
from ako_lab.avi_controller import AviLab
from ako_lab.control_plane.tools import ToolCache
from ako_lab.demo_kubernetes import Kubernetes
from ako_lab.demo_report import Report
from ako_lab.demo_runtime import RuntimeProcess, StepFailed, ako
from ako_lab.demo_stage import Stage
from ako_lab.kube_api import KubeConfig, KubeLab
from ako_lab.tca import TcaConfig, TcaLab
from ako_runtime.errors import UserError

NEWER: Final = "99.0.0"
_NAMESPACE: Final = "avi-system"
_VIM: Final = "vim-1"
_INSTANCE: Final = "load-balancer"
_TOOL: Final = "helm-4.3"
_HELM_SECONDS: Final = 60.0
_WORKLOAD: Final = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": "ako", "namespace": _NAMESPACE},
}


def found_helm(environ: Mapping[str, str]) -> Path:
    """The helm binary: `AKO_HELM`, PATH, or the one of `scripts/tools`."""
    named = environ.get("AKO_HELM") or shutil.which("helm")
    found = Path(named) if named else ToolCache(environ=environ).found(_TOOL)
    if found is None:
        raise UserError("--tca needs Helm: run scripts/tools, put it on PATH or name it in AKO_HELM")
    return found


class TcaDemo:
    """One run of the demo."""

    def __init__(
        self,
        *,
        out: Path,
        report: Report,
        helm: Path,
        values: Mapping[str, Any],
        placement: facts.Placement,
        deadline: float,
    ) -> None:
        self._out = out
        self._folder = out / "demo-tca"
        self._report = report
        self._helm = helm
        self._values = values
        self._placement = placement
        self._deadline = deadline
        self._chart = out
        self._environ: dict[str, str] = {}

    def run(self, avi: AviLab) -> None:
        """Every step in order; raises `StepFailed` at the first that does not hold."""
        began = time.monotonic()
        with ExitStack() as stack:
            self._folder.mkdir(parents=True, exist_ok=True)
            kubeconfig = self._folder / "kubeconfig"
            stack.enter_context(KubeLab(KubeConfig())).write_kubeconfig(kubeconfig)
            kube = stack.enter_context(Kubernetes(kubeconfig=kubeconfig, deadline=self._deadline))
            tca = stack.enter_context(TcaLab(TcaConfig(clusters={_VIM: kubeconfig}, helm=self._helm)))
            secrets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ako-demo-")))
            self._environ = {
                "AKO_TCA_SESSION": str(secrets / "session"),
                "AKO_TCA_PASSWORD": tca.password,
                "AKO_HELM": str(self._helm),
            }
            self._report.say(f"TCA at {tca.url}, Avi Controller at {avi.url}, Kubernetes API at {kube.url}")
            package = self._built(tca)
            self._onboarded(tca, package)
            self._instantiated(tca, package, kube)
            stage = Stage(
                avi=avi,
                kube=kube,
                examples=manifests.examples(),
                placement=self._placement,
                deadline=self._deadline,
            )
            with self._runtime("first.log", stage):
                self._served(stage)
                before = _objects(avi)
                self._upgraded(tca, package, kube)
            with self._runtime("second.log", stage) as runtime:
                self._still_served(stage, before=before)
                self._removed(stage, runtime)
            self._terminated(kube)
        self._report.say(f"every step held; {time.monotonic() - began:.1f} s in all")

    # Steps

    def _built(self, tca: TcaLab) -> Path:
        with self._report.step(f"Build chart and signed CSAR into {self._out}/, push the chart"):
            rows = json.loads(self._ako("build", "--out", str(self._out), "--only", "chart,csar", "-o", "json"))
            self._chart = next(Path(row["artefact"]) for row in rows if row["kind"] == "chart")
            self._push(self._chart, tca)
        return next(Path(row["artefact"]) for row in rows if row["artefact"].endswith("-tca-2x.csar"))

    def _onboarded(self, tca: TcaLab, package: Path) -> None:
        with self._report.step("Log in to TCA, onboard the package"):
            self._ako("tca", "login", tca.url, "--username", tca.username)
            said = self._ako("tca", "package", "push", str(package))
            states = [item["onboardingState"] for item in tca.packages()]
            if states != ["ONBOARDED"]:
                raise StepFailed(f"the catalogue has packages in the states {states}, not one that is ONBOARDED")
        self._report.say(said.strip())

    def _instantiated(self, tca: TcaLab, package: Path, kube: Kubernetes) -> None:
        with self._report.step("Instantiate: TCA runs Helm from the registry into the cluster"):
            values = self._folder / "values.yaml"
            values.touch(mode=0o600)
            values.write_text(yaml.safe_dump(dict(self._values), sort_keys=False), encoding="utf-8")
            site = ["--values", str(values), "--namespace", _NAMESPACE, "--vim", _VIM, "--repo-url", tca.registry]
            said = self._ako("tca", "instantiate", str(package), "--name", _INSTANCE, *site, "--wait")
            self._report.say(said.strip())
            chart = _chart(kube)
        self._report.say(f"StatefulSet ako is there, of chart {chart}")

    def _runtime(self, log: str, stage: Stage) -> RuntimeProcess:
        with self._report.step("Start the runtime as the pod of the StatefulSet would be"):
            runtime = RuntimeProcess(
                kubeconfig=self._folder / "kubeconfig", namespace=_NAMESPACE, log=self._folder / log
            )
            stage.watch(runtime)
            try:
                runtime.wait_ready(self._deadline)
            except StepFailed:
                runtime.__exit__()
                raise
        return runtime

    def _served(self, stage: Stage) -> None:
        with self._report.step("Apply the example"):
            stage.apply()
            stage.wait_served()
        self._report.table([item.row() for item in stage.services()])

    def _upgraded(self, tca: TcaLab, package: Path, kube: Kubernetes) -> None:
        with self._report.step(f"Build version {NEWER}, push it, upgrade the instance"):
            newer = self._newer(package)
            self._push(self._folder / f"ako-{NEWER}.tgz", tca)
            self._ako("tca", "package", "push", str(newer))
            said = self._ako("tca", "upgrade", _INSTANCE, "--to", str(newer), "--wait")
            versions = [item["vnfSoftwareVersion"] for item in tca.instances()]
            chart = _chart(kube)
            if versions != [NEWER] or not chart.endswith(NEWER):
                raise StepFailed(f"TCA says versions {versions} and the cluster has {chart}, not {NEWER}")
        self._report.say(f"{said.strip()}; StatefulSet ako is of chart {chart}")

    def _still_served(self, stage: Stage, *, before: frozenset[str]) -> None:
        with self._report.step("The example is served by the same objects"):
            stage.wait_served()
            gone = before - _objects(stage.avi)
            if gone:
                raise StepFailed(f"{len(gone)} virtual services are others than before the upgrade")
        self._report.say(f"{len(before)} virtual services are as they were")

    def _removed(self, stage: Stage, runtime: RuntimeProcess) -> None:
        with self._report.step("Delete the example, stop the runtime"):
            stage.delete()
            stage.wait_gone()
            runtime.stop(self._deadline)

    def _terminated(self, kube: Kubernetes) -> None:
        with self._report.step("Terminate the instance, remove it"):
            said = self._ako("tca", "terminate", _INSTANCE, "--delete")
            if kube.find(_WORKLOAD) is not None:
                raise StepFailed("StatefulSet ako is still there after the termination")
        self._report.say(said.strip().replace("\n", "; "))

    # Programs

    def _ako(self, *arguments: str) -> str:
        return ako(arguments, what=f"ako {' '.join(arguments[:3])}", environ=self._environ)

    def _newer(self, package: Path) -> Path:
        """The package of a newer release: the same chart under a higher version."""
        with tempfile.TemporaryDirectory(prefix="ako-demo-") as folder:
            shutil.unpack_archive(self._chart, folder, filter="data")
            version = ["--version", NEWER, "--app-version", NEWER]
            self._run_helm("package", str(Path(folder) / "ako"), *version, "--destination", str(self._folder))
        newer = self._folder / f"ako-{NEWER}-tca-2x.csar"
        source = ["--chart", str(self._folder / f"ako-{NEWER}.tgz"), "--successor-of", str(package)]
        self._ako("csar", "build", *source, "--profile", "tca-2x", "--sign-demo", "--out", str(newer))
        return newer

    def _push(self, chart: Path, tca: TcaLab) -> None:
        self._run_helm("push", str(chart), tca.registry, "--plain-http")

    def _run_helm(self, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._helm), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_HELM_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise StepFailed(f"helm {arguments[0]} failed: {done.stderr.strip()}")


def demo_avi() -> AviLab:
    """The Avi Controller of the demo."""
    return AviLab(demo_content.controller())


def _chart(kube: Kubernetes) -> str:
    """Name and version of the chart that the StatefulSet is of."""
    found = kube.find(_WORKLOAD)
    if found is None:
        raise StepFailed("Helm ended well, but StatefulSet ako is not in the cluster")
    return str(found["metadata"].get("labels", {}).get("helm.sh/chart", ""))


def _objects(avi: AviLab) -> frozenset[str]:
    return frozenset(str(item["uuid"]) for item in avi.objects("virtualservice"))
