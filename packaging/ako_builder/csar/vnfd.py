"""The VNF descriptor after ETSI SOL001: one template, one deployment flavour.

Two models. From Release 4 on (`mciop`) a container is an OsContainer with exactly one SwImage, the Kubernetes
workload is an OsContainerDeployableUnit that says by name and kind which object of the chart it is, and the chart is
the one HelmChart artifact of an Mciop that is associated with its units. Release 2 (`vdu`) knows no containers: the
workload is a Vdu.Compute, and the chart an artifact beside it.

The VNF's own node type gives every required property a default, because a parser that sees substitution mappings asks
for one; the node template repeats the values, because other readers look only there.
"""

from typing import Any

from ako_builder.csar.chart import Workload
from ako_builder.csar.inputs import DescriptorInputs, ImageFact, Property, slug

Tree = dict[str, Any]
FLAVOUR = "default"
ASPECT = "replicas"
_DEPLOYABLE = "tosca.nodes.nfv.Vdu.OsContainerDeployableUnit"
_NFV = "tosca.datatypes.nfv"


def etsi_descriptor(inputs: DescriptorInputs) -> Tree:
    """The whole descriptor."""
    node_type = f"{slug(inputs.identity.provider)}.nodes.{slug(inputs.identity.product)}"
    data_types = _property_types(inputs, node_type=node_type)
    tree: Tree = {
        "tosca_definitions_version": inputs.profile.tosca,
        "description": f"{inputs.identity.title} {inputs.identity.version}",
        "metadata": {
            "template_name": inputs.identity.product,
            "template_author": inputs.identity.provider,
            "template_version": inputs.identity.descriptor_version,
        },
        "imports": list(inputs.profile.imports),
    }
    if data_types:
        tree["data_types"] = data_types
    tree["node_types"] = {
        node_type: _node_type(inputs, configurable=f"{node_type}.ConfigurableProperties" in data_types)
    }
    tree["topology_template"] = _topology(inputs, node_type=node_type)
    return tree


def vnf_properties(inputs: DescriptorInputs) -> Tree:
    """The properties that identify the VNF, in every dialect."""
    identity = inputs.identity
    return {
        "descriptor_id": inputs.descriptor_id,
        **({"ext_invariant_id": identity.invariant_id} if inputs.profile.dialect == "mciop" else {}),
        "descriptor_version": identity.descriptor_version,
        "provider": identity.provider,
        "product_name": identity.product,
        "software_version": identity.version,
        "vnfm_info": list(inputs.profile.vnfm_info),
        "flavour_id": FLAVOUR,
        "flavour_description": f"{identity.product} as its chart's values say",
    }


def _node_type(inputs: DescriptorInputs, *, configurable: bool) -> Tree:
    properties: Tree = {}
    for name, value in vnf_properties(inputs).items():
        if isinstance(value, list):
            properties[name] = {"type": "list", "entry_schema": {"type": "string"}, "default": value}
        else:
            properties[name] = {"type": "string", "constraints": [{"valid_values": [value]}], "default": value}
    if configurable:
        name = f"{slug(inputs.identity.provider)}.nodes.{slug(inputs.identity.product)}.ConfigurableProperties"
        properties["configurable_properties"] = {"type": name, "required": False}
    return {
        "derived_from": "tosca.nodes.nfv.VNF",
        "properties": properties,
        "interfaces": {"Vnflcm": {"type": inputs.profile.lcm_interface}},
    }


def _property_types(inputs: DescriptorInputs, *, node_type: str) -> Tree:
    """Data types for the configurable properties (the settings)."""
    if not inputs.properties:
        return {}
    additional = f"{node_type}.AdditionalConfigurableProperties"
    return {
        additional: {
            "derived_from": f"{_NFV}.VnfAdditionalConfigurableProperties",
            "properties": {item.name: _property(item) for item in inputs.properties},
        },
        f"{node_type}.ConfigurableProperties": {
            "derived_from": f"{_NFV}.VnfConfigurableProperties",
            "properties": {"additional_configurable_properties": {"type": additional, "required": False}},
        },
    }


def _property(item: Property) -> Tree:
    tree: Tree = {"type": item.type, "required": False, "description": item.description}
    if item.type == "list":
        tree["entry_schema"] = {"type": "string"}
    if item.default is not None:
        tree["default"] = item.default
    if item.choices:
        tree["constraints"] = [{"valid_values": list(item.choices)}]
    return tree


def _topology(inputs: DescriptorInputs, *, node_type: str) -> Tree:
    nodes: Tree = {"VNF": {"type": node_type, "properties": vnf_properties(inputs)}}
    units = _units(tuple(unit for unit in inputs.chart.workloads if unit.kind in inputs.profile.workloads))
    substitution: Tree = {"node_type": node_type}
    if inputs.profile.dialect == "mciop":
        nodes |= _containers(inputs, units=units)
    else:
        for name, workload in units.items():
            nodes[name] = _compute(inputs, workload=workload)
            nodes[name.replace("vdu-", "cp-", 1)] = _bound_cp(name)
        # Release 2 names the flavour here; Tacker looks nowhere else.
        substitution["properties"] = {"flavour_id": FLAVOUR}
    tree: Tree = {"substitution_mappings": substitution, "node_templates": nodes}
    policies = _policies(units)
    if policies:
        tree["policies"] = policies
    return tree


def _units(workloads: tuple[Workload, ...]) -> dict[str, Workload]:
    """A node name for every workload; the kind tells two of one name apart."""
    names = [slug(workload.name) for workload in workloads]
    return {
        f"vdu-{name}" if names.count(name) == 1 else f"vdu-{name}-{workload.kind.lower()}": workload
        for name, workload in zip(names, workloads, strict=True)
    }


