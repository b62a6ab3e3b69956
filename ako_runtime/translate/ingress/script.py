"""How an SNI parent finds the pool of a request to an insecure host: a script, and the labels of the pools.

The script asks the pool group for the label `host/path`, in lower case: `get_path_tokens(1)` is the path from its first
token to the end. The group takes the pool whose label the request begins with (the documentation of the official AKO
says "starts with"; that the longest label wins follows from the implicit priorities of the group, observed a9). So
paths of any depth are told apart, but each is a beginning, whatever its type says, and case does not matter. Paths with
one and the same label cannot be told apart at all: the one that takes more requests has it.
"""

from collections.abc import Iterator

from ako_runtime.translate.ingress.hosts import Host, Path


def paths_by_label(host: Host) -> dict[str, Path]:
    """The paths of an insecure host that the script reaches, by label."""
    found: dict[str, Path] = {}
    for path in sorted(host.paths, key=lambda one: _NARROWNESS.get(one.key.type, 0)):
        found.setdefault(_label(host, path), path)
    # In the order of the paths, as elsewhere.
    return {_label(host, path): path for path in host.paths if found[_label(host, path)] is path}


# What remains for a host goes last; an exact path takes the fewest requests.
_NARROWNESS = {"Exact": 1, "": 2}


def out_of_reach(host: Host) -> Iterator[tuple[Path, str]]:
    """Paths of an insecure host that are not what they say, and why."""
    reached = paths_by_label(host)
    for path in host.paths:
        wide = reached[_label(host, path)]
        if wide is path and path.key.type == "Exact":
            yield path, "is Exact; it also takes every request that only begins with it"
        elif wide is not path and path.key.text:
            yield (
                path,
                f"cannot be told apart from '{wide.key.text or '/'}' ({wide.key.type}), which takes its requests",
            )


def _label(host: Host, path: Path) -> str:
    return f"{host.name}{path.key.text or '/'}".lower()


def routing_script(group: str, hosts: frozenset[str]) -> str:
    """Asks for the pool by the host (without port) and the whole path.

    A wildcard stands for one label: of a name below it that is no host itself, the first label becomes the asterisk.
    """
    wild = sorted(host.removeprefix("*.") for host in hosts if host.startswith("*."))
    own = sorted(host for host in hosts if host.partition(".")[2] in wild and not host.startswith("*."))
    lines = [
        'local name = avi.http.get_host_tokens("MODIFIED", 1) or ""',
        'name = string.gsub(name, ":%d+$", "")',
        'local segment = avi.http.get_path_tokens(1) or ""',
    ]
    if wild:
        lines += [
            f"local wild = {_lua_set(wild)}",
            f"local own = {_lua_set(own)}",
            "name = string.lower(name)",
            'local rest = string.match(name, "^[^.]+%.(.+)$")',
            "if rest and wild[rest] and not own[name] then",
            '  name = "*." .. rest',
            "end",
        ]
    return "\n".join((*lines, f'avi.poolgroup.select("{group}", string.lower(name .. "/" .. segment))'))


def _lua_set(names: list[str]) -> str:
    # Names of hosts consist of letters, digits, dots and hyphens: nothing needs quoting.
    return "{" + ", ".join(f'["{name}"] = true' for name in names) + "}"
