"""`ako demo`: the main job from end to end, on the lab, every step checked.

It builds the artefacts as a user would, starts a simulated Avi Controller and a Kubernetes API (the embedded one, or a
real control plane with `--cluster`), starts the real runtime as a process of its own with the configuration that the
chart would render and the definitions that the built chart holds, applies the example, shows what came of it on the
controller, moves one endpoint, deletes everything and proves that nothing is left. Every wait is for a fact, with a
deadline; the first step that does not hold ends the demo with exit code 1 and one sentence.

The folder `OUT/demo` keeps the configuration, the kubeconfig and the runtime's log for whoever wants to look.
"""

import hashlib
import http.client
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click
import yaml

from ako_lab import demo_content, demo_traffic, manifests
from ako_lab import demo_facts as facts
from ako_lab.avi_controller import AviLab
from ako_lab.control_plane.binaries import DEFAULT_LINE, RELEASES, BinaryCache, Release, release_of
from ako_lab.control_plane.cluster import ControlPlane
from ako_lab.demo_kubernetes import Kubernetes
from ako_lab.demo_report import Progress, Report, report_for
from ako_lab.demo_runtime import RuntimeProcess, StepFailed, ako
from ako_lab.demo_stage import Stage
from ako_lab.demo_tca import TcaDemo, demo_avi, found_helm
from ako_lab.kube_api import KubeConfig, KubeLab
from ako_lab.kube_api.kubeconfig import write_kubeconfig
from ako_runtime.errors import UserError

NAMESPACE: Final = "avi-system"
CLUSTER: Final = "demo"
DEADLINE: Final = 60.0
DEFAULT_PLACE: Final = facts.Placement(se_group="Default-Group", networks=frozenset({"vip-network"}))


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("dist"),
    show_default=True,
    help="Folder for the artefacts and, below it, demo/.",
)
@click.option("--keep", is_flag=True, help="Leave the lab and the runtime running until Ctrl-C.")
@click.option(
    "--cluster",
    is_flag=False,
    flag_value=DEFAULT_LINE,
    default=None,
    metavar="[LINE]",
    help="Use a real Kubernetes control plane (built once, needs Go), of this line or of "
    f"{DEFAULT_LINE}; there are {', '.join(RELEASES)}.",
)
@click.option(
    "--traffic/--no-traffic",
    default=None,
    help="Send requests through a Service Engine too; without the option where that can be had.",
)
@click.option("--tca", is_flag=True, help="The road through a simulated Telco Cloud Automation instead; needs Helm.")
def demo(out: Path, *, keep: bool, cluster: str | None, traffic: bool | None, tca: bool) -> None:
    """Build everything, then run it against the lab and check each step."""
    if traffic and (without := demo_traffic.missing()):
        raise UserError(f"--traffic: {without}")
    if tca and (keep or cluster is not None):
        raise UserError("--tca goes with neither --keep nor --cluster; run one after the other")
    helm = found_helm(os.environ) if tca else None
    kubernetes = None if cluster is None else release_of(cluster)
    reason = BinaryCache(release=kubernetes).why_not() if kubernetes else None
    if reason is not None:
        raise UserError(f"--cluster: {reason}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out} cannot be made: {error.strerror}; choose another --out") from error
    if helm is not None:
        _run_tca(out, helm)
        return
    report = report_for(terminal=sys.stdout.isatty())
    Demo(out=out, report=report, kubernetes=kubernetes, traffic=traffic is not False).run(keep=keep)


def _run_tca(out: Path, helm: Path) -> None:
    report = report_for(terminal=sys.stdout.isatty())
    with demo_avi() as avi:
        road = TcaDemo(
            out=out, report=report, helm=helm, values=_values(avi), placement=DEFAULT_PLACE, deadline=DEADLINE
        )
        road.run(avi)


