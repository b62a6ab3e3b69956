"""Desired stack against the inventory: ordered operations."""
