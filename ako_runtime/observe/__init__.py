"""Logs, metrics, health end points."""
