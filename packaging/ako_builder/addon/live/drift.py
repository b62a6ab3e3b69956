"""What the pin, the locks, the cluster and the Avi Controller say about one AKO, compared; where they differ is drift.

Everything is read from documents: Kubernetes objects of a dump or of a live cluster, ImagesLocks, and the Avi
Controller's `akoamkocluster` objects. Each rule compares two statements about the same thing and says the outcome, also
when they agree: nobody has to guess what was looked at. A rule that found nothing to compare says so, with what it
would have needed; a part that the user may not read is told apart from one that is not there. What declares one version
and runs the bytes of another is found by digests, because a tag and a version are only words.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from ako_builder.addon.admission.webhook import split_reference
from ako_builder.addon.documents import Document, Value
from ako_builder.addon.live.avi_view import Controller, statements
from ako_builder.addon.outputs.relocate import Use
from ako_builder.addon.outputs.tkg import replacing_version
from ako_builder.addon.pins.releases import Compatibility, Tkr
from ako_builder.addon.request import OFFICIAL_PACKAGE
from ako_builder.addon.shapes.chart import CONFIGMAP, intent_of_configmap
from ako_builder.addon.shapes.intent import Intent, is_secret, value_at
from ako_builder.addon.shapes.keys import ROOT
from ako_builder.addon.shapes.tkg import intent_of_package
from ako_builder.addon.versions import PackageVersion, parse_version
from ako_builder.release import Release
from ako_runtime.settings.catalogue import BY_KEY

_ORIGIN: Final = "kbld.carvel.dev/id"
_WORKLOAD: Final = "StatefulSet ako"


Verdict: TypeAlias = Literal["equal", "differs", "not found", "no right to see"]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two statements about the same thing, and whether they agree; `why` says what is bad or what was missing."""

    subject: str
    expected: str = ""
    found: str = ""
    verdict: Verdict = "differs"
    why: str = ""


def _compared(subject: str, expected: str, found: str, *, same: bool, why: str) -> Comparison:
    verdict: Verdict = "equal" if same else "differs"
    return Comparison(subject=subject, expected=expected, found=found, verdict=verdict, why="" if same else why)


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was read: documents, the pin's row if one applies, and the release that ours should be."""

    documents: tuple[Document, ...]
    tkr: Tkr | None = None
    release: Release | None = None
    uses: tuple[Use, ...] = ()
    """Images that chart, CSARs and add-ons of a build refer to."""
    controller: Controller | None = None
    support: Compatibility | None = None
    hidden: tuple[str, ...] = ()
    """What the user was not allowed to read."""

    @property
    def offered(self) -> str | None:
        """The version of ours that the pin offers for the TKr."""
        if self.tkr is None or self.release is None:
            return None
        return self.tkr.offered.resolved(self.release.version)

    def of_kind(self, *kinds: str) -> Iterator[Document]:
        """The documents of some kinds."""
        return (document for document in self.documents if document.get("kind") in kinds)


def comparisons(evidence: Evidence) -> tuple[Comparison, ...]:
    """Everything that was compared, and what could not be."""
    found = [
        comparison
        for rule, subject, missing in _RULES
        for comparison in tuple(rule(evidence))
        or (Comparison(subject=subject, verdict="not found", why=f"not compared: {missing}"),)
    ]
    hidden = (
        Comparison(
            subject=path, verdict="no right to see", why="the user may not read it: what it holds was not compared"
        )
        for path in evidence.hidden
    )
    return (*found, *hidden)


def drift(evidence: Evidence) -> tuple[Comparison, ...]:
    """Everything that does not agree."""
    return tuple(item for item in comparisons(evidence) if item.verdict == "differs")


def _locks(evidence: Evidence) -> Iterator[Comparison]:
    """One digest under several tags, or one tag with several digests."""
    tags: dict[str, set[str]] = defaultdict(set)
    digests: dict[str, set[str]] = defaultdict(set)
    for lock in evidence.of_kind("ImagesLock"):
        for item in lock.get("images") or []:
            name, digest = _parts(item.get("image", ""))
            tag = _tag((item.get("annotations") or {}).get(_ORIGIN, ""))
            if digest and tag:
                tags[f"{name}@{digest}"].add(tag)
                digests[f"{name}:{tag}"].add(digest)
    for image, found in sorted(tags.items()):
        first, *others = sorted(found, key=_order)
        why = "one digest is locked under several versions: the versions differ in name only"
        yield _compared(f"lock of {image}", first, ", ".join(others) or first, same=not others, why=why)
    for image, locked in sorted(digests.items()):
        first, *others = sorted(locked)
        found_digests = ", ".join(others) or first
        yield _compared(f"lock of {image}", first, found_digests, same=not others, why="one tag, several images")


