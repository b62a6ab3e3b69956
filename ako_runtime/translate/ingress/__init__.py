"""Ingress to layer 7 virtual services (pure)."""
