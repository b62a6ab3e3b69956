"""`ako lab avi` as a process: it says where it listens, answers, and stops cleanly at a signal."""

import http.client
import json
import re
import signal
import subprocess
import sys
import urllib.request
from ssl import CERT_NONE, create_default_context

from ako_lab.avi_controller.comparison import load_state


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


def test_every_option_counts(tmp_path):
    (tmp_path / "lab.yaml").write_text("{version: 22.1.3, password: hush, port: 1}")
    options = ["--port", "0", "--host", "127.0.0.2", "--config", str(tmp_path / "lab.yaml"), "--lenient"]
    command = [sys.executable, "-m", "ako_runtime", "lab", "avi", *options, "--state", str(tmp_path / "s")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        first, second = process.stdout.readline(), process.stdout.readline()
        assert first.startswith("Avi Controller 22.1.3 (simulated): https://127.0.0.2:")
        assert second == "user admin, password hush\n"
        address, _, port = re.search(r"https://(\S+)", first)[1].partition(":")
        context = create_default_context()
        context.check_hostname = False
        context.verify_mode = CERT_NONE
        connection = http.client.HTTPSConnection(address, int(port), context=context, timeout=30)

        def call(method, path, body, **headers):
            connection.request(method, path, json.dumps(body), headers)
            answer = connection.getresponse()
            return answer, json.loads(answer.read())

        answer, _ = call("POST", "/login", {"username": "admin", "password": "hush"})
        cookies = dict(cookie.split(";")[0].split("=", 1) for cookie in answer.headers.get_all("Set-Cookie"))
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "X-CSRFToken": cookies["csrftoken"],
            "X-Avi-Version": "22.1.3",
        }
        answer, made = call("POST", "/api/pool", {"name": "p", "lb_algorithm": "LB_NONE_SUCH"}, **headers)
        assert (answer.status, made["lb_algorithm"]) == (201, "LB_NONE_SUCH")
        connection.close()
        process.send_signal(signal.SIGKILL)
    assert load_state(tmp_path / "s")[f"pool/{made['uuid']}"]["lb_algorithm"] == "LB_NONE_SUCH"


def test_bad_input_is_one_sentence(tmp_path):
    (tmp_path / "lab.yaml").write_text("tenents: []")
    command = [sys.executable, "-m", "ako_runtime", "lab", "avi", "--config", str(tmp_path / "lab.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "unknown field `tenents`" in done.stderr