def _platform(evidence: Evidence) -> Iterator[Comparison]:
    """The packages that the cluster's own TKr and ClusterBootstrap name, against the pin's row of that TKr."""
    if evidence.tkr is None:
        return
    title = evidence.tkr.title
    named = [
        (f"TanzuKubernetesRelease {title}", item.get("name", ""))
        for document in evidence.of_kind("TanzuKubernetesRelease")
        if value_at(document, "metadata.name") == title
        for item in value_at(document, "spec.bootstrapPackages") or []
    ]
    named += [
        (f"ClusterBootstrap {value_at(document, 'metadata.name')}", item.get("refName", ""))
        for document in evidence.of_kind("ClusterBootstrap")
        if value_at(document, "status.resolvedTKR") == title
        for item in value_at(document, "spec.additionalPackages") or []
    ]
    for where, reference in named:
        name, version = split_reference(reference)
        expected = _expected_version(evidence, name)
        if expected:
            same = not _differ(version, expected)
            yield _compared(where, expected, version, same=same, why="names another package version than pinned")


def _differ(found: str, expected: str) -> bool:
    try:
        return parse_version(found) != parse_version(expected)
    except ValueError:
        return found != expected


def _installed_version(evidence: Evidence) -> Iterator[Comparison]:
    for install in evidence.of_kind("PackageInstall"):
        if _stands_in(evidence, install):
            continue
        version, expected = value_at(install, "status.version"), _expected_version(evidence, _package_of(install))
        if version and expected:
            where = f"PackageInstall {value_at(install, 'metadata.name')}"
            same = not _differ(version, expected)
            yield _compared(where, expected, version, same=same, why="another package version than pinned")


def _expected_version(evidence: Evidence, name: str) -> str | None:
    if evidence.release is not None and name == evidence.release.addon.package:
        return evidence.offered or evidence.release.version
    if evidence.tkr is not None and name == OFFICIAL_PACKAGE:
        return evidence.tkr.official.package.known()
    return None


def _workload_image(evidence: Evidence) -> Iterator[Comparison]:
    locked = {_parts(item["image"])[1] for lock in evidence.of_kind("ImagesLock") for item in lock.get("images") or []}
    for image in _workload_images(evidence):
        _, digest = _parts(image)
        if digest and locked:
            why = "the workload runs an image that no lock names"
            yield _compared(_WORKLOAD, ", ".join(sorted(locked)), digest, same=digest in locked, why=why)
        tag = _tag(image)
        pinned = evidence.tkr.official.image_tag.known() if evidence.tkr else None
        if tag and pinned and _is_official(evidence):
            same = _same_version(tag, pinned)
            yield _compared(_WORKLOAD, pinned, tag, same=same, why="another image tag than pinned")
        digest_pin = evidence.tkr.official.image_digest.known() if evidence.tkr else None
        if digest and digest_pin and _is_official(evidence):
            yield _compared(_WORKLOAD, digest_pin, digest, same=digest == digest_pin, why="other bytes than pinned")


def _is_official(evidence: Evidence) -> bool:
    installs = tuple(evidence.of_kind("PackageInstall"))
    return not installs or any(
        _package_of(install) == OFFICIAL_PACKAGE and not _stands_in(evidence, install) for install in installs
    )


def _stands_in(evidence: Evidence, install: Document) -> bool:
    """Whether our package is installed under the official name, by a TKr that re-pins."""
    official = evidence.tkr.official_version if evidence.tkr else None
    if official is None or evidence.release is None or _package_of(install) != OFFICIAL_PACKAGE:
        return False
    ours = replacing_version(official, release=evidence.offered or evidence.release.version)
    return str(value_at(install, "status.version")) == str(ours)


def _workload_images(evidence: Evidence) -> list[str]:
    return [
        container["image"]
        for workload in evidence.of_kind("StatefulSet")
        if value_at(workload, "metadata.name") == "ako"
        for container in value_at(workload, "spec.template.spec.containers") or []
        if container.get("name") == "ako"
    ]


