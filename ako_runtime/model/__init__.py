"""Desired Avi objects under their Avi names, references between them, names and ownership."""