class Demo:
    """One run of the demo; with a release of Kubernetes on a real control plane."""

    def __init__(self, *, out: Path, report: Report, kubernetes: Release | None = None, traffic: bool = False) -> None:
        self._out = out
        self._traffic = traffic
        self._report = report
        self._kubernetes = kubernetes
        self._folder = out / "demo"
        self._examples = manifests.examples()

    def run(self, *, keep: bool) -> None:
        """Every step in order; raises `StepFailed` at the first that does not hold."""
        began = time.monotonic()
        chart = self._build()
        with ExitStack() as stack:
            avi, kube = self._start_lab(stack)
            stage = Stage(avi=avi, kube=kube, examples=self._examples, placement=DEFAULT_PLACE, deadline=DEADLINE)
            self._define(kube, chart)
            runtime = self._start_runtime(stack, stage)
            stage.watch(runtime)
            self._apply(stage)
            traffic = self._start_traffic(stack, stage)
            self._change_endpoint(stage, traffic)
            if traffic is not None:
                self._kill_a_pod(stage, traffic)
            self._delete(stage)
            if keep:
                self._stay(stage, runtime, traffic)
            with self._report.step("Stop the runtime (SIGTERM)"):
                runtime.stop(DEADLINE)
        self._report.say(f"every step held; {time.monotonic() - began:.1f} s in all")

    def _build(self) -> Path:
        """Build and check; the chart is what the next steps install from."""
        with self._report.step(f"Build chart, CSARs and add-ons into {self._out}/, verify each") as progress:
            command = ["build", "--out", str(self._out), "-o", "json"]
            rows = json.loads(ako(command, what="the build", progress=progress, findings=True))
            self._check_artefacts(rows)
        return next(Path(row["artefact"]) for row in rows if row["kind"] == "chart")

    def _check_artefacts(self, rows: Sequence[dict[str, str]]) -> None:
        """Show what was built; then every verdict, and the digests against SHA256SUMS and the files themselves."""
        if not rows:
            raise StepFailed("the build made nothing")
        self._report.table([{**row, "digest": f"{row['digest'][:19]}…"} for row in rows])
        wrong = [row["artefact"] for row in rows if row["verdict"] != "verified"]
        if wrong:
            raise StepFailed(f"not verified: {', '.join(wrong)}")
        lines = (self._out / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
        sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
        for row in rows:
            path = Path(row["artefact"])
            actual = hashlib.sha256(path.read_bytes()).hexdigest()
            listed = sums.get(path.relative_to(self._out).as_posix())
            if row["digest"] != f"sha256:{actual}" or listed != actual:
                raise StepFailed(f"{path} has the digest {actual}, but the build or SHA256SUMS says otherwise")

    def _start_lab(self, stack: ExitStack) -> tuple[AviLab, Kubernetes]:
        real = self._kubernetes
        what = f"a real control plane, Kubernetes {real.kubernetes}" if real else "an in-memory Kubernetes API"
        with self._report.step(f"Start a simulated Avi Controller and {what}") as progress:
            avi = stack.enter_context(AviLab(demo_content.controller()))
            self._folder.mkdir(parents=True, exist_ok=True)
            kubeconfig = self._folder / "kubeconfig"
            self._start_kubernetes(stack, kubeconfig, progress)
            kube = stack.enter_context(Kubernetes(kubeconfig=kubeconfig, deadline=DEADLINE))
        self._report.say(f"Avi Controller at {avi.url}, Kubernetes API at {kube.url}")
        return avi, kube

    def _start_kubernetes(self, stack: ExitStack, kubeconfig: Path, progress: Progress) -> None:
        """Start the one or the other, and write its kubeconfig."""
        if self._kubernetes is None:
            stack.enter_context(KubeLab(KubeConfig())).write_kubeconfig(kubeconfig)
            return
        # Certificates, logs and etcd's data are of no use to anybody afterwards.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ako-demo-")))
        binaries = BinaryCache(release=self._kubernetes, say=progress).ensure()
        cluster = stack.enter_context(ControlPlane(folder=folder, binaries=binaries))
        write_kubeconfig(kubeconfig, cluster.kubeconfig.read_text())

    def _define(self, kube: Kubernetes, chart: Path) -> None:
        with self._report.step(f"Install the definitions of custom kinds from {chart.name}"):
            definitions = manifests.definitions_of(chart)
            for definition in definitions:
                kube.apply(definition)
        self._report.say(" ".join(item["metadata"]["name"] for item in definitions))

    def _start_runtime(self, stack: ExitStack, stage: "Stage") -> RuntimeProcess:
        with self._report.step("Start the runtime with the configuration that the chart would render") as progress:
            values = self._folder / "values.yaml"
            values.write_text(yaml.safe_dump(_values(stage.avi), sort_keys=False), encoding="utf-8")
            progress("ako values convert --from helm --to configmap")
            rendered = ako(
                ["values", "convert", "--from", "helm", "--to", "configmap", str(values)],
                what="rendering the configuration",
            )
            stage.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
            for manifest in yaml.safe_load_all(rendered):
                stage.kube.apply(manifest, namespace=NAMESPACE)
            progress("ako run")
            runtime = stack.enter_context(
                RuntimeProcess(
                    kubeconfig=self._folder / "kubeconfig", namespace=NAMESPACE, log=self._folder / "runtime.log"
                )
            )
            port = runtime.wait_ready(DEADLINE)
            status = _answer(port, "/api/status")
        self._report.say(f"process {runtime.pid} serves on port {port}: {status}")
        return runtime

    def _apply(self, stage: "Stage") -> None:
        with self._report.step(f"Apply {len(self._examples)} objects of examples/cnf"):
            stage.apply()
            stage.wait_served()
        services = stage.services()
        self._report.table([item.row() for item in services])
        self._report.table(facts.object_rows(services))
        for name, said in stage.verdicts():
            self._report.say(f"{name}: {said}")
        for name, reason in stage.refusals():
            self._report.say(f"refused, as it should be: {name}: {reason}")

    def _start_traffic(self, stack: ExitStack, stage: "Stage") -> demo_traffic.DemoTraffic | None:
        """Send requests to everything that is served; None where there is no data plane to be had."""
        if not self._traffic:
            return None
        if reason := demo_traffic.missing():
            self._report.say(f"no requests are sent: {reason}")
            return None
        with self._report.step("Start a Service Engine, send requests to every port of every Service"):
            traffic = stack.enter_context(
                demo_traffic.DemoTraffic(
                    avi=stage.avi,
                    kubeconfig=self._folder / "kubeconfig",
                    folder=self._folder,
                    members=stage.members(),
                    deadline=DEADLINE,
                )
            )
            rows = traffic.ask_all(stage.services())
        self._report.table(rows)
        return traffic

    def _change_endpoint(self, stage: "Stage", traffic: demo_traffic.DemoTraffic | None) -> None:
        with self._report.step("Move one endpoint"):
            service, old, new, seconds = stage.move_endpoint()
            answered = ""
            if traffic is not None:
                view = next(item for item in stage.services() if item.service == service)
                answered = f", and requests {traffic.until_answered_by(view, new) * 1000:.0f} ms later"
        followed = f"the pools on the controller followed after {seconds * 1000:.0f} ms{answered}"
        self._report.say(f"{service}: {old} became {new}; {followed}")

    def _kill_a_pod(self, stage: "Stage", traffic: demo_traffic.DemoTraffic) -> None:
        """Two Pods behind an Ingress with TLS; the next step proves that nothing of them is left either."""
        documents = traffic.portal()
        with self._report.step("Serve two Pods by an Ingress with TLS, kill one while requests run"):
            said = traffic.kill_one(stage.kube, documents)
            for document in reversed(documents):
                stage.kube.delete(document)
        self._report.say(said)
        self._report.say(f"{traffic.sent} requests in all")

    def _delete(self, stage: "Stage") -> None:
        with self._report.step("Delete the example, prove that nothing is left"):
            made = len(stage.left())
            stage.delete()
            stage.wait_gone()
        self._report.say(
            f"{made} objects were there; of {len(facts.CONTROLLER_TYPES)} types none is left that was not there; "
            f"networks, VRFs and Service Engine groups are as they were; Kubernetes has none of the example's objects"
        )

    def _stay(self, stage: "Stage", runtime: RuntimeProcess, traffic: demo_traffic.DemoTraffic | None = None) -> None:
        """Bring the example back and leave everything running until SIGINT or SIGTERM."""
        with self._report.step("Apply the example again and stay"):
            stage.apply()
            stage.wait_served()
        avi = stage.avi
        certificate = self._folder / "controller-ca.pem"
        certificate.write_text(avi.certificate_pem, encoding="utf-8")
        for text in (
            f"kubectl --kubeconfig {self._folder / 'kubeconfig'} get services,gateways -A",
            f"Avi Controller: {avi.url} (user {avi.username}, password {avi.password}, CA {certificate})",
            f"runtime: process {runtime.pid}, log {self._folder / 'runtime.log'}",
            *((f"where the addresses are: {traffic.entering} curl http://ADDRESS:PORT/",) if traffic else ()),
            "Ctrl-C ends it",
        ):
            self._report.say(text)
        stop = threading.Event()
        previous = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            stop.wait()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def _values(avi: AviLab) -> dict[str, object]:
    """Chart values for the lab's controller."""
    return {
        "AKOSettings": {
            "clusterName": CLUSTER,
            "logLevel": "INFO",
            "disableStaticRouteSync": True,
            "servicesAPI": True,
        },
        "NetworkSettings": {"vipNetworkList": [{"networkName": "vip-network", "cidr": "10.10.0.0/24"}]},
        "ControllerSettings": {"controllerHost": avi.host},
        "avicredentials": {
            "username": avi.username,
            "password": avi.password,
            "certificateAuthorityData": avi.certificate_pem,
        },
    }


def _answer(port: int, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    if response.status != 200:
        raise StepFailed(f"the runtime answers {path} with {response.status}: {text.strip()}")
    return text.strip()
