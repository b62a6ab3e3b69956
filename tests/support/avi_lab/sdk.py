"""The official Python SDK, connected to a lab with its certificate verified."""

import json
from pathlib import Path

import pytest
from avi.sdk import avi_api
from avi.sdk.avi_api import ApiSession

from ako_lab.avi_controller import AviLab

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Sdk:
    """Opens sessions of the SDK against one lab."""

    def __init__(self, lab: AviLab, folder: Path) -> None:
        self.lab = lab
        self._verify = folder / "controller.pem"
        self._verify.write_text(lab.certificate_pem)
        self._opened: list[ApiSession] = []

    def __call__(self, **options) -> ApiSession:
        address, _, port = self.lab.host.partition(":")
        if not {"token", "password"} & options.keys():
            options["password"] = self.lab.password
        settings = {"api_version": "30.2.1", "username": self.lab.username, "verify": str(self._verify), **options}
        session = ApiSession(controller_ip=address, port=int(port), **settings)
        self._opened.append(session)
        return session

    def close(self) -> None:
        for session in self._opened:
            session.close()
        for cached in list(avi_api.sessionDict.values()):
            cached["api"].close()

    @property
    def arguments(self) -> dict:
        """What `ApiSession.get_session` needs."""
        address, _, port = self.lab.host.partition(":")
        return {
            "controller_ip": address,
            "port": int(port),
            "username": self.lab.username,
            "password": self.lab.password,
            "verify": str(self._verify),
            "api_version": "30.2.1",
        }


def said(response) -> dict:
    """The body of an answer, error or not: the SDK's own `json` raises for errors."""
    return json.loads(response.text)


@pytest.fixture
def trusting(monkeypatch):
    """The SDK's HTTP library prefers bundles named by the environment to the certificate that it is told to verify."""
    for name in BUNDLES:
        monkeypatch.delenv(name, raising=False)
    ApiSession.clear_cached_sessions()
    yield
    ApiSession.clear_cached_sessions()
