"""`ako csar policy` and `ako csar request`: what TCA needs beside a package."""

import json
import os
from pathlib import Path

import click
import yaml

from ako_builder.archive.writer import write_bytes
from ako_builder.chart.rbac import cluster_rules
from ako_builder.csar.chart_objects import Rule
from ako_builder.csar.instantiate import (
    Site,
    instantiate_body,
    one_component,
    site_problem,
)
from ako_builder.csar.options import FILE
from ako_builder.csar.package_contents import packed_charts
from ako_builder.csar.pod_security import needs_policy
from ako_builder.csar.predecessor import load_predecessor
from ako_builder.csar.request_inputs import helm_components, site_values
from ako_builder.csar.strictyaml import YamlProblem, parse_yaml
from ako_builder.csar.tca_policy import GrantTarget, grant_text, psa_policy, rbac_policy
from ako_builder.release import load_release
from ako_runtime.errors import UserError


@click.command()
@click.argument("file", type=FILE)
@click.option("-o", "--out", type=FILE, default=Path("tca"), show_default=True, help="Folder to write into.")
def policy(*, file: Path, out: Path) -> None:
    """Write what a package needs under TCA's isolation mode Restricted: two policies, and what a grant must name.

    The rights are read from the chart in the package, rendered with Helm where it is at hand.
    """
    before = load_predecessor(file)
    charts = packed_charts(file)
    if len(charts) != 1:
        raise UserError(f"{file}: {len(charts)} charts in it; a policy is written for one")
    chart = charts[0]
    known: list[Rule] = []
    if not chart.certain:
        click.echo(f"ako: {chart.origin}, so not sure: {chart.reason}", err=True)
        if chart.facts.name == load_release().chart.name:
            known = [Rule(groups=(r.group,), resources=r.resources, verbs=r.verbs) for r in cluster_rules()]
    name = chart.facts.name
    target = GrantTarget(
        provider=before.provider,
        product=before.product,
        descriptor_id=before.descriptor_id,
        software_version=before.version,
        descriptor_version=before.descriptor_version,
    )
    for path, text in {
        "policy-rbac.yaml": rbac_policy(chart.objects, name=name, more=known),
        "policy-psa.yaml": psa_policy(chart.objects, name=name),
        "grant.md": grant_text(target, chart.objects, origin=chart.origin),
    }.items():
        write_bytes(out / path, text.encode())
        click.echo(str(out / path))
    needed = needs_policy(chart.objects)
    click.echo(f"needs a policy under Restricted: {needed}" if needed else "needs no policy under Restricted")


@click.command()
@click.argument("file", type=FILE)
@click.option("--values", type=FILE, required=True, help="Values of the site, in YAML; they override the chart's.")
@click.option("--namespace", required=True, help="Namespace to install into.")
@click.option("--repo-url", required=True, help="Repository that holds the chart: oci://… or https://….")
@click.option("--vim", required=True, metavar="ID", help="Id of the VIM connection.")
@click.option("--node-pool", required=True, metavar="ID", help="Id of the node pool.")
@click.option("--helm-name", help="Name of the release (default: the chart's).")
@click.option("--vdu", help="Which Helm VDU, if the package has several.")
@click.option("--username", default="", help="User of the repository.")
@click.option("--password-file", type=FILE, help="File with the password (or AKO_REPO_PASSWORD).")
@click.option("--extension-id", default="", help="Id of the repository as TCA's partner system, instead of a user.")
@click.option("--plain", is_flag=True, help="Write the values as they are, not in base64.")
@click.option("-o", "--out", type=FILE, required=True, help="File to write; readable by you alone.")
def request(  # noqa: PLR0913 - one parameter per option
    *,
    file: Path,
    values: Path,
    namespace: str,
    repo_url: str,
    vim: str,
    node_pool: str,
    helm_name: str | None,
    vdu: str | None,
    username: str,
    password_file: Path | None,
    extension_id: str,
    plain: bool,
    out: Path,
) -> None:
    """Write the body of TCA's instantiation call for a package, from a values file."""
    chosen = one_component(helm_components(file), wanted=vdu)
    site = Site(
        namespace=namespace,
        repo_url=repo_url,
        helm_name=helm_name or chosen[0].chart,
        vim=vim,
        node_pool=node_pool,
        username=username,
        password=_password(password_file) if username else "",
        extension=extension_id,
    )
    problem = site_problem(site)
    if problem:
        raise UserError(problem)
    content = site_values(values)
    for key in _unknown(file, content):
        click.echo(f"ako: {values}: the chart has no value {key!r}", err=True)
    body = instantiate_body(chosen, site=site, values=content, plain=plain)
    write_bytes(out, (json.dumps(body, indent=2, ensure_ascii=False) + "\n").encode(), mode=0o600)
    click.echo(str(out))


def _password(path: Path | None) -> str:
    if path is None:
        return os.environ.get("AKO_REPO_PASSWORD", "")
    try:
        return path.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--password-file {path}: not readable; name a text file") from error


def _unknown(file: Path, content: bytes) -> list[str]:
    """Keys that the chart in the package does not have."""
    given = parse_yaml(content) if content.strip() else {}
    charts = packed_charts(file)
    if len(charts) != 1 or not charts[0].facts.values.strip():
        return []
    facts = charts[0].facts
    try:
        own = parse_yaml(facts.values)
    except (YamlProblem, yaml.YAMLError):
        return []
    return sorted(str(key) for key in set(given) - set(own) - {"global", *facts.subcharts})
