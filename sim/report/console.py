"""What every result in a terminal shares: one console, how words and tables look in it, spark lines.

    def tell(console, width): opening(console, headline, details, warnings); console.print(table(…))
    print(written(tell))

Rich is imported where something is written, so that importing this costs nothing.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from sim.report.numbers import NB, Stat, half_text, value_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

BARS = "▁▂▃▄▅▆▇█"
NARROWEST = 80
"""Columns that are always taken; less would cut numbers."""

Tell = Callable[["Console", int], None]
"""(console, its width in columns): prints a result."""


def visible(text: str) -> str:
    """``text`` without characters that steer a terminal."""
    return "".join(char if char.isprintable() or char == NB else "\ufffd" for char in text)


def wants_colour(stream: TextIO) -> bool:
    """Colours only on a terminal that takes them, and not against NO_COLOR."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def written(tell: Tell, *, width: int | None = None, colour: bool | None = None) -> str:
    """What ``tell`` prints, as text for standard output.

    ``width`` in columns (the terminal's by default, 80 where there is none, never under 80);
    ``colour`` forces escape sequences on or off.
    """
    from shutil import get_terminal_size

    from rich.console import Console

    colour = wants_colour(sys.stdout) if colour is None else colour
    width = max(NARROWEST, width or get_terminal_size((NARROWEST, 24)).columns)
    target = io.StringIO()
    console = Console(
        file=target, width=width, force_terminal=colour, no_color=not colour, highlight=False, markup=False,
        emoji=False, color_system="standard" if colour else None, legacy_windows=False,
    )  # fmt: skip
    tell(console, width)
    return "\n".join(line.rstrip() for line in target.getvalue().replace(NB, " ").splitlines()) + "\n"


def opening(console: Console, headline: str, details: Iterable[str], warnings: Iterable[str]) -> None:
    """The answer in bold, what belongs to it, what to mind, and an empty line."""
    from rich.text import Text

    stop = "" if headline[-1:] in ".!?" else "."
    console.print(Text(visible(headline + stop), style="bold"))
    for sentence in details:
        console.print(Text(visible(sentence)))
    for sentence in warnings:
        console.print(Text(visible("Mind: " + sentence), style="yellow"))
    console.print()


def verdict(
    console: Console, headline: str, details: Iterable[str] = (), warnings: Iterable[str] = (), *, good: bool
) -> None:
    """A headline that says whether two things agree, green or red, and what belongs to it."""
    from rich.text import Text

    console.print(Text(visible(headline), style="bold green" if good else "bold red"))
    for sentence in details:
        console.print(Text(visible(sentence)))
    for sentence in warnings:
        console.print(Text(visible(sentence), style="red"))


def table(names: Iterable[tuple[str, int]], numbers: Iterable[str], trend: str = "", width: int | None = None) -> Table:
    """An empty table without lines: columns of ``names`` (each with its most characters), then of ``numbers``.

    ``trend`` heads a last column of spark lines; empty is none.
    """
    from rich.table import Table

    made = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim", width=width)
    for label, most in names:
        made.add_column(label, overflow="ellipsis", no_wrap=True, max_width=most)
    for label in numbers:
        made.add_column(label, justify="right", no_wrap=True)
    if trend:
        made.add_column(trend, no_wrap=True, overflow="crop")
    return made


def left_out(console: Console, count: int, text: str) -> None:
    """A quiet line on so many rows that a table does not show; nothing where there are none."""
    from rich.text import Text

    if count > 0:
        console.print(Text(f"{count} {text}", style="dim"))


def measured(value: Stat, kind: str, style: str = "") -> Text:
    """A number with half its interval, which is dim."""
    from rich.text import Text

    text = Text(value_text(value, kind).replace(NB, " "), style=style)
    half = half_text(value, kind).replace(NB, " ")
    return text.append(f" {half}", style="dim") if half else text


def spark(shares: Sequence[float], width: int = 12) -> str:
    """Shares from 0 to 1 as a line of blocks; intervals are averaged down to ``width``."""
    if not shares:
        return ""
    size = max(1, -(-len(shares) // width))
    groups = [shares[at : at + size] for at in range(0, len(shares), size)]
    means = [sum(group) / len(group) for group in groups]
    return "".join(BARS[min(7, max(0, round(7 * mean)))] for mean in means)


def scaled(values: Sequence[float]) -> list[float]:
    """Values as shares of the largest of them; zeros where nothing is larger than 0."""
    top = max(values, default=0.0)
    return [value / top if top > 0 else 0.0 for value in values]
