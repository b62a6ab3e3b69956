"""What the chart grants is what the runtime uses; what it watches for exists as a metric."""

import json
import re
from itertools import product

import promql_parser
import pytest
import yaml

from ako_builder.chart.rbac import READ, STATUSES
from ako_builder.chart.tree import chart_folder
from ako_runtime.kube.kinds import WATCHED, WRITTEN, kinds_for
from ako_runtime.observe.metrics import Metrics
from ako_runtime.settings import parse_values

BOOLEANS = (False, True)
MODES = (
    ("ClusterIP", ""),
    ("ClusterIP", "calico"),
    ("ClusterIP", "ncp"),
    ("NodePort", "cilium"),
    ("NodePortLocal", "antrea"),
)
COMBINATIONS = [
    {
        "AKOSettings": {"disableStaticRouteSync": routes, "servicesAPI": feature, "cniPlugin": plugin},
        "L7Settings": {"serviceType": mode},
        "featureGates": {"GatewayAPI": feature},
        "ako-crd-operator": {"enabled": not feature},
        "ControllerSettings": {"controllerHost": "10.0.0.1"},
        "NetworkSettings": {"vipNetworkList": [{"networkName": "vip"}]},
    }
    for routes, feature, (mode, plugin) in product(BOOLEANS, BOOLEANS, MODES)
]
COMBINATIONS += [
    COMBINATIONS[0] | {"AKOSettings": {"cniPlugin": plugin, "disableStaticRouteSync": "false"}}
    for plugin in ("cilium", "openshift")
]
# Spellings that the official chart takes decide about rights as the usual ones do.
COMBINATIONS += [
    COMBINATIONS[0]
    | {
        "AKOSettings": {"disableStaticRouteSync": no, "servicesAPI": yes, "cniPlugin": plugin, "primaryInstance": yes},
        "L7Settings": {"serviceType": mode},
        "ako-crd-operator": {"enabled": no},
    }
    for yes, no, mode, plugin in (
        ("True", "F", "clusterip", "CALICO"), (1, 0, "NODEPORT", ""), ("t", "FALSE", "nodeportlocal", "ANTREA")
    )
]  # fmt: skip


def granted(rules):
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def rules_of(helm, chart, values, folder, *, kind):
    path = folder / "values.yaml"
    path.write_text(yaml.safe_dump(values))
    text = helm.run(["template", "ako", str(chart), "--namespace", "avi-system", "--values", str(path)])
    return next(document["rules"] for document in yaml.safe_load_all(text) if document and document["kind"] == kind)


@pytest.mark.parametrize("values", COMBINATIONS)
def test_the_cluster_role_grants_what_reflectors_and_writers_use_and_no_more(values, helm, chart, tmp_path):
    used = {
        (kind.group, kind.resource, verb)
        for kind in kinds_for(parse_values(values))
        if not kind.namespace
        for verb in READ
    }
    used |= {
        (kind.group, f"{kind.resource}/status", "patch")
        for kind in kinds_for(parse_values(values))
        if f"{kind.resource}.{kind.group}" in STATUSES
    }
    # Addresses go into the status, what other tools read into annotations of the object itself.
    used |= {("", "services", "patch"), ("", "services/status", "patch")}
    used |= {("networking.k8s.io", "ingresses", "patch"), ("networking.k8s.io", "ingresses/status", "patch")}
    used |= {("events.k8s.io", "events", "create"), ("events.k8s.io", "events", "patch")}
    assert granted(rules_of(helm, chart, values, tmp_path, kind="ClusterRole")) == used


def test_the_role_reaches_everything_of_our_own_namespace(helm, chart, tmp_path):
    grants = granted(rules_of(helm, chart, {}, tmp_path, kind="Role"))
    own = {(kind.group, kind.resource) for kind in (*WRITTEN, *(kind for kind in WATCHED if kind.namespace))}
    assert own <= {(group, resource) for group, resource, _ in grants}
    assert {verb for group, resource, verb in grants if resource == "leases"} == {"create", "get", "update", "patch"}


SCOPES = ({}, {"scope": None}, {"scope": "cluster"}, {"scope": "namespaces", "namespaces": ["web", "api", "web"]})


@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_certificates_are_granted_exactly_where_they_are_listed(scope, helm, chart, tmp_path):
    values = COMBINATIONS[0] | {"rbac": {"tlsSecrets": scope}}
    listed = {kind.namespace for kind in kinds_for(parse_values(values)) if kind.key == "secrets"}
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(values))
    text = helm.run(["template", "ako", str(chart), "--namespace", "avi-system", "--values", str(path)])
    places = set()
    for document in yaml.safe_load_all(text):
        if document and document["kind"] in {"Role", "ClusterRole"}:
            whole = [rule for rule in document["rules"] if "resourceNames" not in rule]
            if {("", "secrets", verb) for verb in READ} <= granted(whole):
                places.add(document["metadata"].get("namespace", ""))
    assert places == listed


@pytest.mark.parametrize("scope", ["cluster", "namespaces", "none"])
def test_no_rule_has_a_wildcard_and_hardened_ones_read_no_secrets(scope, helm, chart, tmp_path):
    values = {"rbac": {"tlsSecrets": {"scope": scope}}}
    grants = granted(rules_of(helm, chart, values, tmp_path, kind="ClusterRole"))
    assert not any("*" in part for grant in grants for part in grant)
    assert {verb for _, resource, verb in grants if resource == "secrets"} == (
        set(READ) if scope == "cluster" else set()
    )


def metric_names():
    names = set()
    for family in Metrics().registry.collect():
        names |= {family.name, *(f"{family.name}{end}" for end in ("_total", "_bucket", "_count", "_sum"))}
    return names


@pytest.mark.parametrize("file", ["alerts.yaml", "dashboard.json"])
def test_every_metric_that_alerts_and_dashboard_name_exists(file):
    text = (chart_folder() / "files" / file).read_text()
    named = set(re.findall(r"\bako_[a-z_]+", text))
    assert len(named) >= 5
    assert named <= metric_names()


def queries():
    """Every expression of the alerts and of the dashboard, by where it stands."""
    files = chart_folder() / "files"
    for rule in yaml.safe_load((files / "alerts.yaml").read_text()):
        yield pytest.param(rule["expr"].replace("@NAMESPACE@", "avi-system"), id=rule["alert"])
    for panel in json.loads((files / "dashboard.json").read_text())["panels"]:
        for index, target in enumerate(panel["targets"]):
            expression = target["expr"].replace("$__rate_interval", "5m").replace("$namespace", "avi-system")
            yield pytest.param(expression, id=f"{panel['title']}-{index}")


@pytest.mark.parametrize("expression", list(queries()))
def test_prometheus_would_understand_every_expression(expression):
    assert promql_parser.parse(expression)
