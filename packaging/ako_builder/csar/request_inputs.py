"""What a request to TCA is made of: the Helm VDUs of a package, and a values file of the site."""

from pathlib import Path

import yaml

from ako_builder.csar.check_package import layout
from ako_builder.csar.check_tca import HELM_VDU
from ako_builder.csar.instantiate import MAX_VALUES, Component
from ako_builder.csar.opened import opened_package
from ako_builder.csar.strictyaml import YamlProblem, parse_yaml
from ako_builder.csar.tosca import load_template
from ako_runtime.errors import UserError


def helm_components(file: Path) -> tuple[Component, ...]:
    """The Helm VDUs of a package and the charts that they name."""
    with opened_package(file) as container:
        parts = layout(container)
        if parts.entry is None:
            raise UserError(f"{file}: no descriptor in it; 'ako csar verify' says more")
        template = load_template(container, parts.entry, others=parts.others)
    return tuple(
        Component(vdu=node.name, chart=str(node.properties.get("chartName", "")))
        for node in template.required_nodes(HELM_VDU)
    )


def site_values(path: Path) -> bytes:
    """The text of a values file, which is known to be a YAML mapping."""
    try:
        size = path.stat().st_size
        if size > MAX_VALUES:
            raise UserError(f"{path}: {size} bytes are too many for values (at most {MAX_VALUES})")
        content = path.read_bytes()
        document = parse_yaml(content) if content.strip() else {}
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a values file") from error
    except (YamlProblem, yaml.YAMLError) as error:
        raise UserError(f"{path}: {error}; correct the values") from error
    if not isinstance(document, dict):
        raise UserError(f"{path}: not a mapping; values are keys of the chart's values.yaml")
    return content
