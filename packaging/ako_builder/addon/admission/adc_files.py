"""AKODeploymentConfigs in the files that users give: judged before they are read as settings.

What the CRD or the webhook would refuse is refused here with file, line and key, before anything is made of it. What is
only missing so far is no reason: settings may be taken from an ADC that is not finished.
"""

from collections.abc import Sequence
from pathlib import Path

from ako_builder.addon.admission.webhook import Violation, adc_violations
from ako_builder.addon.documents import Document, load_documents, located_at
from ako_runtime.errors import UserError


def load_adcs(path: Path, *, operator: str) -> tuple[tuple[Document, ...], tuple[str, ...]]:
    """The documents in a file of ADCs, and what remains to be said of them; Secrets that it brings are left out."""
    # The Secrets that a sample brings along are no settings.
    judged = [item for item in enumerate(load_documents(path)) if item[1].get("kind") != "Secret"]
    remarks = [
        remark for index, document in judged for remark in _judged(document, operator=operator, path=path, index=index)
    ]
    return tuple(document for _, document in judged), tuple(remarks)


def _judged(document: Document, *, operator: str, path: Path, index: int) -> tuple[str, ...]:
    """Refuse an ADC that the CRD or the webhook would refuse; what is only missing so far is a remark."""
    violations = adc_violations(document, version=operator)
    wrong = [item for item in violations if not item.missing]
    if wrong:
        first, *others = wrong
        more = f" (and {len(others)} more: see 'ako addon validate')" if others else ""
        place = located_at(path, first.path, index=index)
        raise UserError(f"{place}: {first.path}: the {first.judge} would refuse it: {first.why}{more}")
    return unfinished(violations)


def unfinished(violations: Sequence[Violation]) -> tuple[str, ...]:
    """A remark on what an ADC lacks; none if it lacks nothing."""
    paths = ", ".join(item.path for item in violations if item.missing)
    return (f"note: the ADC cannot be applied before it has {paths}",) if paths else ()
