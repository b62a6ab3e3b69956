"""Media types of manifests and their parts (image-spec 1.1; Docker's older ones mean the same)."""

from typing import Final

INDEX: Final = "application/vnd.oci.image.index.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
EMPTY: Final = "application/vnd.oci.empty.v1+json"
DOCKER_INDEX: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"
CHART_LAYER: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

INDEX_TYPES: Final = (INDEX, DOCKER_INDEX)
MANIFEST_TYPES: Final = (MANIFEST, DOCKER_MANIFEST)
