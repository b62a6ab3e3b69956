"""Unpacking, safely: only a sound package, only below the folder, only what its digests promise.

The package is read twice: once to make sure that every file has the digest that the manifest states, once to write. A
package whose digests do not hold is not unpacked unless the user insists.
"""

from collections.abc import Callable
from pathlib import Path

from ako_builder.archive.container import Unreadable
from ako_builder.archive.writer import replaced
from ako_builder.csar.check_package import digest_findings, layout
from ako_builder.csar.digesting import member_digests
from ako_builder.csar.opened import opened_package
from ako_runtime.errors import UserError


def extract_csar(
    source: Path, *, target: Path, force: bool = False, progress: Callable[[int], None] | None = None
) -> tuple[str, ...]:
    """Unpack into an empty or new folder; the names of the files."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target}: not an empty folder; name a new one")
    with opened_package(source) as container:
        parts = layout(container)
        names = [name for name in container.entries if not name.endswith("/")]
        if parts.manifest is not None and parts.manifest_path is not None and not force:
            wanted = {name: frozenset({"SHA-256", "SHA-512"}) for name in names}
            found = member_digests(container, wanted=wanted)
            digests = {name: item.digests for name, item in found.items()}
            problem = next(digest_findings(parts.manifest, path=parts.manifest_path, digests=digests), None)
            if problem is not None:
                raise UserError(f"{source}: {problem.rule} {problem.text}; not unpacked, --force insists")
        root = target.resolve()
        for entry in container.entries.values():
            path = (root / entry.name).resolve()
            if not path.is_relative_to(root):
                raise UserError(f"{source}: {entry.name!r} leaves the folder; not unpacked")
            if entry.is_folder:
                path.mkdir(parents=True, exist_ok=True)
                continue
            try:
                with replaced(path, mode=0o755 if entry.mode & 0o100 else 0o644) as stream:
                    for chunk in container.chunks(entry):
                        stream.write(chunk)
                        if progress:
                            progress(len(chunk))
            except Unreadable as error:
                raise UserError(f"{source}: {entry.name}: {error}; fetch the package again") from error
    return tuple(names)
