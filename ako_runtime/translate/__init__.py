"""Snapshot, key and settings to an Outcome: desired stack, status intents, diagnostics."""
