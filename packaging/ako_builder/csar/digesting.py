"""Hashing the members of an archive at the speed of the hash.

One large member: this thread reads and sums its CRC, another one hashes, a few chunks behind. Several large members:
two threads take one member each, for then both cores hash. Small ones are done in place. Memory is a handful of
chunks, whatever the size. A member whose content contradicts its header is reported with the rule that it breaks.
"""

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec

from ako_builder.archive.container import Container, Entry, Unreadable

_LARGE = 8 << 20
_WINDOW = 4
_WORKERS = 2
_HASHES = {"SHA-256": hashlib.sha256, "SHA-384": hashlib.sha384, "SHA-512": hashlib.sha512}
_LENGTHS = {"SHA-256": 32, "SHA-384": 48, "SHA-512": 64}


class Sums(Mapping[str, str]):
    """Digests of one file in hexadecimal, by algorithm name; a package has many, so they are held as bytes."""

    __slots__ = ("_digests", "_names")

    def __init__(self, hashes: "Mapping[str, hashlib._Hash]") -> None:
        self._names = sys.intern(" ".join(hashes))
        self._digests = b"".join(digest.digest() for digest in hashes.values())

    def __getitem__(self, name: str) -> str:
        start = 0
        for one in self:
            stop = start + _LENGTHS[one]
            if one == name:
                return self._digests[start:stop].hex()
            start = stop
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names.split())

    def __len__(self) -> int:
        return len(self._names.split())


class Digested(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Digests of one member by algorithm name, or why there are none."""

    digests: Any  # Mapping[str, str]; a Struct cannot check foreign classes
    rule: str = ""
    problem: str = ""


def member_digests(
    container: Container,
    *,
    wanted: Mapping[str, frozenset[str]],
    progress: Callable[[int], None] | None = None,
) -> dict[str, Digested]:
    """Digests of the named members, each by the wanted algorithms; every member named is read in full."""
    entries = [container.entries[name] for name in wanted]
    large = [entry for entry in entries if entry.size >= _LARGE]
    found: dict[str, Digested] = {}
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="digest") as pool:
        if len(large) == 1:
            found[large[0].name] = _pipelined(container, large[0], wanted[large[0].name], pool=pool, progress=progress)
        futures = {}
        if len(large) > 1:
            # The largest first, so that both threads end together.
            for entry in sorted(large, key=lambda entry: -entry.size):
                futures[entry.name] = pool.submit(_plain, container, entry, wanted[entry.name], progress)
        for entry in entries:
            if entry.size < _LARGE:
                found[entry.name] = _plain(container, entry, wanted[entry.name], progress)
        for name, future in futures.items():
            found[name] = future.result()
    return found


def _plain(
    container: Container, entry: Entry, algorithms: frozenset[str], progress: Callable[[int], None] | None
) -> Digested:
    hashes = {name: new_hash(name) for name in algorithms}
    try:
        for chunk in container.chunks(entry):
            for digest in hashes.values():
                digest.update(chunk)
            if progress:
                progress(len(chunk))
    except Unreadable as error:
        return Digested(digests={}, rule=error.rule, problem=str(error))
    return Digested(digests=Sums(hashes))


def _pipelined(
    container: Container,
    entry: Entry,
    algorithms: frozenset[str],
    *,
    pool: ThreadPoolExecutor,
    progress: Callable[[int], None] | None,
) -> Digested:
    hashes = {name: new_hash(name) for name in algorithms}
    # One update at a time: a single lane keeps the order although the pool has two threads.
    pending: list[Future[None]] = []

    def update(chunk: memoryview, before: Future[None] | None) -> None:
        if before is not None:
            before.result()
        for digest in hashes.values():
            digest.update(chunk)

    try:
        for chunk in container.chunks(entry, buffers=_WINDOW):
            pending.append(pool.submit(update, chunk, pending[-1] if pending else None))
            if len(pending) >= _WINDOW - 1:
                pending.pop(0).result()
            if progress:
                progress(len(chunk))
    except Unreadable as error:
        return Digested(digests={}, rule=error.rule, problem=str(error))
    finally:
        for future in pending:
            future.result()
    return Digested(digests=Sums(hashes))


def new_hash(name: str) -> "hashlib._Hash":
    """A fresh hash of the algorithm that manifest and signature call so."""
    make = _HASHES.get(name)
    return make() if make else hashlib.new(name.replace("-", "").lower())
