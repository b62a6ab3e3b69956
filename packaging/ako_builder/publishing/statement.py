"""What a release says of its origin: an in-toto statement with SLSA's predicate of provenance, version 1.

The subjects are the files of the release with their digests; the predicate names the commit and every pinned input.
Nothing in it depends on the clock or the machine, so two runs give the same statement, and a third party who repeats
the build can compare. Sources: https://in-toto.io/Statement/v1, https://slsa.dev/spec/v1.0/provenance.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Final

from ako_builder.image.lock import Lock
from ako_builder.release import Release

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_PREDICATE: Final = "https://slsa.dev/provenance/v1"


def provenance_statement(
    subjects: Mapping[str, str], *, release: Release, version: str, commit: str, epoch: int, lock: Lock
) -> bytes:
    """The statement as JSON; `subjects` are names with their SHA-256, `commit` is what the release was made of."""
    document = {
        "_type": _STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(subjects.items())],
        "predicateType": _PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": f"{release.home}/release/v1",
                "externalParameters": {"version": version, "sourceDateEpoch": epoch},
                "internalParameters": {},
                "resolvedDependencies": [
                    {"uri": f"git+{release.home}", "digest": {"gitCommit": commit}},
                    *_inputs(lock),
                ],
            },
            "runDetails": {"builder": {"id": f"{release.home}/scripts/release"}},
        },
    }
    return json.dumps(document, indent=2, sort_keys=True).encode() + b"\n"


def _inputs(lock: Lock) -> Iterable[dict[str, object]]:
    pins = {pin.sha256: pin for pins in lock.platforms.values() for pin in pins}
    for digest, pin in sorted(pins.items(), key=lambda item: (item[1].file, item[0])):
        yield {"name": pin.file, "digest": {"sha256": digest}}
