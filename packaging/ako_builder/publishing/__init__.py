"""Making a release: change log, distributions, statement of provenance, signatures, and the folder of all of it."""
