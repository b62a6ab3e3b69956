"""A simulated TCA whose packages are judged by a function of the test, and a client that is not ours."""

import json
from contextlib import contextmanager
from pathlib import Path

import requests

from ako_lab.tca import TcaConfig, TcaLab
from ako_lab.tca.judge import Chart, Content, Unfit

PACKAGES = "/telco/api/vnfpkgm/v2/vnf_packages"
INSTANCES = "/telco/api/vnflcm/v2/vnf_instances"
OPERATIONS = "/telco/api/vnflcm/v2/vnf_lcm_op_occs"
CNF = "/hybridity/api/vnflcm/v1/cnf_instances"
VIM = "vim-1"


def content_in(path):
    """A package of these tests is a JSON object of `Content`'s fields; anything else is unfit."""
    try:
        fields = json.loads(Path(path).read_bytes())
    except ValueError:
        raise Unfit("STR-001 NFD.mf: not a package") from None
    defaults = {"vnfd_id": "nfd_1", "provider": "p", "product": "ako", "software_version": "1", "option": 1}
    chart = Chart(vdu="akovdu", name="ako", version=fields.get("software_version", "1"))
    return Content(**(defaults | {"descriptor_version": "1", "charts": (chart,)} | fields))


class Caller:
    """Requests to the lab in a session, by the library requests."""

    def __init__(self, lab):
        self.lab = lab
        self.token = self.login().headers["x-hm-authorization"]

    def login(self, password=None):
        body = {"username": self.lab.username, "password": password or self.lab.password}
        return requests.post(f"{self.lab.url}/hybridity/api/sessions", json=body, timeout=10)

    def ask(self, method, path, **options):
        headers = {"x-hm-authorization": self.token, "Version": "2.0.0"} | options.pop("headers", {})
        return requests.request(method, self.lab.url + path, headers=headers, timeout=10, **options)

    def create(self, name):
        return self.ask("POST", PACKAGES, json={"userDefinedData": {"name": name}}).json()["id"]

    def upload(self, identifier, content, **options):
        files = {"file": ("p.csar", content, "application/zip")}
        return self.ask("PUT", f"{PACKAGES}/{identifier}/package_content", files=files, **options)

    def package(self, name, **fields):
        """An onboarded package."""
        identifier = self.create(name)
        assert self.upload(identifier, json.dumps(fields)).status_code == 202
        self.until(f"{PACKAGES}/{identifier}", "onboardingState", "ONBOARDED")
        return identifier

    def instance(self, name="lb", *, vnfd_id="nfd_1"):
        return self.ask("POST", INSTANCES, json={"vnfdId": vnfd_id, "vnfInstanceName": name}).json()["id"]

    def instantiate(self, identifier, *, rollback=True, **vdu):
        params = {"vduName": "akovdu", "namespace": "n", "repoUrl": "oci://127.0.0.1:1/charts", "helmName": "ako"} | vdu
        body = {
            "flavourId": "default",
            "vimConnectionInfo": [{"id": VIM, "vimType": ""}],
            "additionalParams": {"vduParams": [params], "disableAutoRollback": not rollback},
        }
        return self.ask("POST", f"{INSTANCES}/{identifier}/instantiate", json=body)

    def ended(self, answer, state):
        """The operation that an answer names, once it is in a state."""
        assert answer.status_code in {200, 202}, answer.text
        place = answer.headers.get("Location") or f"{OPERATIONS}/{answer.json()['operationId']}"
        return self.until(place, "operationState", state)

    def until(self, path, field, wanted):
        self.lab.wait_for(lambda _: self.ask("GET", path).json().get(field) == wanted)
        return self.ask("GET", path).json()


@contextmanager
def tca_lab(folder, *, helm="true", judge=content_in, **settings):
    """A lab with one VIM; `helm` is a program that stands for Helm: by default it does nothing, well."""
    kubeconfig = Path(folder) / "kubeconfig"
    kubeconfig.write_text("{}")
    config = TcaConfig(clusters={VIM: kubeconfig}, helm=Path(helm), **settings)
    with TcaLab(config, judge=judge) as lab:
        yield lab
