"""The state in a file, so that a lab survives its restart: SQLite with a write-ahead log.

Each write of an object becomes one row at once; what lives beside the objects is one row that is rewritten when it
changed. A lab that was killed comes back with everything that it had answered.
"""

import sqlite3
from pathlib import Path

import msgspec

from ako_lab.avi_controller.controller import Controller
from ako_lab.avi_controller.state import beside, rebuild, restore_beside
from ako_lab.avi_controller.store import Record
from ako_runtime.errors import UserError

_TABLES = """
CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, place INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS beside (name TEXT PRIMARY KEY, body BLOB NOT NULL);
"""


class StateFile:
    """A SQLite file that follows a store."""

    def __init__(self, *, path: Path) -> None:
        self._path = path
        try:
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + _TABLES)
        except sqlite3.Error as error:
            raise UserError(f"{path}: not usable as a state file ({error}); name a new file") from error
        self._beside = b""
        self._place = 0

    def load(self, controller: Controller) -> bool:
        """Fill an empty controller from the file; False when the file is new."""
        rows = self._database.execute("SELECT key, body, place FROM objects ORDER BY place").fetchall()
        if not rows:
            return False
        for key, body, place in rows:
            document = msgspec.json.decode(body)
            controller.store.put(Record(key=key, document=document))
            self._place = place
        for record in controller.store.tables["virtualservice"].records.values():
            record.facts = controller.objects.semantics.facts("virtualservice", record.document())
        found = self._database.execute("SELECT body FROM beside WHERE name = 'beside'").fetchone()
        if found is not None:
            restore_beside(controller, msgspec.json.decode(found[0]))
        rebuild(controller)
        return True

    def follow(self, controller: Controller) -> None:
        """Write everything once, from then on what changes."""
        with self._database:
            self._database.execute("BEGIN")
            self._database.execute("DELETE FROM objects")
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
            self._database.execute(
                "INSERT INTO beside VALUES ('beside', ?) ON CONFLICT(name) DO UPDATE SET body = excluded.body",
                (encoded,),
            )

    def _put(self, record: Record) -> None:
        self._place += 1
        self._database.execute(
            "INSERT INTO objects VALUES (?, ?, ?) ON CONFLICT(key) DO UPDATE SET body = excluded.body",
            (record.key, self._place, record.body),
        )

    def close(self, controller: Controller) -> None:
        """Write the rest and close the file."""
        self.write(controller)
        self._database.close()
