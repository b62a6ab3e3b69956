"""Rules about TOSCA.meta, the manifest and the files that they name."""

import re
from collections.abc import Collection, Iterator, Mapping

import msgspec

from ako_builder.archive.container import Container, Unreadable
from ako_builder.csar.manifest import Manifest, parse_manifest
from ako_builder.csar.meta import MAX_META, PATH, Meta, other_definitions, parse_meta
from ako_builder.csar.rules import Finding, at_most

# A hundred bytes and a digest for each of the entries that a package may have.
MAX_MANIFEST = 16 << 20
_META_RULES = {
    "encoding": "META-004",
    "grammar": "META-013",
    "duplicate-key": "META-007",
    "colon": "META-010",
    "separator": "META-015",
    "later-block": "META-016",
}
_MANIFEST_RULES = {
    "label": "MF-018",
    "second-signature": "MF-016",
    "trailing": "MF-017",
    "newlines": "MF-015",
    "encoding": "MF-024",
    "long-line": "MF-019",
    "grammar": "MF-022",
    "duplicate-key": "MF-023",
    "order": "MF-007",
}
_ALGORITHMS = {"SHA-256": 64, "SHA-512": 128, "SHA-384": 96}
_ACCEPTED = {"SHA-256", "SHA-512"}
_DATE = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_VNF_KEYS = {
    "vnfd_id",
    "vnf_provider_id",
    "vnf_product_name",
    "vnf_release_date_time",
    "vnf_software_version",
    "vnf_package_version",
    "vnfm_info",
    "compatible_specification_versions",
}
_OLD_KEYS = {"vnf_provider_id", "vnf_product_name", "vnf_release_date_time", "vnf_package_version"}
_PNF_KEYS = {"pnfd_name", "pnfd_provider", "pnfd_archive_version", "pnfd_release_date_time"}
_ASD_KEYS = {"application_name", "application_provider", "release_date_time", "entry_definition_type"}


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Where the parts of a package are."""

    meta: Meta | None
    entry: str | None
    manifest_path: str | None
    manifest: Manifest | None
    findings: tuple[Finding, ...]

    @property
    def others(self) -> tuple[str, ...]:
        """Further definitions that TOSCA.meta names."""
        return other_definitions(self.meta.keys) if self.meta else ()


def layout(container: Container) -> Layout:
    """Find descriptor and manifest, as SOL004 says, with TOSCA.meta or without."""
    findings: list[Finding] = []
    meta = _meta(container, findings=findings)
    if meta is not None:
        findings += at_most(_meta_findings(meta, container=container))
        entry = _file(meta.keys.get("Entry-Definitions"), container=container)
        stated = meta.keys.get("ETSI-Entry-Manifest") or meta.keys.get("Entry-Manifest")
        path = _file(stated, container=container) or _root_manifest(container, entry=entry)
    else:
        entry = _root_definitions(container, findings=findings)
        path = _root_manifest(container, entry=entry)
    manifest = None
    if path is None:
        findings.append(Finding(rule="MF-001", where=container.path.name, text="no .mf file"))
    elif container.entries[path].size > MAX_MANIFEST:
        text = f"{container.entries[path].size} bytes (at most {MAX_MANIFEST})"
        findings.append(Finding(rule="MF-028", where=path, text=text))
    else:
        try:
            manifest = parse_manifest(container.read(path, limit=MAX_MANIFEST), known=container.entries)
            findings += at_most(_manifest_findings(manifest, path=path, container=container, entry=entry))
        except Unreadable as error:
            findings.append(Finding(rule=error.rule, where=path, text=str(error)))
    findings += _other_manifests(container, path=path)
    return Layout(meta=meta, entry=entry, manifest_path=path, manifest=manifest, findings=tuple(findings))


# -- TOSCA.meta ------------------------------------------------------------------------------------------------------


def _meta(container: Container, *, findings: list[Finding]) -> Meta | None:
    if PATH not in container.entries:
        other = next((name for name in container.entries if name.lower() == PATH.lower()), None)
        if other is not None:
            findings.append(Finding(rule="META-012", where=other, text=f"{other} instead of {PATH}"))
        return None
    if container.entries[PATH].size > MAX_META:
        text = f"{container.entries[PATH].size} bytes"
        findings.append(Finding(rule="META-003", where=PATH, text=text))
        return None
    try:
        return parse_meta(container.read(PATH, limit=MAX_META))
    except Unreadable as error:
        findings.append(Finding(rule=error.rule, where=PATH, text=str(error)))
        return None


def _meta_findings(meta: Meta, *, container: Container) -> Iterator[Finding]:
    for flaw in meta.flaws:
        yield Finding(rule=_META_RULES[flaw.code], where=PATH, text=flaw.text, line=flaw.line)
    keys = meta.keys
    if "Entry-Definitions" not in keys:
        yield Finding(rule="META-005", where=PATH, text="the key is not there")
    if {keys.get("TOSCA-Meta-File-Version"), keys.get("CSAR-Version")} - {"1.0", "1.1"}:
        versions = f"{keys.get('TOSCA-Meta-File-Version')} and {keys.get('CSAR-Version')}"
        yield Finding(rule="META-009", where=PATH, text=f"TOSCA-Meta-File-Version and CSAR-Version are {versions}")
    elif keys["TOSCA-Meta-File-Version"] == "1.1":
        yield Finding(rule="META-020", where=PATH, text="TOSCA-Meta-File-Version is 1.1")
    if not (
        {"ETSI-Entry-Manifest", "Entry-Manifest"} & set(keys)
        and {"ETSI-Entry-Change-Log", "Entry-Change-Log"} & set(keys)
    ):
        yield Finding(rule="META-014", where=PATH, text="manifest or change log is not named")
    other = keys.get("Other-Definitions", "")
    if " " in other or "," in other:
        yield Finding(rule="META-011", where=PATH, text=other)
    for name in other_definitions(keys):
        if _file(name, container=container) is None:
            yield Finding(rule="META-006", where=PATH, text=f"Other-Definitions: {name}")
    yield from _entry_findings(keys, container=container)


def _entry_findings(keys: Mapping[str, str], *, container: Container) -> Iterator[Finding]:
    folders = container.folders
    for key, value in keys.items():
        if key.startswith("Entry-") and keys.get(f"ETSI-{key}", value) != value:
            yield Finding(rule="META-008", where=PATH, text=f"{key} is {value}, ETSI-{key} is {keys[f'ETSI-{key}']}")
        name = key.removeprefix("ETSI-")
        if name in {"Entry-Tests", "Entry-Licenses"}:
            if value.rstrip("/") not in folders and value not in container.entries:
                yield Finding(rule="META-006", where=PATH, text=f"{key}: {value}")
        elif name.startswith("Entry-") and _file(value, container=container) is None:
            yield Finding(rule="META-006", where=PATH, text=f"{key}: {value}")


def _file(path: str | None, *, container: Container) -> str | None:
    """The path, if it is a file of the package."""
    return path if path and not path.endswith("/") and path in container.entries else None


def _root_definitions(container: Container, *, findings: list[Finding]) -> str | None:
    found = [name for name in container.entries if "/" not in name and name.endswith((".yaml", ".yml"))]
    if len(found) == 1:
        return found[0]
    where = container.path.name
    if not any(finding.rule in {"META-003", "META-012"} for finding in findings):
        rule = "META-002" if found else "META-001"
        findings.append(Finding(rule=rule, where=where, text=f"{len(found)} YAML files at the root, no {PATH}"))
    return None


def _root_manifest(container: Container, *, entry: str | None) -> str | None:
    """A manifest at the root: that of the descriptor's base name, or the only one."""
    found = [name for name in container.entries if "/" not in name and name.endswith(".mf")]
    if entry is not None:
        base = entry.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        if f"{base}.mf" in found:
            return f"{base}.mf"
    return found[0] if len(found) == 1 else None


