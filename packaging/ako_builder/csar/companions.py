"""What stands beside a package: values to fill in, a ready request for TCA, how to upload, a short report.

The request is the body of TCA's instantiation call with everything that the package determines filled in, and
everything that a site determines written as `<...>`. Fields are those of the product's published API reference (grade
B): nobody has sent one to a real TCA from here.
"""

import json
from pathlib import Path

from ako_builder.archive.writer import write_bytes
from ako_builder.csar.nfd import vdu_name
from ako_builder.csar.package import PackageRequest, chart_path, descriptor_inputs


def write_companions(request: PackageRequest, *, path: Path) -> None:
    """Write the companions of the finished package `path`."""
    base = path.with_suffix("")
    write_bytes(base.with_name(f"{base.name}-values.yaml"), request.chart.values)
    write_bytes(base.with_name(f"{base.name}-report.txt"), _report(request, path=path).encode())
    if request.profile.dialect == "tca":
        body = json.dumps(instantiate_request(request), indent=2, ensure_ascii=False) + "\n"
        write_bytes(base.with_name(f"{base.name}-instantiate.json"), body.encode())
        write_bytes(base.with_name(f"{base.name}-upload.md"), _upload(request, path=path).encode())


def instantiate_request(request: PackageRequest) -> dict[str, object]:
    """The body of the instantiation call."""
    vdu = vdu_name(descriptor_inputs(request))
    return {
        "flavourId": "default",
        "vimConnectionInfo": [
            {"id": "<vim id>", "vimType": "<vim type>", "extra": {"nodePoolName": "<pool>", "nodePoolId": "<pool id>"}}
        ],
        "additionalParams": {
            "vduParams": [
                {
                    "vduName": vdu,
                    "chartName": request.chart.name,
                    "helmName": f"{request.chart.name}-<instance>",
                    "namespace": "<namespace>",
                    "repoUrl": "<oci:// or https:// URL of the Harbor project that holds the chart>",
                    "username": "<registry user>",
                    "password": "<registry password>",
                    "overrides": "<base64 of the filled-in values file>",
                    "disableAutoRollback": False,
                    "timeoutInSecs": 1200,
                }
            ],
            "lcmInterfaces": [],
        },
    }


def _upload(request: PackageRequest, *, path: Path) -> str:
    name = f"{request.identity.product} {request.identity.version}"
    return f"""# Upload {path.name} to Telco Cloud Automation

TCA takes the chart from a repository, not from the package: push `{request.chart.name}-{request.chart.version}.tgz`
to a Harbor that is registered with TCA first (`ako bundle build` and `push`, or `helm push`).{_chart_inside(request)}

1. Create the package: `POST /telco/api/vnfpkgm/v2/vnf_packages` with
   `{{"userDefinedData": {{"name": "{name}", "tags": []}}}}`; keep the id from the answer's Location.
2. Upload: `PUT /telco/api/vnfpkgm/v2/vnf_packages/<id>/package_content`, multipart field `file`, content type
   `application/zip`, with {path.name}.
3. Wait until `onboardingState` is `ONBOARDED`.
4. Create an instance of the descriptor `{request.descriptor_id}`. Make the body that instantiates it from your values:
   `ako csar request {path.name} --values FILE --namespace … --repo-url … --vim … --node-pool … -o body.json`
   (`{path.stem}-instantiate.json` shows its form).
5. Under isolation mode Restricted: `ako csar policy {path.name}` writes the policies, and what a grant must name.

What of this was never tried on a real TCA: `ako csar inspect {path.name}` lists it.
"""


def _chart_inside(request: PackageRequest) -> str:
    if not request.profile.full:
        return ""
    return f"\nThe archive lies in the package, too: `{chart_path(request)}`."


def _report(request: PackageRequest, *, path: Path) -> str:
    lines = [
        f"package     {path.name}",
        f"size        {path.stat().st_size}",
        f"profile     {request.profile.name}: {request.profile.title}",
        f"descriptor  {request.descriptor_id} version {request.identity.descriptor_version}",
        f"product     {request.identity.provider} / {request.identity.product} {request.identity.version}",
        f"chart       {request.chart.name} {request.chart.version} sha256:{request.chart_sha256}",
    ]
    lines += [f"statement   {item.grade}  {item.text}" for item in request.profile.statements]
    return "\n".join([*lines, ""])
