"""Kubeconfig files, written as JSON (which is YAML) so that no YAML writer is needed."""

import json
from pathlib import Path

from ako_lab.kube_api.errors import JsonObject
from ako_runtime.errors import UserError


def kubeconfig_text(*, name: str, server: str, user: JsonObject, authority: str | None = None) -> str:
    """A kubeconfig with one cluster, one user and one context, all called `name`; `authority` is base64 of a PEM."""
    cluster: JsonObject = {"server": server}
    if authority:
        cluster["certificate-authority-data"] = authority
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
        "current-context": name,
    }
    return json.dumps(document, indent=2) + "\n"


def write_kubeconfig(path: Path, text: str) -> Path:
    """Write a kubeconfig whole or not at all, readable by its owner only; raises `UserError` where that cannot be."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.touch(mode=0o600)
        temporary.write_text(text)
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"cannot write the kubeconfig {path}: {error.strerror}; choose another file") from error
    return path
