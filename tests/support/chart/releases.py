"""`ako chart` called as a user calls it, for tests of releases on any API server."""

import json
from pathlib import Path
from uuid import uuid4

from click.testing import CliRunner

from ako_builder.chart.cli import chart
from ako_runtime.errors import AkoError, UserError

LEAST = {
    "ControllerSettings": {"controllerHost": "10.0.0.1"},
    "NetworkSettings": {"vipNetworkList": [{"networkName": "vip-network"}]},
    "avicredentials": {"username": "admin", "password": "secret"},
}


class Shown:
    def __init__(self, *, exit_code: int, output: str, sentence: str) -> None:
        self.exit_code, self.output, self.sentence = exit_code, output, sentence


class ChartCommand:
    """The command group with one helm and one kubeconfig; helm's own folders come from the fixture's environment."""

    def __init__(self, *, helm, kubeconfig: Path, folder: Path, monkeypatch) -> None:
        self._helm, self._kubeconfig, self._folder = helm, kubeconfig, folder
        for name, value in helm.environ.items():
            monkeypatch.setenv(name, value)

    def run(self, verb: str, *arguments: str, values=None) -> Shown:
        more = []
        if values is not None:
            path = self._folder / f"values-{uuid4().hex[:6]}.yaml"
            path.write_text(json.dumps(values))
            more += ["-f", str(path)]
        for option, value in (("--helm", self._helm.executable), ("--kubeconfig", self._kubeconfig)):
            more += [] if option in arguments else [option, str(value)]
        # The values file first: what the test names itself comes later and wins.
        result = CliRunner().invoke(chart, [verb, *more, *arguments])
        error = result.exception
        if isinstance(error, AkoError):
            return Shown(exit_code=2 if isinstance(error, UserError) else 1, output=str(error), sentence=str(error))
        if error is not None and not isinstance(error, SystemExit):
            raise error
        return Shown(exit_code=result.exit_code, output=result.output, sentence="")

    def rows(self, verb: str, *arguments: str, values=None) -> list[dict[str, str]]:
        shown = self.run(verb, *arguments, "-o", "json", values=values)
        assert shown.exit_code == 0, shown.output
        return json.loads(shown.output)
