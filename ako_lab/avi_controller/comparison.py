"""Two states of a lab, compared object by object and field by field.

Objects are matched by type, tenant, cloud and name, not by uuid, so that two labs which ran the same scenario compare
equal. What differs by nature is left out: uuids, times, and the content of the certificates that every lab makes anew
for itself. References are compared by the name of what they refer to.
"""

import json
import re
import sqlite3
from pathlib import Path

from ako_lab.avi_controller.state import shown
from ako_lab.avi_controller.values import Json
from ako_runtime.errors import UserError

_VOLATILE = frozenset({"uuid", "url", "_last_modified"})
_SELF_MADE = re.compile(r"sslkeyandcertificate System-Default-\S+ .*")
_CERTIFICATE_FIELDS = frozenset({"certificate", "key_params"})
_REFERENCE = "ref:"
# What refers to no object of the store: a network as a vCenter knows it.
_ADDRESS = "/api/"


def load_state(path: Path) -> dict[str, Json]:
    """The objects of a saved state by key, from a JSON document or a state file."""
    try:
        head = path.read_bytes()[:16]
        if head == b"SQLite format 3\x00":
            return _from_database(path)
        document = json.loads(path.read_text())
        objects = document["objects"]
    except (OSError, ValueError, KeyError, TypeError, sqlite3.Error) as error:
        raise UserError(
            f"{path}: not a saved state ({error}); give a file that GET /lab/state or --state wrote"
        ) from error
    if not isinstance(objects, dict) or not all(isinstance(content, dict) for content in objects.values()):
        raise UserError(f"{path}: not a saved state; give a file that GET /lab/state or --state wrote")
    return objects


def _from_database(path: Path) -> dict[str, Json]:
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = database.execute("SELECT key, body FROM objects ORDER BY place").fetchall()
    finally:
        database.close()
    return {key: shown(json.loads(body)) for key, body in rows}


def differences(before: dict[str, Json], after: dict[str, Json]) -> list[dict[str, str]]:
    """Rows of what is new, gone and changed between two states."""
    one, two = _comparable(before), _comparable(after)
    rows = []
    for name in sorted(one.keys() | two.keys()):
        kind, _, shown_name = name.partition(" ")
        if name not in two:
            rows.append(_row("removed", kind, shown_name))
        elif name not in one:
            rows.append(_row("added", kind, shown_name))
        else:
            rows.extend(_row("changed", kind, shown_name, detail) for detail in _changes(one[name], two[name], ""))
    return rows


def _row(change: str, kind: str, name: str, detail: str = "") -> dict[str, str]:
    return {"change": change, "type": kind, "name": name, "detail": detail}


def _comparable(objects: dict[str, Json]) -> dict[str, Json]:
    names = {key: str(content.get("name", key)) for key, content in objects.items()}
    # What a vCenter knows of a network goes by the uuid of the network, and is no object of its own.
    names |= {f"vimgrnwruntime/{key.partition('/')[2]}": name for key, name in names.items() if key[:8] == "network/"}
    result = {}
    for key, content in objects.items():
        kind = key.partition("/")[0]
        fields = {name: _named(value, names) for name, value in content.items() if name not in _VOLATILE}
        place = [str(fields.get(name, "")) for name in ("tenant_ref", "cloud_ref")]
        title = f"{kind} {names[key]} ({', '.join(part for part in place if part)})".replace(" ()", "")
        if _SELF_MADE.fullmatch(title):
            fields = {name: value for name, value in fields.items() if name not in _CERTIFICATE_FIELDS}
        result[title] = fields
    return result


def _named(value: Json, names: dict[str, str]) -> Json:
    if isinstance(value, str):
        marked = next((prefix for prefix in (_REFERENCE, _ADDRESS) if value.startswith(prefix)), None)
        return names.get(value[len(marked) :], value) if marked else value
    if isinstance(value, dict):
        return {name: _named(item, names) for name, item in value.items()}
    return [_named(item, names) for item in value] if isinstance(value, list) else value


def _changes(one: Json, two: Json, path: str) -> list[str]:
    if isinstance(one, dict) and isinstance(two, dict):
        names = sorted(one.keys() | two.keys())
        return [c for name in names for c in _changes(one.get(name), two.get(name), f"{path}.{name}".lstrip("."))]
    if isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        return [c for i, (a, b) in enumerate(zip(one, two, strict=True)) for c in _changes(a, b, f"{path}[{i}]")]
    if isinstance(one, list) and isinstance(two, list):
        return _items_changed(one, two, path)
    return [] if one == two else [f"{path}: {_short(one)} -> {_short(two)}"]


def _items_changed(one: list[Json], two: list[Json], path: str) -> list[str]:
    """Of lists that differ in length: the items that only one of them has."""
    gone = [f"{path}: {_short(item)} is gone" for item in one if item not in two]
    new = [f"{path}: {_short(item)} is new" for item in two if item not in one]
    return gone + new or [f"{path}: {len(one)} items -> {len(two)} items"]


def _short(value: Json) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
