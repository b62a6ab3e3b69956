"""The other processes of the demo: `ako` as a user would call it, and the runtime under observation.

They are real processes that share nothing with the lab but the network. The runtime's log goes to a file; two of its
events are facts that the demo waits for: `started` tells the port of its HTTP server, `ready` that every list and the
inventory are known. The end of the process ends every wait, so a runtime that dies is reported with its last words.
"""

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from ako_lab.demo_report import Progress
from ako_runtime.cli import EXIT_FINDINGS
from ako_runtime.errors import AkoError

_LAST_LINES: Final = 5


class StepFailed(AkoError):  # noqa: N818 - a verdict of the demo: exit code 1
    """A step of the demo did not hold."""


def ako(
    arguments: Sequence[str],
    *,
    what: str,
    progress: Progress | None = None,
    findings: bool = False,
    environ: Mapping[str, str] | None = None,
) -> str:
    """Standard output of one `ako` command; its standard error is progress.

    Raises `StepFailed` if it fails; with `findings` exit code 1 is an answer too, which the caller judges.
    `environ` is added to this process's environment.
    """
    last: deque[str] = deque(maxlen=_LAST_LINES)
    with subprocess.Popen(
        [sys.executable, "-m", "ako_runtime", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environ or {})},
    ) as process:
        errors = threading.Thread(target=_relay, args=(process, last, progress), daemon=True)
        errors.start()
        output = process.stdout.read() if process.stdout else ""
        errors.join()
    if process.returncode != 0 and not (findings and process.returncode == EXIT_FINDINGS and output):
        said = " ".join(last) or f"exit code {process.returncode}"
        raise StepFailed(f"{what} failed: {said}; run it alone: ako {' '.join(arguments)}")
    return output


def _relay(process: "subprocess.Popen[str]", last: deque[str], progress: Progress | None) -> None:
    for line in process.stderr or ():
        text = line.strip()
        last.append(text)
        if progress is not None and text:
            progress(text)


class RuntimeProcess:
    """`ako run` as a child process."""

    def __init__(self, *, kubeconfig: Path, namespace: str, log: Path) -> None:
        self._log = log
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._facts = threading.Condition()
        self._port = 0
        self._ready = False
        self._ended = False
        command = [sys.executable, "-m", "ako_runtime", "run", "--kubeconfig", str(kubeconfig)]
        self._process = subprocess.Popen(
            [*command, "-n", namespace, "--api-port", "0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "POD_NAME": "ako-0"},
        )
        self._reader = threading.Thread(target=self._read, name="demo-runtime-log", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(15.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._reader.join()
        if self._process.stderr:
            self._process.stderr.close()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def wait_ready(self, timeout: float) -> int:
        """The port of its HTTP server, once it serves; raises `StepFailed` if it ends or takes too long."""
        with self._facts:
            held = self._facts.wait_for(lambda: (self._ready and self._port) or self._ended, timeout)
        if self._ended or not held:
            state = f"ended with exit code {self._process.wait()}" if self._ended else f"is not ready after {timeout} s"
            raise StepFailed(f"the runtime {state}; {self.last_words()}")
        return self._port

    def stop(self, timeout: float) -> None:
        """SIGTERM; raises `StepFailed` unless it ends cleanly in time."""
        self._process.terminate()
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise StepFailed(f"the runtime did not stop within {timeout} s of SIGTERM; {self.last_words()}") from error
        if code != 0:
            raise StepFailed(f"the runtime ended with exit code {code} after SIGTERM; {self.last_words()}")

    def last_words(self) -> str:
        """Where the log is and how it ends."""
        return f"its log is {self._log}, ending: {' '.join(self._lines) or 'nothing was logged'}"

    def _read(self) -> None:
        with self._log.open("w", encoding="utf-8") as file:
            for line in self._process.stderr or ():
                file.write(line)
                file.flush()
                self._note(line.strip())
        with self._facts:
            self._ended = True
            self._facts.notify_all()

    def _note(self, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            event = {}
        with self._facts:
            self._lines.append(line)
            if isinstance(event, dict):
                self._port = int(event.get("api_port") or self._port)
                self._ready = self._ready or event.get("event") == "ready"
            self._facts.notify_all()
