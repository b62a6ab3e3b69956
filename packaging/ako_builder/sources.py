"""Where the builder's data is: release.yaml, the chart, the CSAR and add-on templates.

In a source tree they stand beside this package, in `packaging/`. A wheel carries them as the package
`ako_builder_data`, so that an installed builder can build everything too. Both are plain folders on disk.
"""

from importlib.util import find_spec
from pathlib import Path

from ako_runtime.errors import UserError

_DATA_PACKAGE = "ako_builder_data"


def source(*parts: str) -> Path:
    """Path of a data file or folder; a `UserError` if this installation lacks it."""
    for root in _roots():
        path = root.joinpath(*parts)
        if path.exists():
            return path
    raise UserError(f"{'/'.join(parts)} is not part of this installation: install ako-toolkit[build] again")


def _roots() -> list[Path]:
    roots = [Path(__file__).resolve().parents[1]]
    # A wheel's copy is a package without __init__: it has locations, but neither a file nor an origin.
    spec = find_spec(_DATA_PACKAGE)
    if spec is not None and spec.submodule_search_locations:
        roots += [Path(location) for location in spec.submodule_search_locations]
    return [root for root in roots if (root / "release.yaml").is_file()]
