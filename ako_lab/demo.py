"""`ako demo`: the main job from end to end, on the embedded lab, every step checked.

It builds the artefacts as a user would, starts a simulated Avi Controller and an in-memory Kubernetes API, starts the
real runtime as a process of its own with the configuration that the chart would render, applies the example, shows what
came of it on the controller, moves one endpoint, deletes everything and proves that nothing is left. Every wait is for
a fact, with a deadline; the first step that does not hold ends the demo with exit code 1 and one sentence.

The folder `OUT/demo` keeps the configuration, the kubeconfig and the runtime's log for whoever wants to look.
"""

import hashlib
import http.client
import importlib.util
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import click
import yaml

from ako_lab import demo_facts as facts
from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.demo_report import Report, report_for
from ako_lab.demo_runtime import RuntimeProcess, StepFailed, ako
from ako_lab.kube_api import KubeConfig, KubeLab
from ako_runtime.errors import UserError

NAMESPACE: Final = "avi-system"
CLUSTER: Final = "demo"
DEADLINE: Final = 30.0


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("dist"),
    show_default=True,
    help="Folder for the artefacts and, below it, demo/.",
)
@click.option("--keep", is_flag=True, help="Leave the lab and the runtime running until Ctrl-C.")
def demo(out: Path, *, keep: bool) -> None:
    """Build everything, then run it against the embedded lab and check each step."""
    Demo(out=out, report=report_for(terminal=sys.stdout.isatty())).run(keep=keep)


