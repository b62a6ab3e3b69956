"""Datascripts: those for HTTP are executed as they are, those for layer 4 are recognised by their shape.

At layer 4 a script reads the server name and chooses the pool group of a name with a prefix (the official
controller's and ours do). Envoy has no script there, but chains by server name, which is the same for every group
that the script may choose. Any other layer 4 script is an alert, and its virtual service has no traffic.
"""

import re
from collections.abc import Callable

from ako_lab.service_engine.model import Script, Target
from ako_lab.service_engine.objects import Document, Objects
from ako_lab.service_engine.pools import Pools

_REQUEST, _RESPONSE = "VS_DATASCRIPT_EVT_HTTP_REQ", "VS_DATASCRIPT_EVT_HTTP_RESP"
_LAYER_4 = "VS_DATASCRIPT_EVT_L4_REQUEST"
_READS_NAME = re.compile(r"get_sni\s*\(|server_name\s*\(")
_SELECTS = re.compile(r'avi\.poolgroup\.select\(\s*"([^"]*)"\s*\.\.\s*[^)]*')
_THROUGH = ("poolgroup/", "httppolicyset/", "l4policyset/", "vsdatascriptset/")


def _sets(objects: Objects, vs: Document) -> list[Document]:
    entries = sorted(vs.get("vs_datascripts") or (), key=lambda one: one.get("index", 0))
    return [objects.get(one.get("vs_datascript_set_ref")) for one in entries]


def server_names(objects: Objects, vs: Document, complain: Callable[[str], None]) -> dict[str, str] | None:
    """Pool group by server name, if a layer 4 script chooses; None without such a script."""
    found: dict[str, str] = {}
    seen = False
    for one in _sets(objects, vs):
        for script in one.get("datascript") or ():
            if script.get("evt") != _LAYER_4:
                continue
            seen = True
            text = script.get("script") or ""
            selects = _SELECTS.search(text)
            if not selects or not _READS_NAME.search(text):
                complain(f"the layer 4 script of {one.get('name', '')} is not understood; it lets nothing through")
                continue
            prefix = selects[1]
            for ref in one.get("pool_group_refs") or ():
                name = objects.get(ref).get("name", "")
                if name.startswith(prefix):
                    found.setdefault(name.removeprefix(prefix).lower(), ref)
    return found if seen else None


def script_of(
    objects: Objects, pools: Pools, owner: tuple[str, Document], complain: Callable[[str, str], None]
) -> Script | None:
    """The scripts of a virtual service, given with its key, as one; None without any."""
    key, vs = owner
    texts: dict[str, list[str]] = {_REQUEST: [], _RESPONSE: []}
    choices: dict[str, Target] = {}
    labels: dict[str, tuple[str, ...]] = {}
    for one in _sets(objects, vs):
        for script in one.get("datascript") or ():
            if script.get("evt") in texts:
                texts[script["evt"]].append(script.get("script") or "")
            elif script.get("evt") != _LAYER_4:
                complain(key, f"scripts at {script.get('evt')} are not run")
        for ref in one.get("pool_refs") or ():
            choices[objects.get(ref)["name"]] = pools.target_of_pool(ref)
        for ref in one.get("pool_group_refs") or ():
            name = objects.get(ref)["name"]
            choices[name] = pools.target_of_group(ref)
            labels[name] = tuple(label for label in pools.labels(ref) if label)
            choices.update({f"{name}|{label}": pools.target_of_group(ref, label) for label in labels[name]})
    if not any(texts.values()):
        return None
    return Script(
        name=key,
        request=_in_turn(texts[_REQUEST]),
        response=_in_turn(texts[_RESPONSE]),
        choices=choices,
        labels=labels,
    )


def _in_turn(texts: list[str]) -> str:
    """Several scripts, each with local names of its own."""
    return "\n".join(f"do\n{text}\nend" for text in texts) if len(texts) > 1 else "".join(texts)


def pools_reached(objects: Objects, vs: Document) -> list[str]:
    """Pools that a virtual service reaches, directly, through groups, policies and scripts."""
    waiting, found, visited = list(_references(vs)), [], set()
    while waiting:
        key = waiting.pop()
        if key in visited:
            continue
        visited.add(key)
        if key.startswith("pool/"):
            found.append(key)
        elif key.startswith(_THROUGH):
            waiting.extend(_references(objects.get(key)))
    return sorted(found)


def _references(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value.startswith(("pool/", *_THROUGH)) else []
    if isinstance(value, dict):
        return [key for item in value.values() for key in _references(item)]
    return [key for item in value for key in _references(item)] if isinstance(value, list) else []
