"""The CSARs of a build: one a profile, signed, each verified after it was written."""

from collections.abc import Iterator

from ako_builder.artefact import VERIFIED, Artefact, BuildOrder, artefact
from ako_builder.csar.build import build_csars
from ako_builder.csar.check_signature import Trust
from ako_builder.csar.verify import verify_csar


def make(order: BuildOrder) -> Iterator[Artefact]:
    """Build and verify; the verdict says what the first error is, if there is one."""
    paths = build_csars(order.release, chart_archive=order.chart, out=order.out, signer=order.signer, epoch=order.epoch)
    # Integrity is proven against the signer's own certificate; whether to trust it is for whoever receives the package.
    trust = Trust(anchors=tuple(order.signer.certificates), allow_demo=order.signer.demo)
    for path in paths:
        policy = "tca" if "-tca-" in path.name else "strict"
        report = verify_csar(path, trust=trust, policy=policy)
        verdict = VERIFIED if report.good else f"{report.errors[0].rule}: {report.errors[0].text}"
        yield artefact(path, kind="csar", verdict=verdict)