def _containers(inputs: DescriptorInputs, *, units: dict[str, Workload]) -> Tree:
    nodes: Tree = {}
    containers = _container_names(inputs.images)
    for name, image in containers.items():
        nodes[name] = {
            "type": "tosca.nodes.nfv.Vdu.OsContainer",
            "properties": {"name": image.name, "description": f"container of the image {image.reference}"},
            "artifacts": {"sw_image": _image_artifact(inputs, image=image)},
        }
    for name, workload in units.items():
        nodes[name] = {
            "type": _DEPLOYABLE,
            "properties": {
                "name": workload.name,
                "description": f"{workload.kind} {workload.name} of the chart",
                "vdu_profile": _profile(workload),
                "mcio_identification_data": {"name": workload.name, "type": workload.kind},
            },
        }
        run = [key for key, image in containers.items() if image.reference in workload.images] or list(containers)
        if run:
            nodes[name]["requirements"] = [{"container": container} for container in run]
    if not units:
        return nodes
    nodes["mciop"] = {
        "type": "tosca.nodes.nfv.Mciop",
        "artifacts": {"helm_chart": {"type": "tosca.artifacts.nfv.HelmChart", "file": inputs.chart_path}},
        "requirements": [{"associatedVdu": name} for name in units],
    }
    # Named so that it follows "mciop": Puccini binds nodes by name, and a VirtualCp is content with any capability,
    # also with the one and only `associable` that the Mciop needs.
    nodes["pod-network"] = {
        "type": "tosca.nodes.nfv.VirtualCp",
        "properties": {"layer_protocols": ["ipv4"], "description": "the pod network, as the cluster gives it"},
        "requirements": [{"target": name} for name in units],
    }
    return nodes


def _container_names(images: tuple[ImageFact, ...]) -> dict[str, ImageFact]:
    """A node name for every image; two images of one name are told apart by a number."""
    found: dict[str, ImageFact] = {}
    for image in images:
        name = f"container-{slug(image.name)}"
        number = 2
        while name in found:
            name = f"container-{slug(image.name)}-{number}"
            number += 1
        found[name] = image
    return found


def _image_artifact(inputs: DescriptorInputs, *, image: ImageFact) -> Tree:
    properties: Tree = {
        "name": image.name,
        "version": image.version,
        "provider": inputs.identity.provider,
        "container_format": "docker",
    }
    if image.digest and image.digest.startswith("sha256:"):
        properties["checksum"] = {"algorithm": "sha-256", "hash": image.digest.removeprefix("sha256:")}
    if image.size is not None:
        properties["size"] = f"{image.size} B"
    return {"type": "tosca.artifacts.nfv.SwImage", "file": image.file, "properties": properties}


def _compute(inputs: DescriptorInputs, *, workload: Workload) -> Tree:
    return {
        "type": "tosca.nodes.nfv.Vdu.Compute",
        "properties": {
            "name": workload.name,
            "description": f"{workload.kind} {workload.name} of the chart",
            "vdu_profile": _profile(workload),
        },
        "artifacts": {"helm_chart": {"type": "tosca.artifacts.File", "file": inputs.chart_path}},
    }


def _bound_cp(unit: str) -> Tree:
    """A connection point: a Vdu.Compute must have at least one."""
    return {
        "type": "tosca.nodes.nfv.VduCp",
        "properties": {"layer_protocols": ["ipv4"], "description": "the pod network, as the cluster gives it"},
        "requirements": [{"virtual_binding": unit}],
    }


def _profile(workload: Workload) -> Tree:
    return {"min_number_of_instances": min(1, workload.most), "max_number_of_instances": workload.most}


def _policies(units: dict[str, Workload]) -> list[Tree]:
    """One instantiation level, and one scaling aspect for the replica count of whatever may have more than one."""
    if not units:
        return []
    scaled = {name: unit for name, unit in units.items() if unit.kind != "DaemonSet" and unit.most > unit.replicas}
    level: Tree = {"description": "as the chart's values say"}
    if scaled:
        level["scale_info"] = {ASPECT: {"scale_level": 0}}
    policies: list[Tree] = []
    if scaled:
        most = max(unit.most - unit.replicas for unit in scaled.values())
        aspect = {
            "name": ASPECT,
            "description": "number of pods",
            "max_scale_level": most,
            "step_deltas": ["one"],
        }
        policies.append(
            {
                "scaling_aspects": {
                    "type": "tosca.policies.nfv.ScalingAspects",
                    "properties": {"aspects": {ASPECT: aspect}},
                }
            }
        )
    policies.append(
        {
            "instantiation_levels": {
                "type": "tosca.policies.nfv.InstantiationLevels",
                "properties": {"levels": {FLAVOUR: level}, "default_level": FLAVOUR},
            }
        }
    )
    for name, unit in units.items():
        policies += _unit_policies(name, unit=unit, scaled=name in scaled)
    return policies


def _unit_policies(name: str, *, unit: Workload, scaled: bool) -> list[Tree]:
    level = {"number_of_instances": unit.replicas}
    policies: list[Tree] = [
        {
            f"{name}_instantiation_levels": {
                "type": "tosca.policies.nfv.VduInstantiationLevels",
                "properties": {"levels": {FLAVOUR: level}},
                "targets": [name],
            }
        }
    ]
    if scaled:
        policies += [
            {
                f"{name}_initial_delta": {
                    "type": "tosca.policies.nfv.VduInitialDelta",
                    "properties": {"initial_delta": level},
                    "targets": [name],
                }
            },
            {
                f"{name}_scaling": {
                    "type": "tosca.policies.nfv.VduScalingAspectDeltas",
                    "properties": {"aspect": ASPECT, "deltas": {"one": {"number_of_instances": 1}}},
                    "targets": [name],
                }
            },
        ]
    return policies
