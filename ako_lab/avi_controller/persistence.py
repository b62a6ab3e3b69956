"""The state in a file, so that a lab survives its restart: SQLite with a write-ahead log.

Each write of an object becomes one row at once; what lives beside the objects is one row that is rewritten when it
changed, and the certificate that the lab made for itself another, so that clients which trust it go on doing so. A lab
that was killed comes back with everything that it had answered. The file holds passwords and a private key: nobody
else may read it. One lab at a time uses a file; a lock beside it, which dies with its process, sees to that.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from ako_lab.avi_controller.controller import Controller
from ako_lab.avi_controller.errors import Refusal
from ako_lab.avi_controller.state import beside, install
from ako_lab.avi_controller.store import Record
from ako_lab.avi_controller.values import Json
from ako_runtime.errors import UserError

_TABLES = """
CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, place INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS beside (name TEXT PRIMARY KEY, body BLOB NOT NULL);
"""


class StateFile:
    """A SQLite file that follows a store."""

    def __init__(self, *, path: Path) -> None:
        self._path = path
        self._lock = _locked(path)
        self._beside = b""
        self._place = 0
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + _TABLES)
        except (OSError, sqlite3.Error) as error:
            os.close(self._lock)
            raise UserError(f"{path}: not usable as a state file ({error}); name a new file") from error

    def load(self, controller: Controller) -> bool:
        """Fill an empty controller from the file; False when the file is new."""
        try:
            rows = self._database.execute("SELECT key, body, place FROM objects ORDER BY place").fetchall()
            if not rows:
                return False
            self._place = rows[-1][2]
            kept = self._row("beside")
            objects = _Documents({key: body for key, body, _ in rows})
            install(controller, objects, msgspec.json.decode(kept) if kept is not None else {})
        except (sqlite3.Error, msgspec.DecodeError, TypeError, Refusal) as error:
            raise UserError(f"{self._path}: not the state of a lab ({error}); name a new file") from error
        return True

    def follow(self, controller: Controller) -> None:
        """Write everything once unless it came from here, from then on what changes."""
        if self._place == 0:
            with self._database:
                self._database.execute("BEGIN")
                for record in controller.store.records.values():
                    self._put(record)
        controller.store.changed = set()
        self.write(controller)

    def write(self, controller: Controller) -> None:
        """Write what changed since the last time."""
        changed = controller.store.changed
        if changed:
            controller.store.changed = set()
            with self._database:
                self._database.execute("BEGIN")
                for key in changed:
                    record = controller.store.records.get(key)
                    if record is None:
                        self._database.execute("DELETE FROM objects WHERE key = ?", (key,))
                    else:
                        self._put(record)
        encoded = msgspec.json.encode(beside(controller))
        if encoded != self._beside:
            self._beside = encoded
            self._set_row("beside", encoded)

    def certificate(self) -> tuple[str, str] | None:
        """The certificate and key that were kept, both PEM; None in a new file."""
        found = self._row("certificate")
        return msgspec.json.decode(found, type=tuple[str, str]) if found is not None else None

    def keep_certificate(self, certificate: str, key: str) -> None:
        """Keep a certificate and its key for the next start."""
        self._set_row("certificate", msgspec.json.encode((certificate, key)))

    def _row(self, name: str) -> bytes | None:
        found = self._database.execute("SELECT body FROM beside WHERE name = ?", (name,)).fetchone()
        return None if found is None else bytes(found[0])

    def _set_row(self, name: str, body: bytes) -> None:
        self._database.execute(
            "INSERT INTO beside VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET body = excluded.body", (name, body)
        )

    def _put(self, record: Record) -> None:
        self._place += 1
        self._database.execute(
            "INSERT INTO objects VALUES (?, ?, ?) ON CONFLICT(key) DO UPDATE SET body = excluded.body",
            (record.key, self._place, record.body),
        )

    def close(self) -> None:
        """Close the file; another lab may have it."""
        self._database.close()
        os.close(self._lock)


class _Documents(Mapping[str, Json]):
    """Documents by key that are decoded when they are asked for: all at once they would take a lot of memory."""

    def __init__(self, bodies: dict[str, bytes]) -> None:
        self._bodies = bodies

    def __getitem__(self, key: str) -> Json:
        return msgspec.json.decode(self._bodies[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._bodies)

    def __len__(self) -> int:
        return len(self._bodies)

    def __contains__(self, key: object) -> bool:
        return key in self._bodies


def _locked(path: Path) -> int:
    """An open file beside the state file that this process alone has locked."""
    beside_it = path.with_name(path.name + ".lock")
    try:
        lock = os.open(beside_it, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise UserError(f"{path}: not usable as a state file ({error.strerror}); name a new file") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise UserError(f"{path}: another lab uses this state file; stop it or name another file") from error
    return lock
