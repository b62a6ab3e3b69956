"""A profile: one way to write a CSAR, as data.

What differs between the consumers of a package (definitions version, type files, names, keys of the manifest, order
of entries, the key that a node's type stands under) is written in `packaging/csar/<profile>/profile.yaml`, so that a
new dialect is a file before it is code. Three dialects need code, because they model a workload differently: `mciop`
(SOL001 from Release 4 on), `vdu` (SOL001 2.x) and `tca` (VMware). Every profile carries statements with their grade
of certainty; `U` marks what nobody has tried on the real product, and `inspect` prints them with the package.

Grades: A seen in a real artefact or measured; B vendor documentation; C source code of another tool; S secondary
description of the standard; R recollection, to be checked; U unknown.
"""

from pathlib import Path
from typing import Literal

import msgspec
import yaml

from ako_builder.sources import source
from ako_runtime.errors import UserError

NAMES = ("tca-2x", "tca-classic", "etsi-2.7", "etsi-4", "etsi-5")
Grade = Literal["A", "B", "C", "S", "R", "U"]

_ALL_METADATA = (
    "vnfd_id",
    "vnf_provider_id",
    "vnf_product_name",
    "vnf_release_date_time",
    "vnf_software_version",
    "vnf_package_version",
    "vnfm_info",
    "compatible_specification_versions",
)


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that is known, or not known, about a profile."""

    grade: Grade
    text: str


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One profile; see the module."""

    title: str
    dialect: Literal["mciop", "vdu", "tca"]
    tosca: str
    sol001: str
    sol004: str
    vnfm_info: tuple[str, ...]
    entry: str
    manifest: str
    # Name in Definitions/ -> file in packaging/csar/types/.
    types: dict[str, str]
    imports: tuple[str, ...]
    workloads: tuple[str, ...]
    # Everything that SOL004 knows (change log, licences, chart, SBOM ...), or the bare layout of the designer.
    full: bool
    statements: tuple[Statement, ...]
    name: str = ""
    lcm_interface: str = "tosca.interfaces.nfv.Vnflcm"
    node_key: str = "type"
    creator: str | None = None
    metadata: tuple[str, ...] = _ALL_METADATA
    release_date_space: bool = False
    directories: tuple[str, ...] = ()


def load_profile(name: str) -> Profile:
    """The profile of this name."""
    if name not in NAMES:
        raise UserError(f"profile '{name}' is not known: choose one of {', '.join(NAMES)}")
    path = source("csar", name, "profile.yaml")
    try:
        profile = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Profile)
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        raise UserError(f"{path}: {error}; correct the profile") from error
    return msgspec.structs.replace(profile, name=name)


def type_files(profile: Profile, *, replacements: Path | None = None) -> dict[str, bytes]:
    """The type files that the descriptor imports: those in `replacements` where there are any, else our helpers."""
    found = {}
    for name, helper in profile.types.items():
        own = _replacement(name, folder=replacements) if replacements else None
        found[name] = (own or source("csar", "types", helper)).read_bytes()
    if replacements and all(_replacement(name, folder=replacements) is None for name in profile.types):
        wanted = ", ".join(profile.types)
        raise UserError(f"{replacements}: none of the type files that {profile.name} imports is there ({wanted})")
    return found


def _replacement(name: str, *, folder: Path) -> Path | None:
    path = folder / name
    return path if path.is_file() else None
