"""The keyed queue and the reconciler that joins pure folders and I/O folders."""
