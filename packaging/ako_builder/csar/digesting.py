"""Hashing the members of an archive at the speed of the hash.

One large member: this thread reads and sums its CRC, another one hashes, a few chunks behind. Several large members:
two threads take one member each, for then both cores hash. Small ones are done in place. Where the archive itself is
signed, its own hash and those of its large members come out of one reading, each by a thread of its own. Memory is a
handful of chunks, whatever the size. A member whose content contradicts its header is reported with the rule that it
breaks.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec

from ako_builder.csar.container import Container, Entry, Unreadable

_LARGE = 8 << 20
_WINDOW = 4
_WORKERS = 2


class Digested(msgspec.Struct, frozen=True, kw_only=True):
    """Digests of one member by algorithm name, or why there are none."""

    digests: dict[str, str]
    rule: str = ""
    problem: str = ""


def member_digests(
    container: Container,
    *,
    wanted: Mapping[str, frozenset[str]],
    known: Mapping[str, Digested] | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Digested]:
    """Digests of the named members, each by the wanted algorithms; every member is read in full, if it was not yet."""
    found = {name: item for name, item in (known or {}).items() if name in wanted and _serves(item, wanted[name])}
    entries = [container.entries[name] for name in wanted if name not in found]
    large = [entry for entry in entries if entry.size >= _LARGE]
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


def whole_digests(
    container: Container, *, algorithms: Sequence[str], progress: Callable[[int], None] | None = None
) -> tuple[dict[str, bytes], dict[str, Digested]]:
    """Digests of the archive's own bytes and SHA-256 of its large stored members, from one reading."""
    whole = [new_hash(name) for name in algorithms]
    found: dict[str, Digested] = {}
    position = 0
    large = [
        entry
        for entry in container.entries.values()
        if entry.method == 0 and entry.size >= _LARGE and 0 <= entry.start <= container.size - entry.packed
    ]
    with (
        ThreadPoolExecutor(1, thread_name_prefix="hash-archive") as archive_lane,
        ThreadPoolExecutor(1, thread_name_prefix="hash-member") as member_lane,
    ):
        for entry in sorted(large, key=lambda entry: entry.start):
            if entry.start < position:
                continue  # no honest archive: its entries overlap, and each is read by itself
            for chunk in container.everything(start=position, stop=entry.start):
                _update(whole, chunk)
            member = new_hash("SHA-256")
            position = entry.start
            pending: list[tuple[Future[None], Future[None]]] = []
            try:
                for chunk in container.chunks(entry, buffers=_WINDOW):
                    pending.append(
                        (archive_lane.submit(_update, whole, chunk), member_lane.submit(member.update, chunk))
                    )
                    position += len(chunk)
                    if len(pending) >= _WINDOW - 1:
                        _await(pending.pop(0))
                    if progress:
                        progress(len(chunk))
            except Unreadable as error:
                found[entry.name] = Digested(digests={}, rule=error.rule, problem=str(error))
            for lanes in pending:
                _await(lanes)
            found.setdefault(entry.name, Digested(digests={"SHA-256": member.hexdigest()}))
        for chunk in container.everything(start=position):
            _update(whole, chunk)
    return {name: digest.digest() for name, digest in zip(algorithms, whole, strict=True)}, found


def _update(hashes: "Iterable[hashlib._Hash]", chunk: memoryview) -> None:
    for digest in hashes:
        digest.update(chunk)


def _await(lanes: tuple[Future[None], Future[None]]) -> None:
    for future in lanes:
        future.result()


def _serves(item: Digested, wanted: frozenset[str]) -> bool:
    return bool(item.problem) or wanted <= set(item.digests)


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
    return Digested(digests={name: digest.hexdigest() for name, digest in hashes.items()})


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
    return Digested(digests={name: digest.hexdigest() for name, digest in hashes.items()})


def new_hash(name: str) -> "hashlib._Hash":
    """A fresh hash of the algorithm that manifest and signature call so."""
    return hashlib.new(name.replace("-", "").lower())
