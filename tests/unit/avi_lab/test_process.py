"""`ako lab avi` as a process: it says where it listens, answers, and stops cleanly at a signal."""

import json
import re
import signal
import subprocess
import sys
import urllib.request
from ssl import CERT_NONE, create_default_context


def test_the_command_serves_until_a_signal(tmp_path):
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "ako_runtime",
        "lab",
        "avi",
        "--port",
        "0",
        "--state",
        str(tmp_path / "s"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        first, second = process.stdout.readline(), process.stdout.readline()
        url = re.search(r"https://\S+", first)[0]
        assert second == "user admin, password admin\n"
        context = create_default_context()
        context.check_hostname = False
        context.verify_mode = CERT_NONE
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context), urllib.request.ProxyHandler({})
        )
        with opener.open(f"{url}/api/initial-data", timeout=30) as answer:
            assert json.load(answer)["version"]["Version"] == "30.2.1"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "stopped\n", "")


def test_bad_input_is_one_sentence(tmp_path):
    (tmp_path / "lab.yaml").write_text("tenents: []")
    command = [sys.executable, "-m", "ako_runtime", "lab", "avi", "--config", str(tmp_path / "lab.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "unknown field `tenents`" in done.stderr
