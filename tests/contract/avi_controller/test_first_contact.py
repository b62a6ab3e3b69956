"""The version that the controller and the runtime agree on, whatever the controller's own is."""

import msgspec
import pytest

from ako_lab.avi_controller import AviLab, LabConfig
from ako_runtime.avi.negotiate import negotiated_endpoint
from ako_runtime.settings import SecretText, parse_values

LEAST = {
    "ControllerSettings": {"controllerHost": "192.0.2.1"},
    "NetworkSettings": {"vipNetworkList": [{"networkName": "n"}]},
}


@pytest.mark.parametrize(
    ("own", "configured", "spoken"),
    [
        ("22.1.3", "", "22.1.3"),
        ("30.1.1", "", "30.1.1"),
        ("30.2.1", "", "30.2.1"),
        ("31.1.1", "", "30.2.1"),
        ("30.1.1", "22.1.4", "22.1.4"),
    ],
)
def test_an_older_and_a_newer_controller_are_spoken_to(own, configured, spoken):
    with AviLab(LabConfig(version=own)) as avi:
        settings = msgspec.structs.replace(
            parse_values(LEAST),
            controller_host=avi.host,
            controller_version=configured,
            username=avi.username,
            password=SecretText(avi.password),
            certificate_authority=avi.certificate_pem,
        )
        assert negotiated_endpoint(settings).api_version == spoken
