"""Pages that are followed step by step: manifests are applied, commands run, and their output is what the page shows.

A `yaml` block whose documents have a kind is applied. In a `console` block a line with `$` is a command of the shell;
the lines below it are its output, which may have to come first: it is waited for. A last line that ends in the middle
of a word is the beginning of one. Programs that need a network (`openssl s_client`) are not run.
"""

import os
import re
import subprocess
import time
from pathlib import Path

import yaml
from support.kube.servers import KUBECTL, tool_or_skip
from support.paths import ROOT

_BLOCK = re.compile(r"```(yaml|console)\n(.*?)```", flags=re.DOTALL)


class Page:
    """A page of the how-to guide."""

    def __init__(self, name: str) -> None:
        self._text = (ROOT / "docs/how-to" / name).read_text()

    def replace(self, old: str, new: str) -> None:
        """Say something else than the page does."""
        assert old in self._text
        self._text = self._text.replace(old, new)

    def follow(self, lab, folder: Path) -> None:
        """Do everything that the page tells, in its order, in this folder."""
        (folder / "bin").mkdir(exist_ok=True)
        (folder / "bin" / "kubectl").symlink_to(tool_or_skip(KUBECTL))
        environ = os.environ | {
            "KUBECONFIG": str(lab.kubeconfig),
            "HOME": str(folder),
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        }
        for kind, block in _BLOCK.findall(self._text):
            if kind == "yaml":
                for manifest in yaml.safe_load_all(block):
                    if "kind" in manifest:
                        lab.kube.apply(manifest)
                continue
            for step in block.split("$ ")[1:] if block.startswith("$ ") else ():
                command, _, shown = step.partition("\n")
                if not command.startswith("openssl"):
                    _run(command, shown.strip(), folder, environ)


def _run(command: str, shown: str, folder: Path, environ: dict[str, str]) -> None:
    deadline = time.monotonic() + 30
    while True:
        done = subprocess.run(
            ["sh", "-c", command], cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode == 0 and shown in done.stdout:
            return
        waits = " get " in command
        assert waits, f"{command}: {done.stdout}{done.stderr}"
        assert time.monotonic() < deadline, f"{command} shows {done.stdout!r}, not {shown!r}: {done.stderr}"
        time.sleep(0.1)
