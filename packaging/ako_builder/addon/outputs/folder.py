"""Everything that an add-on folder holds, as files by path: a pure function of the request.

The Carvel part is always there; TKG, TCA and VKS parts on request. On a management cluster Telco Cloud Automation
allows nothing but its own add-ons, so there a folder that is (also) for TCA holds just the request.
"""

import msgspec

from ako_builder.addon.documents import Document
from ako_builder.addon.outputs import tca, vks
from ako_builder.addon.outputs.bundle import bundle_files, bundle_layout, chart_schema, repository_layout
from ako_builder.addon.outputs.carvel import (
    installer,
    managed_values_secret,
    package,
    package_install,
    package_metadata,
    package_repository,
    values_secret,
)
from ako_builder.addon.outputs.readme import readme
from ako_builder.addon.outputs.tkg import bootstrap_entry, cluster_labels, custom_tkr, deployment_config
from ako_builder.addon.request import OFFICIAL_PACKAGE, Request, Target
from ako_builder.oci.single_layer import SingleLayerImage
from ako_builder.release import Release
from ako_builder.yaml_text import yaml_text

Files = dict[str, bytes]


class Images(msgspec.Struct, frozen=True, kw_only=True):
    """The two images of a release's add-on, and where they are published."""

    schema: Document
    bundle: SingleLayerImage
    repository: SingleLayerImage
    bundle_reference: str
    repository_reference: str


def image_base(release: Release, *, registry: str | None = None) -> str:
    """The repository below which the add-on's images are published."""
    return f"{registry or release.image.registry}/{release.product}/packages"


def images(release: Release, chart: Files, *, epoch: int, registry: str | None = None) -> Images:
    """Bundle and package repository of a release: the same for every platform."""
    base = image_base(release, registry=registry)
    schema = chart_schema(chart)
    bundle = bundle_layout(release, bundle_files(release, chart, schema), epoch=epoch)
    reference = f"{base}/{release.chart.name}@{bundle.digest}"
    packages = {
        f"{release.version}.yaml": yaml_text(_package(release, reference, schema)),
        "metadata.yaml": yaml_text(package_metadata(release)),
    }
    repository = repository_layout(release, packages, bundle=reference, epoch=epoch)
    return Images(
        schema=schema,
        bundle=bundle,
        repository=repository,
        bundle_reference=reference,
        repository_reference=f"{base}/repository@{repository.digest}",
    )


def outputs(request: Request, made: Images, *, targets: tuple[Target, ...]) -> Files:
    """The files of an add-on folder."""
    targets = allowed_targets(request, targets)
    only_request = request.management and targets == ("tca",)
    files: Files = {} if only_request else _carvel(request, made)
    if "tkg" in targets:
        files |= _tkg(request, made)
    if "tca" in targets:
        files |= _tca(request)
    if "vks" in targets:
        files |= _vks(request, made)
    locked = request.release.image.digest is not None
    files["README.md"] = readme(request, targets=targets, locked=locked).encode()
    return files


def allowed_targets(request: Request, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """The targets that may be made together: on a management cluster TCA stands alone."""
    return ("tca",) if request.management and "tca" in targets else targets


def _package(release: Release, reference: str, schema: Document) -> Document:
    return vks.annotated(
        package(release, bundle=reference, schema=schema), vks.config_definition(release, schema), release
    )


def _carvel(request: Request, made: Images) -> Files:
    release = request.release
    files = {
        "packagemetadata.yaml": (package_metadata(release),),
        "package.yaml": (_package(release, made.bundle_reference, made.schema),),
        "packagerepository.yaml": (package_repository(release, image=made.repository_reference),),
        "rbac.yaml": installer(),
        "values-secret.yaml": (values_secret(request),),
        "packageinstall.yaml": (package_install(request),),
    }
    texts = {f"carvel/{name}": yaml_text(*documents).encode() for name, documents in files.items()}
    layouts = {"bundle": made.bundle, "repository": made.repository}
    return texts | {
        f"carvel/{folder}/{path}": content
        for folder, layout in layouts.items()
        for path, content in layout.files.items()
    }


def _tkg(request: Request, made: Images) -> Files:
    adc = deployment_config(request)
    documents: dict[str, Document] = {
        "akodeploymentconfig.yaml": adc,
        "cluster-labels.yaml": cluster_labels(request, adc),
        "values-secret.yaml": managed_values_secret(request),
        "clusterbootstrap.yaml": bootstrap_entry(request),
    }
    if request.base_tkr is not None:
        release = request.release
        tkr, version = custom_tkr(request.base_tkr, release=release.version)
        documents["custom-tkr.yaml"] = tkr
        documents["custom-tkr-package.yaml"] = package(
            release, bundle=made.bundle_reference, schema=made.schema, name=OFFICIAL_PACKAGE, version=str(version)
        )
    return {f"tkg/{name}": yaml_text(document).encode() for name, document in documents.items()}


def _tca(request: Request) -> Files:
    header = tca.header(request)
    files = {
        "tca/addon-request.yaml": yaml_text(tca.addon_request(request), header=header).encode(),
        "tca/CALLS.txt": tca.calls(request).encode(),
    }
    objects = tca.cluster_addon(request)
    if objects:
        files["tca/tcaclusteraddon.yaml"] = yaml_text(*objects, header=header).encode()
    return files


def _vks(request: Request, made: Images) -> Files:
    release = request.release
    both = vks.repositories(release, image=made.repository_reference)
    charts_install = vks.repository_install(release, helm=True)
    texts = {
        "addonrepository-imgpkg.yaml": yaml_text(both["imgpkg"], header=vks.HEADER),
        "addonrepository-helm.yaml": yaml_text(both["helm"], header=vks.HELM_HEADER),
        "addonrepositoryinstall.yaml": yaml_text(vks.repository_install(release), header=vks.HEADER),
        "addonrepositoryinstall-helm.yaml": yaml_text(charts_install, header=vks.HELM_HEADER),
        "cluster-labels.yaml": yaml_text(vks.cluster_labels(request), header=vks.LABELS_HEADER),
        "addoninstall.yaml": yaml_text(vks.addon_install(request), header=vks.HEADER),
        "addoninstall-helm.yaml": yaml_text(vks.addon_install(request, helm=True), header=vks.HELM_CONFIG_HEADER),
        "addonconfig-helm.yaml": yaml_text(vks.addon_config(request, helm=True), header=vks.HELM_CONFIG_HEADER),
        "addonconfigdefinition.yaml": yaml_text(vks.config_definition(release, made.schema), header=vks.HEADER),
        "addonconfig.yaml": yaml_text(vks.addon_config(request), header=vks.HEADER),
    }
    return {f"vks/{name}": text.encode() for name, text in texts.items()}
