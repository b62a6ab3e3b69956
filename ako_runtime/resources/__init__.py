"""Typed views of Kubernetes objects: only the fields that the runtime reads."""
