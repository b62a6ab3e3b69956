"""Extract message tables from Kubernetes' generated.proto files (see `scripts/protobuf-tables`).

The result maps a message to its fields, number to name and type, in the notation of `ako_lab.kube_api.protobuf`. Names
are qualified by their package; managedFields are left out, since the embedded API keeps none.
"""

import json
import re
import subprocess
from pathlib import Path

from ako_lab.control_plane.binaries import DEFAULT_LINE, release_of
from ako_lab.kube_api.kinds import BUILT_IN
from ako_runtime.errors import UserError

_MESSAGE = re.compile(r"^message (\w+) \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^\s*(optional|repeated|map<string, ?([\w.]+)>)\s+(?:([.\w]+)\s+)?(\w+) = (\d+);", re.MULTILINE)
_SCALARS = {"string": "s", "bytes": "b", "bool": "?", "int32": "i", "int64": "i", "double": "skip"}
_SPECIAL = {
    "k8s.io.apimachinery.pkg.apis.meta.v1.Time": "t",
    "k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime": "m",
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": "o",
    "k8s.io.apimachinery.pkg.api.resource.Quantity": "q",
    "k8s.io.apimachinery.pkg.runtime.RawExtension": "skip",
}
_LEFT_OUT = frozenset({"managedFields"})
_TARGET = Path(__file__).parent.parent / "kube_api" / "protobuf.json"
_PACKAGES = {
    "": "k8s.io.api.core.v1",
    "apps": "k8s.io.api.apps.v1",
    "networking.k8s.io": "k8s.io.api.networking.v1",
    "discovery.k8s.io": "k8s.io.api.discovery.v1",
    "coordination.k8s.io": "k8s.io.api.coordination.v1",
    "policy": "k8s.io.api.policy.v1",
    "rbac.authorization.k8s.io": "k8s.io.api.rbac.v1",
}

Fields = dict[str, tuple[str, str]]


def tables(sources: list[str], roots: dict[str, str]) -> dict[str, dict[str, list[str]]]:
    """The tables of everything reachable from the roots (shown name -> message)."""
    messages: dict[str, Fields] = {}
    for source in sources:
        package = re.search(r"^package ([\w.]+);", source, re.MULTILINE)
        if package is None:
            raise UserError("a generated.proto without a package: the layout of the modules has changed")
        for name, body in _MESSAGE.findall(source):
            messages[f"{package[1]}.{name}"] = _fields(body, package[1])
    result: dict[str, dict[str, list[str]]] = {}
    waiting = list(roots.values())
    while waiting:
        name = waiting.pop()
        if name in result:
            continue
        kept = {number: pair for number, pair in messages[name].items() if pair[0] not in _LEFT_OUT}
        result[name] = {number: list(pair) for number, pair in kept.items()}
        waiting += [form.lstrip("*%") for _, form in kept.values() if "." in form]
    return result


def _fields(body: str, package: str) -> Fields:
    without_comments = re.sub(r"//[^\n]*", "", body)
    fields: Fields = {}
    for label, of_map, kind, name, number in _FIELD.findall(without_comments):
        mark = {"optional": "", "repeated": "*"}.get(label, "%")
        form = _form(of_map or kind, package)
        if form != "skip":
            fields[number] = (name, mark + form)
    return fields


def _form(kind: str, package: str) -> str:
    if kind in _SCALARS:
        return _SCALARS[kind]
    name = kind.lstrip(".")
    qualified = name if "." in name else f"{package}.{name}"
    return _SPECIAL.get(qualified, qualified)


def _module(path: str) -> Path:
    version = "v0." + release_of(DEFAULT_LINE).kubernetes.partition(".")[2]
    command = ["go", "mod", "download", "-json", f"{path}@{version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"the module {path} {version} is not to be had: {done.stderr.strip()}")
    return Path(json.loads(done.stdout)["Dir"])


def main() -> None:
    """Write the tables."""
    files = [
        *sorted(_module("k8s.io/api").glob("*/v1/generated.proto")),
        *sorted(_module("k8s.io/apimachinery").glob("pkg/**/generated.proto")),
    ]
    roots = {
        f"{item.group_version} {item.kind}": f"{_PACKAGES[item.group]}.{item.kind}"
        for item in BUILT_IN
        if item.group in _PACKAGES
    }
    roots["v1 DeleteOptions"] = "k8s.io.apimachinery.pkg.apis.meta.v1.DeleteOptions"
    found = tables([file.read_text() for file in files], roots)
    document = {"kinds": roots, "messages": dict(sorted(found.items()))}
    temporary = _TARGET.with_suffix(".part")
    temporary.write_text(json.dumps(document, separators=(",", ":"), sort_keys=True) + "\n")
    temporary.replace(_TARGET)
    print(f"{_TARGET}: {len(found)} messages of {len(roots)} kinds")  # noqa: T201 - this is a script's answer
