"""The add-ons' part of a build: see `ako_builder.addon.build`."""

from collections.abc import Iterable

from ako_builder.addon.build import build_addons
from ako_builder.artefact import Artefact, BuildOrder


def make(order: BuildOrder) -> Iterable[Artefact]:
    """One verified archive a pinned TKG release."""
    return build_addons(order.release, order.chart, order.out, order.signer, epoch=order.epoch)
