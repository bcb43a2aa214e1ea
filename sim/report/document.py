"""What every report is made of, whichever study wrote it: a headline, sections of blocks, and how to do it again.

A study builds a :class:`Document`; :mod:`sim.report.frame` turns it into a page, into Markdown, and
into files. All text is plain: what writes it escapes it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.report.numbers import Stat

NUMBER, QUIET = "number", "quiet"
"""Kinds of columns besides plain text: numbers stand at the right, quiet ones repeat what a reader knows."""

DENSE = 7
"""Columns beyond which a table is set closer where there is little room."""

TONES = ("", "good", "bad", "quiet")


@dataclass(frozen=True)
class Head:
    """The heading of a column; ``kind`` is "", :data:`NUMBER` or :data:`QUIET`."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    ``sort`` is what the column is sorted by (NaN goes last); without it the text is. ``half`` stands
    small beside the text, as half an interval does; ``sub`` is a second line. ``tone`` ("good",
    "bad", "quiet") colours ``sub``, or the text where there is none. ``token`` names a colour of
    :data:`sim.report.style.TOKENS` for a square before the text. ``bar`` is a share from 0 to 1 that
    is drawn below the text with its interval, in the colour of the row's first cell.
    """

    text: str
    sort: float | str | None = None
    sub: str = ""
    tone: str = ""
    half: str = ""
    token: str = ""
    bar: Stat | None = None

    def __post_init__(self) -> None:
        if self.tone not in TONES:
            raise ValueError(f"tone {self.tone!r} is none of {TONES}")


@dataclass(frozen=True)
class Table:
    """A table that sorts on a click. The first cell of each row is its heading.

    ``foot`` are rows that stay at the end (totals). ``fold`` hides the table behind that line until
    it is opened. Neighbouring rows with the same first cell are shown as one group where the first
    cells have colours.
    """

    head: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    foot: tuple[tuple[Cell, ...], ...] = ()
    fold: str = ""

    def __post_init__(self) -> None:
        for row in (*self.rows, *self.foot):
            if len(row) != len(self.head):
                raise ValueError(f"{self.caption}: a row has {len(row)} cells for {len(self.head)} columns")

    @property
    def dense(self) -> bool:
        """Whether there are so many columns that they are set close on paper and on small screens."""
        return len(self.head) > DENSE

    @property
    def coloured(self) -> bool:
        """Whether rows open with a colour of their own, as teams do."""
        return any(row[0].token for row in (*self.rows, *self.foot))


@dataclass(frozen=True)
class Chart:
    """One figure: its finding, the quantity with its unit, and the drawings.

    ``drawings`` are SVG texts for the inside of a page, one for each of the widths desk, tablet and
    phone; ``svg`` is the file ``figures/NAME.svg``. Made by :func:`sim.report.charts.chart`.
    """

    name: str
    title: str
    subtitle: str
    drawings: tuple[str, ...]
    svg: str = ""


@dataclass(frozen=True)
class Text:
    """Paragraphs, then a list, then a block of code that is shown as it is; each may be empty."""

    paragraphs: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    code: str = ""


Block = Table | Chart | Text


@dataclass(frozen=True)
class Section:
    """A part of the page with an anchor ``id``; ``intro`` says how to read what follows."""

    id: str
    title: str
    intro: str = ""
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Document:
    """A whole report. ``kind`` is the command's name, ``name`` the scenario's.

    ``headline`` is the answer in one sentence, ``details`` what belongs to it, ``warnings`` what a
    reader has to mind. ``command`` gets the same numbers again, ``facts`` are labels and values
    beside it. ``downloads`` are files beside the page, each with what it holds.
    """

    kind: str
    name: str
    question: str
    headline: str
    details: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    assumptions: tuple[str, ...] = ()
    command: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    downloads: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.headline and self.headline[-1] not in ".!?":
            object.__setattr__(self, "headline", f"{self.headline}.")

    @property
    def charts(self) -> tuple[Chart, ...]:
        """Every figure, in the order of the page."""
        return tuple(block for section in self.sections for block in section.blocks if isinstance(block, Chart))
