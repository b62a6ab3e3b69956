"""The lab: a simulated Avi Controller and an in-memory Kubernetes API."""
