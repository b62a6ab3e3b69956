"""Provenance: an in-toto statement that says what is in the package and from what it was made.

The subjects are the files of the package with their digests; the package itself cannot be one, for the statement is
in it. The predicate is SLSA provenance v1, reduced to what is true of a local, reproducible build: the builder's name
and version, the profile, the chart as the only material. Like everything else in the package the statement is covered
by a digest in the signed manifest, so it needs no signature of its own.
"""

import json
from collections.abc import Iterable

from ako_builder.archive.writer import Written
from ako_builder.csar.identity import Identity


def provenance(
    identity: Identity,
    *,
    profile: str,
    chart: str,
    chart_sha256: str,
    files: Iterable[Written],
    tool_version: str,
) -> bytes:
    """The statement, as one line of JSON."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": file.name, "digest": {"sha256": file.sha256}} for file in files],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://ako-toolkit.example.org/csar/v1",
                "externalParameters": {
                    "profile": profile,
                    "provider": identity.provider,
                    "product": identity.product,
                    "version": identity.version,
                },
                "resolvedDependencies": [{"name": chart, "digest": {"sha256": chart_sha256}}],
            },
            "runDetails": {
                "builder": {"id": "https://ako-toolkit.example.org/", "version": {"ako-toolkit": tool_version}}
            },
        },
    }
    return json.dumps(statement, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
