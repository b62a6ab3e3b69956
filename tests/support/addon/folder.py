"""Add-on folders for tests: made in memory from the chart of this source."""

import msgspec
import pytest
import yaml

from ako_builder.addon.build import example_request
from ako_builder.addon.outputs.bundle import chart_files
from ako_builder.addon.outputs.folder import images, outputs
from ako_builder.addon.outputs.verify import layer_files
from ako_builder.addon.pins.releases import load_pins, pin_named
from ako_builder.addon.request import TARGETS
from ako_builder.chart.tree import package
from ako_builder.release import load_release

EPOCH = 1_700_000_000
DIGEST = "sha256:" + "d" * 64
OFFICIAL = "load-balancer-and-ingress-service.tanzu.vmware.com.1.11.2+vmware.2-tkg.2"
BASE_TKR = {
    "apiVersion": "run.tanzu.vmware.com/v1alpha3",
    "kind": "TanzuKubernetesRelease",
    "metadata": {"name": "v1.28.11---vmware.2-tkg.2"},
    "spec": {
        "version": "v1.28.11+vmware.2-tkg.2",
        "kubernetes": {"version": "v1.28.11+vmware.2"},
        "osImages": [{"name": "ubuntu"}],
        "bootstrapPackages": [
            {"name": "antrea.tanzu.vmware.com.1.13.3+vmware.4-tkg.2"},
            {"name": OFFICIAL},
        ],
    },
}


@pytest.fixture(scope="session")
def release():
    return load_release().with_digest(DIGEST)


@pytest.fixture(scope="session")
def chart(release, tmp_path_factory):
    return chart_files(package(release, out=tmp_path_factory.mktemp("chart"), epoch=EPOCH))


@pytest.fixture(scope="session")
def made(release, chart):
    return images(release, chart, epoch=EPOCH)


@pytest.fixture(scope="session")
def request_with(release):
    """Make a request for TKG 2.5.2 with the example settings and what a test changes."""

    def with_changes(tkg="2.5.2", **changes):
        pin = pin_named(load_pins(), tkg)
        return msgspec.structs.replace(example_request(release, pin, tkrs=pin.tkrs), **changes)

    return with_changes


@pytest.fixture(scope="session")
def folder_with(made, request_with):
    """Make the files of an add-on folder."""

    def with_changes(targets=TARGETS, **changes):
        return outputs(request_with(**changes), made, targets=targets)

    return with_changes


def documents(files, name):
    return [document for document in yaml.safe_load_all(files[name]) if document]


def write_bundle(files, folder):
    """Unpack the bundle of an add-on folder."""
    for name, content in layer_files(files, "carvel/bundle").items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
