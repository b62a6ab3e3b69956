"""The README of an add-on folder: what to apply in which order, how to check it, how to go back."""

from ako_builder.addon.outputs.carvel import install_name
from ako_builder.addon.outputs.tkg import AVI_LABEL
from ako_builder.addon.outputs.vks import PLATFORM_ADDON, release_name
from ako_builder.addon.pins.releases import UNKNOWN
from ako_builder.addon.request import PACKAGES_NAMESPACE, Request


def readme(request: Request, *, targets: tuple[str, ...], locked: bool) -> str:
    """Markdown for the folder."""
    release, pin = request.release, request.pin
    parts = [
        f"# {release.title}: add-on for TKG {pin.tkg}\n",
        f"Version {release.version}, package `{release.addon.package}.{release.version}`.\n",
        _matrix(request),
    ]
    if request.example:
        parts.append(
            "The settings are an EXAMPLE with documentation addresses. Make the folder for your cluster with\n"
            f"`ako addon build --tkg {pin.tkg} --values VALUES.yaml --cluster NAME --namespace NAMESPACE`.\n"
        )
    if not locked:
        parts.append(
            "The digest of the controller's image was not known to this build, so the bundle locks no image and the\n"
            "image is pulled by its tag. Build with `--image-digest` to lock it.\n"
        )
    if request.management and "tca" in targets:
        return "\n".join([*parts, _tca(request)])
    parts.append(_bundle(request))
    texts = {"tkg": _tkg, "tca": _tca, "vks": _vks}
    parts += [texts[target](request) for target in targets]
    return "\n".join(parts)


def _matrix(request: Request) -> str:
    rows = [
        f"| {tkr.title} | {tkr.official.package.shown()} | {tkr.offered.resolved(request.release.version) or 'none'} |"
        for tkr in request.tkrs
    ]
    head = "| TKr | official AKO package | ours |\n| --- | --- | --- |\n"
    return head + "\n".join(rows) + f"\n\n`{UNKNOWN}` means that no source was found, not that there is none.\n"


def _bundle(request: Request) -> str:
    kind = request.kind
    return f"""## The package (any cluster with kapp-controller)

1. Push the two images; their digests are what `package.yaml` and `packagerepository.yaml` name:
   `crane push carvel/bundle REGISTRY/...` (or skopeo, oras), the same for `carvel/repository`.
   For another registry than the built-in one: `ako addon relocate`.
2. Apply `carvel/packagerepository.yaml`, or `carvel/packagemetadata.yaml` and `carvel/package.yaml` directly, with
   `kubectl -n {PACKAGES_NAMESPACE}`: they name no namespace, and the PackageInstall looks for them in its own.
3. Apply `carvel/rbac.yaml`, `carvel/values-secret.yaml` (shape: {kind}) and `carvel/packageinstall.yaml`.
4. Check: `kubectl -n {PACKAGES_NAMESPACE} get packageinstall {install_name(request)}` says `Reconcile succeeded`, and
   `kubectl -n avi-system get statefulset ako` is ready.

Back: delete the PackageInstall. Set `AKOSettings.deleteConfig: true` first if the objects on the Avi Controller are
to go too. Never run it beside the official AKO in one cluster under the same cluster name.
"""


def _tkg(request: Request) -> str:
    return f"""## TKG

On the management cluster, one of two ways; never both for one cluster, or two AKOs undo each other's work.

In place of the official AKO (the configuration decides which clusters):

1. Apply `tkg/akodeploymentconfig.yaml`; its credentials and CA Secrets must exist.
2. `kubectl apply --server-side -f tkg/cluster-labels.yaml` labels the cluster so that the configuration selects it.
   Check: the cluster gets the label `{AVI_LABEL}`.
3. This alone gives the official AKO of the TKr. For ours build with `--base-tkr`, which makes a TKr that names our
   package, and let the cluster resolve it by `run.tanzu.vmware.com/resolve-tkr`.

As one more package of a cluster that no configuration selects:

1. Apply the Package into the namespace of the platform: `kubectl -n {PACKAGES_NAMESPACE} apply -f
   carvel/packagemetadata.yaml -f carvel/package.yaml`. A ClusterBootstrap that names an unknown one is refused.
2. Apply `tkg/values-secret.yaml` (namespace {request.cluster.namespace}), then merge `tkg/clusterbootstrap.yaml` into
   the cluster's ClusterBootstrap: `kubectl patch --type merge --patch-file`. A merge patch replaces the list of
   packages: build with `--old` and the ClusterBootstrap as it is, then the patch holds its entries too.
3. Check: the condition of the package in the status of the ClusterBootstrap says `ReconcileSucceeded`.

Cannot be undone: a package in a ClusterBootstrap, selector, control-plane network and tenant of the configuration, a
higher version. Back: remove the label; the operator removes AKO from the cluster, with its objects if the label
`networking.tkg.tanzu.vmware.com/avi-config-delete: "true"` is set.
"""


def _tca(request: Request) -> str:
    only = (
        "   On a management cluster only this request is made: anything installed there by hand is unsupported\n"
        "   and removed by the next upgrade of the management cluster.\n"
        if request.management
        else ""
    )
    empty = ", and that the settings are not in it: choose `--tca-payload`" if request.tca.payload == "none" else ""
    return f"""## Telco Cloud Automation

1. Read the header of `tca/addon-request.yaml`: it says how certain each part is{empty}.
2. Send the body as `tca/CALLS.txt` shows.
{only}3. Check: condition `AddonReady` of the add-on; `opstatus: complete` only says that the request was taken.

Back: delete the add-on in Telco Cloud Automation.
"""


def _vks(request: Request) -> str:
    release = request.release
    same = release.chart.name == PLATFORM_ADDON
    collision = ", as the platform's own has: where that is offered, do not use it" if same else ""
    return f"""## vSphere Kubernetes Service

1. As administrator apply `vks/addonrepository-imgpkg.yaml`, then `vks/addonrepositoryinstall.yaml`. Check: the
   AddonRelease `{release_name(release.addon.package, release.version)}` appears.
   A repository is immutable once it is installed, so the names carry the version: the next version is a new pair beside
   this one, and the old pair goes when no AddonInstall names its release any more.
2. As tenant switch the platform's own AKO off and ask for ours:
   `kubectl apply --server-side --force-conflicts -f vks/cluster-labels.yaml`. Check: the ClusterAddon
   `{PLATFORM_ADDON}` of the cluster is gone, and so are its pods in `avi-system`.
3. Apply `vks/addoninstall.yaml` and `vks/addonconfig.yaml`. The install pins this version (`releaseFilter.ref`); to
   upgrade, point it at the next AddonRelease.
4. Check: the ClusterAddon of the cluster is ready.

The other flavour is a repository of charts: `vks/addonrepository-helm.yaml`, `vks/addonrepositoryinstall-helm.yaml`,
`vks/addoninstall-helm.yaml`, `vks/addonconfig-helm.yaml`. It reaches every cluster of the Supervisor, cannot be
limited, and fails on clusters below class 3.7, which have no helm-controller. Its add-on has the name of the chart,
`{release.chart.name}`{collision}. Prefer the package.

Back: take the label away and delete the AddonInstall; it retains what is installed until then.
"""
