"""Turning a tree of the repository into that of a release: version, date, change log, generated files.

The tree is a clone made for the purpose, so only committed files take part, and nothing here can damage a checkout.
"""

import datetime as dt
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from ako_builder.archive.writer import write_bytes
from ako_builder.publishing.changelog import Fragment, load_fragments, published_changes, release_notes, with_notes
from ako_builder.publishing.distributions import run
from ako_builder.yaml_text import yaml_text
from ako_runtime.errors import UserError

VERSION: Final = re.compile(r"\d+\.\d+\.\d+(-(alpha|beta|rc)\.\d+)?")
_INTRODUCTION: Final = (
    "# Change log\n\n"
    "What changes for users, newest release first. Each section is made of the fragments in docs/changelog.\n"
)


def cloned(repository: Path, *, folder: Path) -> str:
    """Clone what is committed; gives the commit. Changes that are not committed are a `UserError`."""
    git = ["git", "-C", str(repository)]
    if run([*git, "status", "--porcelain", "--untracked-files=no"]).strip():
        raise UserError(f"{repository} has changes that are not committed: commit or stash them")
    run(["git", "clone", "--quiet", "--no-hardlinks", "--no-tags", str(repository), str(folder)])
    return run([*git, "rev-parse", "HEAD"]).strip()


def prepare(tree: Path, *, version: str, date: dt.date) -> str:
    """Write version, date and changes into a tree and remove the fragments; gives the notes of the release."""
    folder = tree / "docs/changelog"
    fragments = load_fragments(folder)
    notes = release_notes(fragments, version=version, date=date)
    _replace(tree / "ako_runtime/__init__.py", r'(?m)^__version__ = ".*"$', f'__version__ = "{version}"')
    _describe(tree / "packaging/release.yaml", fragments, date=date)
    changelog = tree / "CHANGELOG.md"
    older = changelog.read_text(encoding="utf-8") if changelog.exists() else _INTRODUCTION
    write_bytes(changelog, with_notes(older, notes).encode())
    for fragment in fragments:
        (folder / f"{fragment.topic}.{fragment.kind}.md").unlink()
    return notes


def generate(tree: Path) -> None:
    """Write the generated files of the chart anew, by the code of the tree."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tree), str(tree / "packaging")))}
    run([sys.executable, "-m", "ako_runtime", "chart", "docs"], environment=environment, folder=tree)


def commit(tree: Path, *, version: str, epoch: int) -> None:
    """Record the release as a commit and a tag `vVERSION` in the clone."""
    when = f"{epoch} +0000"
    git = ["git", "-C", str(tree), "-c", "user.name=ako-toolkit", "-c", "user.email="]
    run([*git, "add", "--all"])
    run(
        [*git, "commit", "--quiet", "--allow-empty", "-m", f"release: {version}", f"--date={when}"],
        environment={**os.environ, "GIT_COMMITTER_DATE": when},
    )
    run([*git, "tag", f"v{version}"])


def _describe(path: Path, fragments: Sequence[Fragment], *, date: dt.date) -> None:
    _replace(path, r"(?m)^date: .*$", f"date: {date.isoformat()}")
    text = re.sub(r"(?ms)^\n?# What is new[^\n]*\nchanges:.*\Z", "", path.read_text(encoding="utf-8")).rstrip() + "\n"
    changes = msgspec.to_builtins(published_changes(fragments))
    text += "\n# What is new, as Artifact Hub shows it. Written by scripts/release.\n" + yaml_text({"changes": changes})
    write_bytes(path, text.encode())


def _replace(path: Path, pattern: str, text: str) -> None:
    changed, count = re.subn(pattern, text, path.read_text(encoding="utf-8"))
    if count != 1:
        raise UserError(f"{path}: '{pattern}' stands {count} times; it must stand once")
    write_bytes(path, changed.encode())
