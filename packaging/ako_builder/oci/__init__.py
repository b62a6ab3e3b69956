"""OCI: registries, image layouts and what can be read of them; the one place of the builder that speaks it."""
