"""Options that the commands of the runtime share: which cluster, and where in it our configuration is."""

from collections.abc import Callable
from typing import TypeVar

import click

_F = TypeVar("_F", bound=Callable[..., object])

_OPTIONS = (
    click.option("--kubeconfig", type=click.Path(), default=None, help="Kubeconfig file; inside a pod none is needed."),
    click.option("--context", default=None, help="Context of the kubeconfig."),
    click.option(
        "-n",
        "--namespace",
        envvar="POD_NAMESPACE",
        default="avi-system",
        show_default=True,
        help="Namespace of ConfigMap avi-k8s-config and Secret avi-secret.",
    ),
)


def cluster_options(command: _F) -> _F:
    """Add `--kubeconfig`, `--context` and `--namespace`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