class Demo:
    """One run of the demo."""

    def __init__(self, *, out: Path, report: Report) -> None:
        self._out = out
        self._report = report
        self._folder = out / "demo"
        self._examples = _examples()

    def run(self, *, keep: bool) -> None:
        """Every step in order; raises `StepFailed` at the first that does not hold."""
        began = time.monotonic()
        self._build()
        with ExitStack() as stack:
            avi, kube = self._start_lab(stack)
            stage = Stage(avi=avi, kube=kube, examples=self._examples)
            runtime = self._start_runtime(stack, stage)
            stage.watch(runtime)
            self._apply(stage)
            self._change_endpoint(stage)
            self._delete(stage)
            if keep:
                self._stay(stage, runtime)
            with self._report.step("Stop the runtime (SIGTERM)"):
                runtime.stop(DEADLINE)
        self._report.say(f"every step held; {time.monotonic() - began:.1f} s in all")

    def _build(self) -> None:
        with self._report.step(f"Build chart, CSARs and add-ons into {self._out}/, verify each") as progress:
            command = ["build", "--out", str(self._out), "-o", "json"]
            rows = json.loads(ako(command, what="the build", progress=progress, findings=True))
            self._check_artefacts(rows)

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

    def _start_lab(self, stack: ExitStack) -> tuple[AviLab, KubeLab]:
        with self._report.step("Start a simulated Avi Controller and an in-memory Kubernetes API"):
            avi = stack.enter_context(AviLab(LabConfig()))
            kube = stack.enter_context(KubeLab(KubeConfig()))
            self._folder.mkdir(parents=True, exist_ok=True)
            kube.write_kubeconfig(self._folder / "kubeconfig")
        self._report.say(f"Avi Controller at {avi.url}, Kubernetes API at {kube.url}")
        return avi, kube

    def _start_runtime(self, stack: ExitStack, stage: "Stage") -> RuntimeProcess:
        with self._report.step("Start the runtime with the configuration that the chart would render") as progress:
            values = self._folder / "values.yaml"
            values.write_text(yaml.safe_dump(_values(stage.avi), sort_keys=False), encoding="utf-8")
            progress("ako values convert --from helm --to configmap")
            manifests = ako(
                ["values", "convert", "--from", "helm", "--to", "configmap", str(values)],
                what="rendering the configuration",
            )
            stage.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
            stage.kube.apply(manifests, namespace=NAMESPACE)
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
        self._report.table([row for item in services for row in item.object_rows()])
        for name, reason in stage.refusals():
            self._report.say(f"refused, as it should be: {name}: {reason}")

    def _change_endpoint(self, stage: "Stage") -> None:
        with self._report.step("Move one endpoint"):
            service, old, new, seconds = stage.move_endpoint()
        self._report.say(
            f"{service}: {old} became {new}; the pools on the controller followed after {seconds * 1000:.0f} ms"
        )

    def _delete(self, stage: "Stage") -> None:
        with self._report.step("Delete the example, prove that nothing is left on the controller"):
            made = len(stage.left())
            stage.delete()
            stage.wait_gone()
        self._report.say(
            f"{made} objects were there; of {len(facts.CONTROLLER_TYPES)} types none is left that was not there before"
        )

    def _stay(self, stage: "Stage", runtime: RuntimeProcess) -> None:
        """Bring the example back and leave everything running until SIGINT or SIGTERM."""
        with self._report.step("Apply the example again and stay"):
            stage.apply()
            stage.wait_served()
        avi = stage.avi
        certificate = self._folder / "controller-ca.pem"
        certificate.write_text(avi.certificate_pem, encoding="utf-8")
        for text in (
            f"kubectl --kubeconfig {self._folder / 'kubeconfig'} get services -A",
            f"Avi Controller: {avi.url} (user {avi.username}, password {avi.password}, CA {certificate})",
            f"runtime: process {runtime.pid}, log {self._folder / 'runtime.log'}",
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


class Stage:
    """The lab with the example in it: what is done to it, and the facts that are waited for."""

    def __init__(self, *, avi: AviLab, kube: KubeLab, examples: Sequence[dict[str, Any]]) -> None:
        self.avi = avi
        self.kube = kube
        self._examples = examples
        self._runtime: RuntimeProcess | None = None
        self._before = frozenset(item["uuid"] for items in self._objects().values() for item in items)

    def watch(self, runtime: RuntimeProcess) -> None:
        """Whose last words to report when a fact does not come."""
        self._runtime = runtime

    def apply(self) -> None:
        """Create the example's objects, in their order."""
        for document in self._examples:
            self.kube.apply(document)

    def delete(self) -> None:
        """Delete them again, the last first."""
        for document in reversed(self._examples):
            metadata = document["metadata"]
            self.kube.delete(document["kind"], metadata["name"], metadata.get("namespace"))

    def services(self) -> list[facts.Served]:
        """The Services that are served, completely and exactly with the members that the example gives them."""
        objects, slices = self._objects(), self._slices()
        views = [(item, facts.served(item, objects)) for item in self._wanted()]
        return [
            view
            for item, view in views
            if view is not None and frozenset(view.members) == facts.expected_members(item, slices)
        ]

    def refusals(self) -> list[tuple[str, str]]:
        """(Service, reason) of the Services that are wrong on purpose and were refused."""
        wrong = [item for item in self._balanced() if facts.expects_refusal(item)]
        return [
            (facts.identity(item), facts.refusal(item))
            for item in wrong
            if facts.refusal(item) and facts.served(item, self._objects()) is None
        ]

    def wait_served(self) -> None:
        """Until every right Service is served and every wrong one refused."""
        right = [item for item in facts.balanced(self._examples) if not facts.expects_refusal(item)]
        wrong = [item for item in facts.balanced(self._examples) if facts.expects_refusal(item)]
        self._await(
            lambda: len(self.services()) == len(right) and len(self.refusals()) == len(wrong),
            what=f"{len(right)} Services served and {len(wrong)} refused",
            lab=self.kube,
        )

    def move_endpoint(self) -> tuple[str, str, str, float]:
        """Give one endpoint another address: Service, old and new address, seconds until all its pools followed."""
        document = next(item for item in self._examples if item["kind"] == "EndpointSlice")
        name, namespace = document["metadata"]["name"], document["metadata"]["namespace"]
        current = self.kube.read("EndpointSlice", name, namespace, group="discovery.k8s.io")
        address = current["endpoints"][0]["addresses"]
        old = address[0]
        new = address[0] = f"{old.rsplit('.', 1)[0]}.200"
        service = f"{namespace}/{document['metadata']['labels']['kubernetes.io/service-name']}"
        began = time.perf_counter()
        self.kube.apply(current)
        self._await(
            lambda: any(
                view.service == service and any(member.startswith(f"{new}:") for member in view.members)
                for view in self.services()
            ),
            what=f"pools of {service} with {new}",
            lab=self.avi,
        )
        return service, old, new, time.perf_counter() - began

    def left(self) -> list[str]:
        """Objects on the controller that were not there before the runtime came."""
        return facts.created(self._objects(), self._before)

    def wait_gone(self) -> None:
        """Until nothing is left."""
        try:
            self._await(lambda: not self.left(), what="an empty controller", lab=self.avi)
        except StepFailed as error:
            raise StepFailed(f"{error}; left: {', '.join(self.left())}") from error

    def _await(self, fact: Callable[[], bool], *, what: str, lab: AviLab | KubeLab) -> None:
        """Look again after every request that `lab` answers, until the fact holds or the deadline passes."""
        end = time.monotonic() + DEADLINE
        while True:
            # Read first: a request that comes while the fact is looked at makes the wait below end at once.
            seen = _requests(lab)
            if fact():
                return
            try:
                lab.wait_for(lambda _lab, seen=seen: _requests(lab) > seen, timeout=max(0.0, end - time.monotonic()))  # type: ignore[misc]
            except TimeoutError as error:
                words = self._runtime.last_words() if self._runtime else ""
                raise StepFailed(f"{what}: not so within {DEADLINE:.0f} s; the runtime: {words}") from error

    def _objects(self) -> dict[str, Sequence[dict[str, Any]]]:
        return {kind: self.avi.objects(kind) for kind in facts.CONTROLLER_TYPES}

    def _slices(self) -> Sequence[dict[str, Any]]:
        return self.kube.objects("endpointslices", group="discovery.k8s.io")

    def _balanced(self) -> list[facts.Document]:
        names = {facts.identity(item) for item in facts.balanced(self._examples)}
        return [item for item in self.kube.objects("services") if facts.identity(item) in names]

    def _wanted(self) -> list[facts.Document]:
        return [item for item in self._balanced() if not facts.expects_refusal(item)]


def _requests(lab: AviLab | KubeLab) -> int:
    """How many requests the lab has answered."""
    return max((request.sequence for request in lab.requests()[-1:]), default=0)


def _values(avi: AviLab) -> dict[str, object]:
    """Chart values for the lab's controller."""
    return {
        "AKOSettings": {"clusterName": CLUSTER, "logLevel": "INFO", "disableStaticRouteSync": True},
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


def _examples() -> list[dict[str, Any]]:
    """The objects of examples/cnf, in the order of the file names."""
    folder = _example_folder()
    return [
        document
        for path in sorted(folder.glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
        if document
    ]


def _example_folder() -> Path:
    """`examples/cnf` of the source tree, or the copy in a wheel (package `ako_examples`, without code)."""
    roots = [Path(__file__).resolve().parents[1] / "examples"]
    spec = importlib.util.find_spec("ako_examples")
    if spec is not None and spec.submodule_search_locations:
        roots += [Path(location) for location in spec.submodule_search_locations]
    for root in roots:
        if (root / "cnf").is_dir():
            return root / "cnf"
    raise UserError("examples/cnf is not part of this installation: install ako-toolkit[build,lab] again")
