"""Outcome and apply result to status patches."""