def _running_bytes(evidence: Evidence) -> Iterator[Comparison]:
    expected = {digest for image in _workload_images(evidence) if (digest := _parts(image)[1])}
    for pod in evidence.of_kind("Pod"):
        for status in value_at(pod, "status.containerStatuses") or []:
            _, digest = _parts(status.get("imageID", ""))
            if status.get("name") == "ako" and digest and expected:
                where = f"Pod {value_at(pod, 'metadata.name')}"
                why = "the node runs other bytes than the workload asks for"
                yield _compared(where, ", ".join(sorted(expected)), digest, same=digest in expected, why=why)


def _artefacts(evidence: Evidence) -> Iterator[Comparison]:
    """Chart, CSAR and bundle of one build name one image by one digest, and the workload runs that."""
    named: dict[str, dict[str, str]] = defaultdict(dict)
    for use in evidence.uses:
        name, digest = _parts(use.image)
        named[name].setdefault(digest or f"tag {_tag(use.image)}", use.by)
    for name, found in sorted(named.items()):
        (first, by), *others = sorted(found.items())
        said = ", ".join(f"{digest} ({place})" for digest, place in others) or first
        why = "artefacts of one build refer to different images"
        yield _compared(name, f"{first} ({by})", said, same=not others, why=why)
    for image in _workload_images(evidence):
        name, digest = _parts(image)
        known = sorted(item for item in named.get(name, ()) if item.startswith("sha256:"))
        if digest and known:
            why = "the workload runs another image than chart, CSAR and bundle name"
            yield _compared(_WORKLOAD, ", ".join(known), digest, same=digest in known, why=why)


def _declared(evidence: Evidence) -> Iterator[Comparison]:
    """The version that chart, CSAR and package say they are: one, the one that the pin offers, the one installed."""
    said: dict[str, str] = {}
    for use in evidence.uses:
        if use.version:
            said.setdefault(use.version, use.by)
    if said:
        (first, by), *others = sorted(said.items())
        found = ", ".join(f"{version} ({place})" for version, place in others) or first
        why = "artefacts of one build say that they are different versions"
        yield _compared("artefacts", f"{first} ({by})", found, same=not others, why=why)
    for version, by in sorted(said.items()):
        if evidence.offered:
            why = "the artefact is another version than the pin offers"
            yield _compared(by, evidence.offered, version, same=version == evidence.offered, why=why)
    for install in evidence.of_kind("PackageInstall"):
        installed = value_at(install, "status.version")
        ours = evidence.release is not None and _package_of(install) == evidence.release.addon.package
        if ours and said and installed:
            where = f"PackageInstall {value_at(install, 'metadata.name')}"
            why = "another version is installed than chart, CSAR and package are"
            yield _compared(where, ", ".join(sorted(said)), installed, same=installed in said, why=why)


def _package_of(install: Document) -> str:
    return str(value_at(install, "spec.packageRef.refName") or "")


def _settings(evidence: Evidence) -> Iterator[Comparison]:
    """Values that the package was given against what the ConfigMap holds."""
    given = _given(evidence)
    effective = next(
        (
            intent_of_configmap([{**document, "data": _known(document.get("data") or {})}], where=CONFIGMAP)
            for document in evidence.of_kind("ConfigMap")
            if value_at(document, "metadata.name") == CONFIGMAP
        ),
        None,
    )
    if given is None or effective is None:
        return
    for name, value in given.values.items():
        if name in effective.values and not is_secret(name):
            why = "the ConfigMap does not hold what the package was given"
            held = effective.values[name]
            yield _compared(name, _shown(value), _shown(held), same=held == value, why=why)


def _known(data: dict[str, str]) -> dict[str, str]:
    """The keys of a ConfigMap that we know: a foreign release may have others."""
    return {key: text for key, text in data.items() if key in BY_KEY}


def _given(evidence: Evidence) -> Intent | None:
    for secret in evidence.of_kind("Secret"):
        if f"{ROOT}:" in ((secret.get("stringData") or {}).get("values.yaml") or ""):
            return intent_of_package(secret, where=f"Secret {value_at(secret, 'metadata.name')}")
    return None


