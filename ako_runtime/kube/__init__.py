"""The only folder that talks to the Kubernetes API server."""
