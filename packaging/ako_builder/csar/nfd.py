"""The network function descriptor as VMware Telco Cloud Automation writes and documents it.

TCA does not take the chart out of the package: the descriptor names chart and version, and repository, namespace and
values come with the request that instantiates it. So a Helm VDU here is a name, a version, and a property of format
`file` through which the operator hands over values.

The two generations differ in definitions version, imports and interface type, which is data of the profile, and in
the key of the node's type: the designer writes `node_type` where TOSCA says `type`. The non-TOSCA keys `propertyName`
and `format` of the values property are what the product's own descriptors have; parsers that know only TOSCA tolerate
them.
"""

import re
from typing import Any

from ako_builder.csar.inputs import DescriptorInputs, slug
from ako_builder.csar.vnfd import vnf_properties

Tree = dict[str, Any]
POLICIES = ("scale", "workflow", "reconfigure", "update", "upgrade", "upgrade_package")
_INTERFACE_POLICY = "tosca.policies.nfv.SupportedVnfInterface"
# How TCA learns that the operator hands over a file: two keys that TOSCA does not know.
_VALUES_PROPERTY = {"type": "string", "required": True, "default": "", "propertyName": "values", "format": "file"}


def tca_descriptor(inputs: DescriptorInputs) -> Tree:
    """The whole descriptor."""
    name = slug(inputs.identity.product)
    vdu = vdu_name(inputs)
    node_type = f"tosca.nodes.nfv.VMware.CNF.{name}"
    vdu_type = f"tosca.nodes.nfv.Vdu.Compute.Helm.{vdu}"
    configurable = f"tosca.datatypes.nfv.VnfcConfigurableProperties.{vdu}"
    additional = f"tosca.datatypes.nfv.VnfcAdditionalConfigurableProperties.{vdu}"
    return {
        "tosca_definitions_version": inputs.profile.tosca,
        "description": f"{inputs.identity.title} {inputs.identity.version}",
        "imports": list(inputs.profile.imports),
        "data_types": {
            configurable: {
                "derived_from": "tosca.datatypes.nfv.VnfcConfigurableProperties",
                "properties": {"additional_vnfc_configurable_properties": {"type": additional, "required": True}},
            },
            additional: {
                "derived_from": "tosca.datatypes.nfv.VnfcAdditionalConfigurableProperties",
                "properties": {"values": dict(_VALUES_PROPERTY)},
            },
        },
        "node_types": {
            node_type: _cnf_type(inputs),
            vdu_type: {
                "derived_from": "tosca.nodes.nfv.Vdu.Compute.Helm",
                "properties": {"configurable_properties": {"type": configurable, "required": True}},
            },
        },
        "topology_template": {
            "substitution_mappings": {"node_type": node_type},
            "node_templates": {
                name: _cnf(inputs, node_type=node_type),
                vdu: _helm_vdu(inputs, vdu=vdu, vdu_type=vdu_type),
            },
            "policies": [_policy(policy) for policy in POLICIES],
        },
    }


def vdu_name(inputs: DescriptorInputs) -> str:
    """The name of the Helm VDU: the chart's, without the hyphens that the designer strips, and never the CNF's."""
    if inputs.vdu:
        return inputs.vdu
    name = re.sub(r"[^a-z0-9]", "", inputs.chart.name.lower()) or "chart"
    return f"{name}vdu" if name == slug(inputs.identity.product) else name


def _cnf_type(inputs: DescriptorInputs) -> Tree:
    """Under TOSCA proper the type needs defaults for what the mapping asks; the designer's needs none."""
    tree: Tree = {"derived_from": "tosca.nodes.nfv.VMware.CNF"}
    if inputs.profile.node_key == "type":
        tree["properties"] = {
            key: {"type": "list", "entry_schema": {"type": "string"}, "default": value}
            if isinstance(value, list)
            else {"type": "string", "default": value}
            for key, value in _cnf_properties(inputs).items()
            if key != "infra_requirements"
        }
    tree["interfaces"] = {"Vnflcm": {"type": inputs.profile.lcm_interface}}
    return tree


def _cnf_properties(inputs: DescriptorInputs) -> Tree:
    common = vnf_properties(inputs)
    tree = {
        "descriptor_id": tca_descriptor_id(inputs),
        "provider": common["provider"],
        "vendor": common["provider"],
        "product_name": common["product_name"],
        "version": common["software_version"],
        "id": "id",
        "software_version": common["software_version"],
        "descriptor_version": common["descriptor_version"],
        "flavour_id": "default",
        "flavour_description": "default",
        "vnfm_info": common["vnfm_info"],
    }
    if inputs.infra_requirements is not None:
        tree["infra_requirements"] = inputs.infra_requirements
    return tree


def tca_descriptor_id(inputs: DescriptorInputs) -> str:
    """The designer puts `nfd_` in front of the UUID; an id that was stated is written as stated."""
    if inputs.identity.stated_id:
        return inputs.descriptor_id
    return f"nfd_{inputs.descriptor_id}"


def _cnf(inputs: DescriptorInputs, *, node_type: str) -> Tree:
    tree: Tree = {inputs.profile.node_key: node_type, "properties": _cnf_properties(inputs)}
    if inputs.profile.node_key != "type":
        tree["interfaces"] = {"Vnflcm": {}}
    return tree


def _helm_vdu(inputs: DescriptorInputs, *, vdu: str, vdu_type: str) -> Tree:
    most = max((workload.most for workload in inputs.chart.workloads), default=1)
    properties: Tree = {
        "name": vdu,
        "description": inputs.chart.description,
        "chartName": inputs.chart.name,
        "chartVersion": inputs.chart.version,
        "helmVersion": "v3",
        "id": vdu,
        "configurable_properties": {"additional_vnfc_configurable_properties": {"values": ""}},
    }
    if inputs.profile.node_key == "type":
        properties["vdu_profile"] = {"min_number_of_instances": 1, "max_number_of_instances": most}
    return {"type": vdu_type, "properties": properties}


def _policy(name: str) -> Tree:
    properties = {"interface_name": name, "interface_type": "operation", "isEnabled": True}
    return {f"policy_{name}": {"type": _INTERFACE_POLICY, "properties": properties}}
