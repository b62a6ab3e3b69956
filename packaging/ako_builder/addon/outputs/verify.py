"""Is an add-on folder sound? Read back from its bytes, not from the values that it was made of.

Digests: the references in Package and PackageRepository are those of the layouts beside them, every blob has the digest
of its name, every image in the lock is a digest. Names: what is referred to is there under that name. Judgement: what
goes to TKG would pass its admission.
"""

import hashlib
from collections.abc import Iterator, Mapping

from ako_builder.addon.admission.webhook import adc_violations
from ako_builder.addon.documents import Document, parse_documents, value_of_json
from ako_builder.addon.outputs.bundle import unpacked_tar
from ako_builder.addon.shapes.intent import value_at
from ako_builder.addon.shapes.keys import LATEST_OPERATOR
from ako_builder.release import Release


def faults(files: Mapping[str, bytes], *, release: Release) -> tuple[str, ...]:
    """Everything that is wrong with the files of an add-on folder."""
    broken = tuple(reference_faults(files))
    # What stands in a broken layout cannot be read.
    return broken or (*_carvel(files, release=release), *_tkg(files))


def layer_files(files: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    """The files in the only layer of the layout in `folder`."""
    manifest = _manifest(files, folder)
    layer = manifest["layers"][0]["digest"].removeprefix("sha256:")
    return unpacked_tar(files[f"{folder}/blobs/sha256/{layer}"])


def layout_digest(files: Mapping[str, bytes], folder: str) -> str:
    """The digest of the manifest of the layout in `folder`."""
    index = value_of_json(files[f"{folder}/index.json"])
    return str(index["manifests"][0]["digest"])


def _manifest(files: Mapping[str, bytes], folder: str) -> Document:
    digest = layout_digest(files, folder).removeprefix("sha256:")
    return value_of_json(files[f"{folder}/blobs/sha256/{digest}"])


def _layouts(files: Mapping[str, bytes]) -> Iterator[str]:
    for name, content in files.items():
        _, found, digest = name.partition("/blobs/sha256/")
        if found and hashlib.sha256(content).hexdigest() != digest:
            yield f"{name} does not have the digest of its name"


def reference_faults(files: Mapping[str, bytes]) -> Iterator[str]:
    """Blobs without the digest of their name, references that are not those of the layouts beside them."""
    broken = tuple(_layouts(files))
    yield from broken
    if broken or "carvel/package.yaml" not in files:
        return
    package, repository = _document(files, "carvel/package.yaml"), _document(files, "carvel/packagerepository.yaml")
    fetched = value_at(package, "spec.template.spec")["fetch"][0]["imgpkgBundle"]["image"]
    if not fetched.endswith(f"@{layout_digest(files, 'carvel/bundle')}"):
        yield f"package.yaml fetches {fetched}, which is not the bundle beside it"
    offered = value_at(repository, "spec.fetch.imgpkgBundle.image")
    if not offered.endswith(f"@{layout_digest(files, 'carvel/repository')}"):
        yield f"packagerepository.yaml fetches {offered}, which is not the repository beside it"


def _carvel(files: Mapping[str, bytes], *, release: Release) -> Iterator[str]:
    if "carvel/package.yaml" not in files:
        return
    package = _document(files, "carvel/package.yaml")
    if value_at(package, "metadata.name") != f"{release.addon.package}.{release.version}":
        yield "the Package is not named after its refName and version"
    lock = parse_documents(layer_files(files, "carvel/bundle")[".imgpkg/images.yml"].decode(), where="images.yml")[0]
    for item in lock["images"]:
        if "@sha256:" not in item["image"]:
            yield f"images.yml holds {item['image']}, which is not a digest"
    install, secret = _document(files, "carvel/packageinstall.yaml"), _document(files, "carvel/values-secret.yaml")
    if value_at(install, "spec.values")[0]["secretRef"]["name"] != value_at(secret, "metadata.name"):
        yield "the PackageInstall does not name the Secret with its values"


def _tkg(files: Mapping[str, bytes]) -> Iterator[str]:
    if "tkg/akodeploymentconfig.yaml" in files:
        adc = _document(files, "tkg/akodeploymentconfig.yaml")
        for violation in adc_violations(adc, version=LATEST_OPERATOR):
            yield f"akodeploymentconfig.yaml: {violation.path}: {violation.why}"
        bootstrap, secret = _document(files, "tkg/clusterbootstrap.yaml"), _document(files, "tkg/values-secret.yaml")
        named = [value_at(item, "valuesFrom.secretRef") for item in value_at(bootstrap, "spec.additionalPackages")]
        if value_at(secret, "metadata.name") not in named:
            yield "the ClusterBootstrap does not name the Secret with the values"


def _document(files: Mapping[str, bytes], name: str) -> Document:
    return parse_documents(files[name].decode(), where=name)[0]
