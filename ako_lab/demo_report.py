"""How the demo shows what it does: with movement on a terminal, as plain lines elsewhere.

Both forms say the same in the same order: a step begins, may tell of its progress, ends with its duration; tables and
remarks stand between. Nothing here decides anything, so a log file of a pipeline reads like the terminal.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

import click
from rich.console import Console
from rich.table import Table

_GAP: Final = 2
_LEAST: Final = 8

Row = Mapping[str, str]
Progress = Callable[[str], None]


class Report(Protocol):
    """Where the demo's steps, tables and remarks go."""

    def step(self, title: str) -> AbstractContextManager[Progress]:
        """Begin a step; its context gives the function that takes progress."""

    def table(self, rows: Sequence[Row]) -> None:
        """Show uniform rows under a heading."""

    def say(self, text: str) -> None:
        """Show a remark."""


class PlainReport:
    """Plain lines, for pipes, files and continuous integration."""

    def __init__(self) -> None:
        self._number = 0

    @contextmanager
    def step(self, title: str) -> Iterator[Progress]:
        """Print the title, the progress as it comes, and the duration."""
        self._number += 1
        began = time.monotonic()
        click.echo(f"{self._number}. {title}")
        yield lambda text: click.echo(f"   {text}")
        click.echo(f"   done in {time.monotonic() - began:.1f} s")

    def table(self, rows: Sequence[Row]) -> None:
        """Print aligned columns."""
        heads = list(rows[0])
        widths = [max(len(head), *(len(row[head]) for row in rows)) for head in heads]
        for cells in (heads, *([row[head] for head in heads] for row in rows)):
            line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            click.echo(f"   {line}".rstrip())

    def say(self, text: str) -> None:
        """Print the remark."""
        click.echo(f"   {text}")


class TerminalReport:
    """Colours and a moving line, for people who watch."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._number = 0

    @contextmanager
    def step(self, title: str) -> Iterator[Progress]:
        """Show a spinner with the last progress, then a mark and the duration."""
        self._number += 1
        began = time.monotonic()
        name = f"{self._number}. {title}"
        with self._console.status(f"[bold]{name}[/]") as status:
            try:
                yield lambda text: status.update(f"[bold]{name}[/] [dim]{text}[/]")
            except BaseException:
                self._console.print(f"[red]✗[/] [bold]{name}[/]")
                raise
        self._console.print(f"[green]✓[/] [bold]{name}[/] [dim]{time.monotonic() - began:.1f} s[/]")

    def table(self, rows: Sequence[Row]) -> None:
        """Show a table that folds long cells, between words as long as every word has room."""
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
        widths = _widths(rows, self._console.width)
        for head in rows[0]:
            table.add_column(head, overflow="fold", width=widths.get(head))
        for row in rows:
            table.add_row(*row.values())
        self._console.print(table)

    def say(self, text: str) -> None:
        """Show the remark."""
        self._console.print(f"  {text}", soft_wrap=True, markup=False)


def _widths(rows: Sequence[Row], room: int) -> dict[str, int]:
    """Widths at which no word is broken, the first columns as wide as they like.

    Where there is no room for that, words are broken in the last columns first: what a row is about stands in the first
    ones, and is copied. None if that is not enough.
    """
    widths: dict[str, int] = {}
    spare = room - _GAP * len(rows[0])
    for head in rows[0]:
        widths[head] = max(len(word) for text in _texts(head, rows) for word in text.split())
        spare -= widths[head]
    for head in reversed(widths):
        less = max(min(-spare, widths[head] - _LEAST), 0)
        widths[head] -= less
        spare += less
    if spare < 0:
        return {}
    for head, width in widths.items():
        more = min(spare, max(map(len, _texts(head, rows))) - width)
        widths[head] += more
        spare -= more
    return widths


def _texts(head: str, rows: Sequence[Row]) -> list[str]:
    return [head, *(row[head] for row in rows)]


def report_for(*, terminal: bool) -> Report:
    """The report that fits where standard output goes."""
    return TerminalReport() if terminal else PlainReport()
