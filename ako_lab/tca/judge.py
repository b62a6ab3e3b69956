"""Who judges a package before it is onboarded: `ako csar`, as a process of its own.

The lab shares no code with the builder, so the package is judged by the program that a user would ask. Verification
runs under the policy for TCA; the identity and the charts come from `ako csar inspect`. A package that was signed by
somebody unknown is accepted: no source says that TCA looks at signatures (see `csar inspect`, grade U).
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

_SECONDS: Final = 900.0
_HELM_VDU: Final = "Vdu.Compute.Helm"


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A Helm VDU of a package, and the chart that it names."""

    vdu: str
    name: str
    version: str


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What a package says of itself."""

    vnfd_id: str
    provider: str
    product: str
    software_version: str
    descriptor_version: str
    option: int
    charts: tuple[Chart, ...]


class Unfit(Exception):  # noqa: N818 - it names the finding
    """A package that is not onboarded, and why."""


def judged(path: Path) -> Content:
    """What the package says; raises Unfit if it is not good enough. Takes as long as reading it."""
    report = _asked(["csar", "verify", "--policy", "tca", "-o", "json", str(path)])
    errors = [item for item in report.get("findings", []) if item.get("level") == "error"]
    if not report.get("good"):
        said = "; ".join(f"{item['rule']} {item['where']}: {item['text']}" for item in errors[:5])
        raise Unfit(said or report.get("reason") or "the package is not good")
    return _content(_asked(["csar", "inspect", "-o", "json", str(path)]))


def _asked(arguments: list[str]) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "ako_runtime", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise Unfit(f"the verification took more than {_SECONDS:.0f} s") from error
    except OSError as error:
        raise Unfit(f"the verification does not run: {error.strerror}") from error
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        words = done.stderr.decode(errors="replace").strip()
        raise Unfit(words.removeprefix("ako: ") or f"exit code {done.returncode} of the verification") from None
    if not isinstance(answer, dict):
        raise Unfit("the verification gave no report")
    return answer


def _content(document: dict[str, Any]) -> Content:
    descriptor = document.get("descriptor") or {}
    templates = document.get("tree", {}).get("topology_template", {}).get("node_templates", {})
    charts = []
    for name, node in templates.items():
        if _HELM_VDU not in str(node.get("type") or node.get("node_type")):
            continue
        properties = node.get("properties") or {}
        # Some designers put the properties of a VDU one level deeper.
        inner = properties.get("configurable_properties", {}) if "chartName" not in properties else properties
        charts.append(Chart(vdu=name, name=str(inner.get("chartName", "")), version=str(inner.get("chartVersion", ""))))
    return Content(
        vnfd_id=str(descriptor.get("descriptor_id", "")),
        provider=str(descriptor.get("provider", "")),
        product=str(descriptor.get("product_name", "")),
        software_version=str(descriptor.get("software_version", "")),
        descriptor_version=str(descriptor.get("descriptor_version", "")),
        option=2 if document.get("option") == 2 else 1,
        charts=tuple(charts),
    )
