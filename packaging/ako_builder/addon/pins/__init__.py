"""Pins: which platform release ships what, and how sure that is."""
