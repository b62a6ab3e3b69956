"""The package of an older version, as far as a new one must be like it to be offered as its upgrade."""

from pathlib import Path

import msgspec

from ako_builder.csar.check_descriptor import VNF
from ako_builder.csar.check_package import layout
from ako_builder.csar.check_tca import HELM_VDU, is_tca
from ako_builder.csar.identity import Identity
from ako_builder.csar.opened import opened_package
from ako_builder.csar.tosca import load_template
from ako_runtime.errors import UserError


class Predecessor(msgspec.Struct, frozen=True, kw_only=True):
    """What versions share: ids, provider, product, the name of TCA's Helm VDU."""

    path: str
    provider: str
    product: str
    version: str
    descriptor_version: str
    descriptor_id: str
    invariant_id: str
    vdu: str
    tca: bool


def load_predecessor(path: Path) -> Predecessor:
    """Read the identity of a package."""
    with opened_package(path) as container:
        parts = layout(container)
        if parts.entry is None:
            raise UserError(f"{path}: no descriptor in it; 'ako csar verify' says more")
        template = load_template(container, parts.entry, others=parts.others)
    vnfs = template.required_nodes(VNF)
    if len(vnfs) != 1:
        raise UserError(f"{path}: {len(vnfs)} VNF nodes in the descriptor; name the package of one network function")
    properties = vnfs[0].properties
    vdus = template.required_nodes(HELM_VDU)
    return Predecessor(
        path=str(path),
        provider=str(properties.get("provider", "")),
        product=str(properties.get("product_name", "")),
        version=str(properties.get("software_version", "")),
        descriptor_version=str(properties.get("descriptor_version", "")),
        descriptor_id=str(properties.get("descriptor_id", "")),
        invariant_id=str(properties.get("ext_invariant_id", "")),
        vdu=vdus[0].name if len(vdus) == 1 else "",
        tca=is_tca(template),
    )


def succeeding(identity: Identity, *, before: Predecessor, wanted: str | None, stable: bool) -> Identity:
    """The identity with what versions share taken from the older package; a stable id is shared, too."""
    for name, ours, theirs in (
        ("provider", identity.provider, before.provider),
        ("product", wanted or before.product, before.product),
    ):
        if ours != theirs:
            raise UserError(f"{before.path}: its {name} is {theirs!r}, not {ours!r}: it would be no upgrade; use one")
    if identity.version == before.version:
        raise UserError(f"{before.path}: it has version {before.version} as well; give the new one with --version")
    return msgspec.structs.replace(
        identity,
        product=before.product,
        title=before.product,
        stated_id=before.descriptor_id if before.tca and stable else "",
        stated_invariant=before.invariant_id,
    )
