"""Opening a package to work with it: structurally sound, or not at all.

Commands that copy, convert or unpack do not work on archives that two programs could read differently; whoever wants to
know what is wrong with one runs `verify`. For an archive of option 2 the inner package is opened.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ako_builder.archive.container import Container, Limits
from ako_builder.csar.rules import rules
from ako_builder.csar.verify import inner_container, is_option2
from ako_runtime.errors import UserError


@contextmanager
def opened_package(path: Path, *, limits: Limits | None = None) -> Iterator[Container]:
    """Open the package itself, inside its outer archive or not."""
    with Container(path, limits=limits) as outer:
        _refuse_broken(outer)
        if not is_option2(outer):
            yield outer
            return
        packages = [name for name in outer.entries if name.endswith(".csar")]
        if len(packages) != 1:
            raise UserError(f"{path}: {len(packages)} packages in it; 'ako csar verify' says what is wrong")
        with inner_container(outer, packages[0]) as inner:
            _refuse_broken(inner)
            yield inner


def _refuse_broken(container: Container) -> None:
    for breach in container.breaches:
        if rules()[breach.rule].level == "error":
            raise UserError(f"{container.path}: {breach.rule} {breach.where}: {breach.text}; see 'ako csar verify'")
