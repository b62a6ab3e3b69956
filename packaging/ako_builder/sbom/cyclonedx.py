"""CycloneDX 1.5 in JSON."""

from typing import Any, Final

from ako_builder.sbom.bill import Bill, Component
from ako_builder.times import rfc3339

_TYPES: Final = {"image": "container"}


def cyclonedx_document(bill: Bill) -> dict[str, Any]:
    """The document of a bill: the product is described, and depends on the parts."""
    tool, version = bill.tool
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{bill.serial}",
        "version": 1,
        "metadata": {
            "timestamp": rfc3339(bill.epoch),
            "tools": {"components": [{"type": "application", "name": tool, "version": version}]},
            "supplier": {"name": bill.organisation},
            "component": {
                "type": "application",
                "bom-ref": bill.product.purl,
                "name": bill.product.name,
                "version": bill.product.version,
                "supplier": {"name": bill.product.supplier},
                "purl": bill.product.purl,
            },
        },
        "components": [_component(part) for part in bill.parts],
        "dependencies": [{"ref": bill.product.purl, "dependsOn": [part.purl for part in bill.parts]}],
    }


def _component(component: Component) -> dict[str, Any]:
    document: dict[str, Any] = {
        "type": _TYPES.get(component.kind, "application"),
        "bom-ref": component.purl,
        "supplier": {"name": component.supplier},
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
    }
    if component.sha256:
        document["hashes"] = [{"alg": "SHA-256", "content": component.sha256}]
    if component.licence:
        document["licenses"] = [{"license": {"id": component.licence}}]
    return document
