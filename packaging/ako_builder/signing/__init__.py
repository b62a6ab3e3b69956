"""Signatures: detached CMS, certificates, time stamps, keys."""
