"""What can be set on the simulated TCA."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec


class TcaConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one simulated TCA; each has a default, so `TcaConfig()` is enough.

    Times are seconds on the virtual clock, sizes are bytes. `clusters` are the VIMs: id to kubeconfig of the cluster.
    """

    host: str = "127.0.0.1"
    port: int = 0
    username: str = "administrator"
    # Empty: a random one is made for each start.
    password: str = ""
    session_seconds: float = 1800.0
    # Wrong passwords in a row until the account is locked, and for how long (numbers: grade D).
    lock_after: int = 5
    lock_seconds: float = 300.0
    upload_bytes: int = 8 << 30
    processing_seconds: float = 0.0
    # The interfaces by TLS, with a certificate made at the start; the chart registry then has a port of its own.
    tls: bool = False
    clusters: Mapping[str, Path] = {}
    helm: Path | None = None
    # Answer at the end points whose paths are guessed, too.
    guess: bool = False
    # Refuse a second package with the descriptor id of one that is onboarded (grade D: nobody has tried it).
    unique_descriptors: bool = False
    # Forms of an upload that are taken (grade A and B: multipart; ETSI's SOL005: raw), and of `overrides` (B: base64).
    uploads: tuple[Literal["multipart", "raw"], ...] = ("multipart", "raw")
    overrides: Literal["base64", "plain"] = "base64"
    # Calls that upgrade: the vendor's (its place: grade C) and SOL003's (A).
    upgrades: tuple[Literal["cnf", "change_vnfpkg"], ...] = ("cnf", "change_vnfpkg")
