"""`ako csar verify` and `ako csar rules`."""

from pathlib import Path
from typing import Any

import click

from ako_builder.archive.container import Limits
from ako_builder.csar.options import FILE, taken_trust, trust_options
from ako_builder.csar.progress import progress_bar
from ako_builder.csar.render_report import FORMATS, rendered
from ako_builder.csar.rules import POLICIES, rules_page
from ako_builder.csar.rules import rules as known_rules
from ako_builder.csar.verify import AUTO, verify_csar
from ako_builder.sbom.xml import load_bom_schema
from ako_runtime.cli import EXIT_FINDINGS, print_rows
from ako_runtime.errors import UserError


@click.command()
@click.argument("file", type=FILE)
@trust_options
@click.option(
    "--policy",
    type=click.Choice([AUTO, *POLICIES]),
    default=AUTO,
    show_default=True,
    help="How strict to be; auto: tca for a descriptor in TCA's dialect, else strict.",
)
@click.option("-o", "--output", type=click.Choice(FORMATS), default="text", show_default=True, help="How to print.")
@click.option("--max-entries", default=Limits().entries, show_default=True, help="Entries that are believed.")
@click.option("--max-total", default=Limits().total >> 20, show_default=True, help="MiB unpacked that are believed.")
@click.option("--bom-schema", type=FILE, help="XSD for bills of materials in XML (default: our own, of few rules).")
def verify(
    *,
    file: Path,
    policy: str,
    output: str,
    max_entries: int,
    max_total: int,
    bom_schema: Path | None,
    **trust: Any,  # noqa: ANN401
) -> int:
    """Verify a package: structure, digests, signature, descriptor, and that all parts agree.

    Nothing is unpacked and nothing is fetched. Exit code 1 means that there are errors under the policy.
    """
    anchors = taken_trust(trust)
    limits = Limits(entries=max_entries, total=max_total << 20)
    schema = load_bom_schema(bom_schema) if bom_schema is not None else None
    size = file.stat().st_size if file.is_file() else 0
    with progress_bar(f"verify {file.name}", total=size) as progress:
        report = verify_csar(file, trust=anchors, policy=policy, limits=limits, bom_schema=schema, progress=progress)
    click.echo(rendered(report, form=output), nl=False)
    return 0 if report.good else EXIT_FINDINGS


def _rules_from(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Ids that a shell completes."""
    return [name for name in known_rules() if name.startswith(begun.upper())]


@click.command()
@click.argument("rule", required=False, shell_complete=_rules_from)
@click.option(
    "-o", "--output", type=click.Choice(["table", "json", "markdown"]), default="table", show_default=True, help="How."
)
def rules(*, rule: str | None, output: str) -> None:
    """List the rules of verify, or explain one."""
    if output == "markdown":
        click.echo(rules_page(), nl=False)
        return
    known = known_rules()
    if rule is not None and rule.upper() not in known:
        raise UserError(f"rule '{rule}' is not known: 'ako csar rules' lists them")
    chosen = [known[rule.upper()]] if rule else list(known.values())
    rows = [
        {
            "rule": item.id,
            "levels": "/".join(item.level_under(policy) for policy in POLICIES),
            "grade": item.grade,
            "title": item.title,
            **(
                {"remedy": item.remedy, "absent": item.absent, "clause": item.clause}
                if rule or output == "json"
                else {}
            ),
        }
        for item in chosen
    ]
    if rule and output == "table":
        for key, value in rows[0].items():
            click.echo(f"{key + ':':<9}{value}")
        return
    print_rows(rows, output=output)
