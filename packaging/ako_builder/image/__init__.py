"""The container image: an OCI layout, built without a container engine."""
