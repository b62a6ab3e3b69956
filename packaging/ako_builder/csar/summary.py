"""What is in a package, as plain data: the basis of inspect, of its HTML page and of diff."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ako_builder.archive.container import Limits
from ako_builder.csar.check_descriptor import VNF
from ako_builder.csar.check_package import Layout
from ako_builder.csar.check_signature import Trust
from ako_builder.csar.check_tca import HELM_VDU
from ako_builder.csar.profile import NAMES, Profile, load_profile
from ako_builder.csar.tosca import Node, Template, artifact_file, artifact_type, mapping
from ako_builder.csar.verify import Checked, check, fitting_policy, judged

Document = dict[str, Any]
# Nobody is asked to trust anybody here: a summary says who signed.
_ASKED = {"SIG-018", "SIG-026"}


def package_summary(path: Path) -> Document:
    """Everything that inspect shows."""
    checked = check(path, trust=Trust(allow_demo=True), limits=Limits())
    profile = guessed_profile(checked)
    return {
        "path": str(path),
        "size": checked.size,
        "option": checked.option,
        "files": {
            name: found.get("SHA-256") or next(iter(found.values()), "") for name, found in checked.digests.items()
        },
        "profile": profile.name if profile else "unknown",
        "statements": [{"grade": item.grade, "text": item.text} for item in profile.statements] if profile else [],
        "meta": dict(checked.parts.meta.keys) if checked.parts and checked.parts.meta else {},
        "manifest": _manifest(checked.parts),
        "descriptor": _descriptor(checked.template),
        "nodes": _nodes(checked.template),
        "images": _images(checked.template),
        "signers": [
            {
                "subject": signer.subject,
                "issuer": signer.issuer,
                "digest": signer.digest,
                "signed_at": signer.signed_at,
                "stamped_at": signer.stamped_at,
                "demo": signer.demo,
                "verified": signer.verified,
                "state": signer.state,
            }
            for signer in checked.signers
        ],
        "tree": checked.template.tree if checked.template else {},
        "findings": [
            {"level": item.level, "rule": item.rule, "where": item.where, "text": f"{item.title}: {item.text}"}
            for item in judged(checked.findings, policy=fitting_policy(checked)[0])
            if item.rule not in _ASKED
        ],
    }


def guessed_profile(checked: Checked) -> Profile | None:
    """The profile whose imports and generations the package has."""
    template = checked.template
    if template is None:
        return None
    imports = template.tree.get("imports")
    version = template.tree.get("tosca_definitions_version")
    stated = checked.parts.manifest.metadata if checked.parts and checked.parts.manifest else {}
    fitting = []
    for name in NAMES:
        profile = load_profile(name)
        if profile.tosca == version and isinstance(imports, list) and list(profile.imports) == imports:
            fitting.append(profile)
    exact = [p for p in fitting if p.sol004 == stated.get("compatible_specification_versions")]
    return next(iter(exact or fitting), None)


def _manifest(parts: Layout | None) -> Document:
    if parts is None or parts.manifest is None:
        return {}
    return {
        "path": parts.manifest_path,
        "metadata": dict(parts.manifest.metadata),
        "digests": len(parts.manifest.digests),
        "sets": {name: list(sources) for name, sources in parts.manifest.sets.items()},
        "signed": bool(parts.manifest.signature),
    }


def _descriptor(template: Template | None) -> Document:
    if template is None:
        return {}
    vnfs = template.required_nodes(VNF)
    properties = vnfs[0].properties if vnfs else {}
    return {"path": template.path, "tosca": template.tree.get("tosca_definitions_version"), **properties}


def _nodes(template: Template | None) -> list[Document]:
    rows = []
    for level, node in _located(template):
        row = {"name": node.name, "type": node.type, "says": "", "flavour": level.flavour if level.is_flavour else ""}
        mcio = mapping(node.properties.get("mcio_identification_data"))
        if mcio:
            row["says"] = f"{mcio.get('type')} {mcio.get('name')}"
        elif level.derives(node.type, HELM_VDU):
            row["says"] = f"chart {node.properties.get('chartName')} {node.properties.get('chartVersion')}"
        elif node.artifacts:
            row["says"] = ", ".join(artifact_file(artifact) for artifact in node.artifacts.values())
        rows.append(row)
    return rows


def _located(template: Template | None) -> Iterator[tuple[Template, Node]]:
    """Every node of every level."""
    for level in template.levels if template else ():
        for node in level.nodes:
            yield level, node


def _images(template: Template | None) -> list[Document]:
    rows = []
    for _, node in _located(template):
        for artifact in node.artifacts.values():
            if artifact_type(artifact).endswith(".SwImage"):
                # Release 2 describes the image at the node, Release 4 at the artifact.
                stated = mapping(artifact).get("properties") or node.properties.get("sw_image_data")
                properties = mapping(stated)
                checksum = mapping(properties.get("checksum"))
                rows.append(
                    {
                        "name": properties.get("name"),
                        "version": properties.get("version"),
                        "digest": f"{checksum.get('algorithm')}:{checksum.get('hash')}" if checksum else "",
                        "file": artifact_file(artifact),
                    }
                )
    return rows
