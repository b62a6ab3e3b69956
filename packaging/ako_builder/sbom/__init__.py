"""Bills of materials: written as CycloneDX and SPDX, read as JSON and XML."""