def _other_manifests(container: Container, *, path: str | None) -> Iterator[Finding]:
    """Manifests that another reader may take, because they lie where it looks."""
    folders = {"", *(path.rpartition("/")[:1] if path else ())}
    for name in container.entries:
        if name != path and name.lower().endswith(".mf") and path and name.rpartition("/")[0] in folders:
            yield Finding(rule="MF-029", where=name, text=f"besides {path}")


# -- manifest --------------------------------------------------------------------------------------------------------


def _manifest_findings(manifest: Manifest, *, path: str, container: Container, entry: str | None) -> Iterator[Finding]:
    yield from manifest_flaws(manifest, path=path)
    yield from _metadata_findings(manifest, path=path)
    yield from source_findings(manifest, path=path, container=container)
    if entry is not None:
        bases = {name.rsplit("/", 1)[-1].rsplit(".", 1)[0] for name in (entry, path)}
        if len(bases) > 1:
            yield Finding(rule="MF-025", where=path, text=f"{path} and {entry}")


def _metadata_findings(manifest: Manifest, *, path: str) -> Iterator[Finding]:
    keys = set(manifest.metadata)
    if not keys:
        yield Finding(rule="MF-002", where=path, text="the manifest does not begin with metadata")
        return
    generations = (_VNF_KEYS, _OLD_KEYS, _PNF_KEYS, {*_PNF_KEYS, "compatible_specification_versions"}, _ASD_KEYS)
    if keys not in generations:
        nearest = _VNF_KEYS if keys & (_VNF_KEYS - _OLD_KEYS) else _OLD_KEYS
        missing = ", ".join(sorted(nearest - keys)) or "nothing"
        surplus = ", ".join(sorted(keys - nearest)) or "nothing"
        yield Finding(rule="MF-003", where=path, text=f"missing: {missing}; unknown here: {surplus}")
    empty = [key for key, value in manifest.metadata.items() if not value]
    if empty:
        yield Finding(rule="MF-026", where=path, text=", ".join(empty))
    for key in ("vnf_release_date_time", "pnfd_release_date_time", "release_date_time"):
        value = manifest.metadata.get(key)
        if value and not _DATE.fullmatch(value):
            yield Finding(rule="MF-020", where=path, text=f"{key} is {value!r}")


