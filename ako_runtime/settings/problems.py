"""What is wrong with a configuration, all of it at once, in the words of whoever wrote it.

A problem carries the name as the user wrote it: a ConfigMap key, an environment variable or a values path. The nearest
known name is offered where a name is unknown, so a slip of the finger is one reading away from its correction.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import NoReturn

from msgspec import Struct

from ako_runtime.errors import UserError


class Problem(Struct, frozen=True, kw_only=True):
    """One thing that is wrong: where, and what was expected instead."""

    name: str
    message: str

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


class SettingsError(UserError):
    """The configuration cannot be used; `problems` lists every reason, `tolerated` what is wrong besides."""

    def __init__(self, problems: tuple[Problem, ...], *, source: str, tolerated: tuple[Problem, ...] = ()) -> None:
        self.problems = problems
        self.tolerated = tolerated
        self.source = source
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{source} has {count}: " + "; ".join(str(problem) for problem in problems))


def refuse(problems: Iterable[Problem], *, source: str, tolerated: Iterable[Problem] = ()) -> NoReturn:
    """Raise the error for `problems`, each once, in their order."""
    raise SettingsError(tuple(dict.fromkeys(problems)), source=source, tolerated=tuple(dict.fromkeys(tolerated)))


def unknown(name: str, *, known: Iterable[str], retired: Mapping[str, str] | None = None) -> Problem:
    """The problem of a name that nobody knows, with its successor or else the nearest one that is known."""
    if retired and name in retired:
        return Problem(name=name, message=retired[name])
    candidates = list(known)
    lowered = {candidate.lower(): candidate for candidate in candidates}
    near = lowered.get(name.lower()) or next(iter(get_close_matches(name, candidates, n=1, cutoff=0.6)), None)
    if near is None:
        # Values paths differ mostly in their section: compare the last part alone.
        tails = {candidate.rsplit(".", 1)[-1].lower(): candidate for candidate in candidates}
        tail = get_close_matches(name.rsplit(".", 1)[-1].lower(), list(tails), n=1, cutoff=0.75)
        near = tails[tail[0]] if tail else None
    hint = f"did you mean '{near}'?" if near else "see 'ako config explain' for the known ones"
    return Problem(name=name, message=f"unknown setting; {hint}")