def _reported(evidence: Evidence) -> Iterator[Comparison]:
    """What the Avi Controller believes to be talking to it."""
    tags = [tag for image in _workload_images(evidence) if (tag := _tag(image))]
    kubernetes = evidence.tkr.kubernetes.known() if evidence.tkr else None
    for report in _reports(evidence):
        version = value_at(report, "version_info.ako_amko_version")
        if version and tags:
            why = "the Avi Controller reports another AKO version than the workload's image"
            same = any(_same_version(version, tag) for tag in tags)
            yield _compared("Avi Controller", ", ".join(tags), str(version), same=same, why=why)
        platform = value_at(report, "version_info.kubernetes_version")
        if platform and kubernetes:
            why = "the Avi Controller reports another Kubernetes version than the TKr's"
            same = _same_version(platform, kubernetes)
            yield _compared("Avi Controller", kubernetes, str(platform), same=same, why=why)


def _reports(evidence: Evidence) -> list[Document]:
    """The controller's reports (`akoamkocluster`) of this cluster: a controller serves many, and AMKO reports too."""
    reports = [
        document
        for document in evidence.documents
        if document.get("version_info") and document.get("cluster_type") != "CLUSTER_TYPE_AMKO"
    ]
    cluster = (_config_map(evidence).get("data") or {}).get("clusterName")
    if cluster:
        return [
            item
            for item in reports
            if item.get("name") in (None, cluster) or item.get("created_by") == f"ako-{cluster}"
        ]
    # Without the cluster's name nobody can say which of several reports is about it.
    return reports if len(reports) == 1 else []


def _config_map(evidence: Evidence) -> Document:
    return next((item for item in evidence.of_kind("ConfigMap") if value_at(item, "metadata.name") == CONFIGMAP), {})


def _controller(evidence: Evidence) -> Iterator[Comparison]:
    """What the Avi Controller is and holds, against what the ConfigMap says of it."""
    if evidence.controller is None:
        return
    config = _config_map(evidence)
    rows = [
        row
        for image in _workload_images(evidence)
        if evidence.support and (version := _version(_tag(image))) and (row := evidence.support.of(version))
    ]
    for item in statements(
        evidence.controller,
        config=config.get("data") or {},
        namespace=value_at(config, "metadata.namespace") or "",
        supported=rows[0].avi if rows else None,
    ):
        subject = f"Avi Controller {evidence.controller.host}"
        yield _compared(subject, item.expected, item.found, same=item.same, why=item.why)


_Rule: TypeAlias = Callable[[Evidence], Iterator[Comparison]]
_RULES: Final[Sequence[tuple[_Rule, str, str]]] = (
    (_locks, "image locks", "no ImagesLock with digests and tags was read"),
    (_platform, "packages of the platform", "no --tkg and --tkr, or the pin and what was read share no package"),
    (_installed_version, "installed package", "no PackageInstall with a version, or no version is pinned for it"),
    (_workload_image, "image of the workload", "no StatefulSet ako, or neither a lock nor a pin for its image"),
    (_running_bytes, "running image", "no pod of AKO, or the StatefulSet names its image by tag alone"),
    (_artefacts, "images of the artefacts", "no chart, CSAR or bundle was read (--artefacts)"),
    (_declared, "versions of the artefacts", "no chart, CSAR or package was read (--artefacts)"),
    (_settings, "settings", "not both the values of the package and the ConfigMap were read"),
    (_reported, "versions that the controller reports", "no akoamkocluster of this cluster (Avi 32.1.4 and later)"),
    (_controller, "Avi Controller", "no controller was read (--controller), or no ConfigMap that says anything of it"),
)
"""Each rule, what it is about, and what it lacks where it compares nothing."""


def _same_version(left: str, right: str) -> bool:
    one, other = _version(left), _version(right)
    return one is None or other is None or one.numbers == other.numbers


def _version(text: str) -> PackageVersion | None:
    try:
        return parse_version(text)
    except ValueError:
        return None


def _order(tag: str) -> tuple[tuple[int, ...], str]:
    version = _version(tag)
    return (version.numbers if version else (), tag)


def _parts(image: str) -> tuple[str, str]:
    name, _, digest = image.partition("@")
    return re.sub(r":[^/:]+$", "", name), digest


def _tag(image: str) -> str:
    match = re.search(r":([^/:@]+)(?:@|$)", image.partition("@")[0])
    return match[1] if match else ""


def _shown(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)