def manifest_flaws(manifest: Manifest, *, path: str) -> Iterator[Finding]:
    """Breaches of the manifest's grammar."""
    for flaw in manifest.flaws:
        yield Finding(rule=_MANIFEST_RULES[flaw.code], where=path, text=flaw.text, line=flaw.line)


def source_findings(manifest: Manifest, *, path: str, container: Container) -> Iterator[Finding]:
    """Whether the manifest lists exactly the files that are there, each properly."""
    if not manifest.digests:
        yield Finding(rule="MF-027", where=path, text="no Source with a Hash")
        if not manifest.undigested:
            return
    seen: dict[str, str] = {}
    for digest in manifest.digests:
        where = {"where": path, "line": digest.line}
        rule = _source_rule(digest.source)
        if rule:
            yield Finding(rule=rule, text=digest.source, **where)  # type: ignore[arg-type]
            continue
        if digest.source in seen:
            same = "with the same hash" if seen[digest.source] == digest.value else "with two hashes"
            yield Finding(rule="MF-006", text=f"{digest.source} {same}", **where)  # type: ignore[arg-type]
        seen[digest.source] = digest.value
        if digest.source == path:
            yield Finding(rule="MF-013", text=path, **where)  # type: ignore[arg-type]
        elif digest.source not in container.entries:
            yield Finding(rule="MF-004", text=digest.source, **where)  # type: ignore[arg-type]
        if digest.algorithm not in _ACCEPTED:
            yield Finding(rule="MF-008", text=f"{digest.source}: {digest.algorithm}", **where)  # type: ignore[arg-type]
        elif not re.fullmatch(rf"[0-9a-f]{{{_ALGORITHMS[digest.algorithm]}}}", digest.value):
            yield Finding(rule="MF-009", text=f"{digest.source}: {digest.value[:20]}", **where)  # type: ignore[arg-type]
    yield from _undigested_findings(seen, manifest=manifest, path=path, container=container)
    yield from _unlisted(seen, manifest=manifest, path=path, container=container)


def _undigested_findings(
    digested: Collection[str], *, manifest: Manifest, path: str, container: Container
) -> Iterator[Finding]:
    """Files that are listed without a digest; where the manifest has no digest at all, MF-027 says it for all."""
    named = {entry.source for entry in manifest.artifacts}
    for name, line in manifest.undigested:
        rule = _source_rule(name)
        if rule is None and name not in container.entries:
            rule = "MF-004"
        if rule is not None:
            yield Finding(rule=rule, where=path, text=name, line=line)
        # No file can hold its own digest: a manifest that lists itself without one says all that it can.
        elif manifest.digests and name != path and name not in digested and name not in named:
            yield Finding(rule="MF-030", where=path, text=name, line=line)


def _source_rule(source: str) -> str | None:
    lowered = source.lower()
    if lowered.startswith(("http://", "https://")):
        return "MF-011" if "//169.254." in lowered or "//localhost" in lowered or "//127." in lowered else "MF-012"
    if "://" in source or source.startswith("\\\\") or lowered.startswith("file:"):
        return "MF-011"
    if source.startswith("/") or ".." in source.split("/") or "\\" in source:
        return "MF-010"
    return None


def _unlisted(listed: Collection[str], *, manifest: Manifest, path: str, container: Container) -> Iterator[Finding]:
    # A file that is signed for itself needs no digest; what signs it does: PEM tolerates any text around it.
    named = {entry.source for entry in manifest.artifacts}
    bare = {name for name, _ in manifest.undigested}
    for name in container.entries:
        if name in listed or name in bare or name in named or name == path or name.endswith("/"):
            continue
        rule = "MF-014" if name == PATH else "MF-005"
        yield Finding(rule=rule, where=path, text=name)
    for name, sources in manifest.sets.items():
        for source in sources:
            if source not in container.entries and _source_rule(source) is None:
                yield Finding(rule="MF-004", where=path, text=f"{source} (set {name})")


def digest_findings(manifest: Manifest, *, path: str, digests: Mapping[str, Mapping[str, str]]) -> Iterator[Finding]:
    """Compare the manifest's hashes with what the files have."""
    for digest in manifest.digests:
        found = digests.get(digest.source, {}).get(digest.algorithm)
        if found is not None and found != digest.value.lower():
            text = f"{digest.source} has {found[:16]}…, the manifest says {digest.value[:16]}…"
            yield Finding(rule="MF-021", where=path, text=text, line=digest.line)
