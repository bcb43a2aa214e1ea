"""What a benchmark says: sections with a table, targets that were reached or missed, and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Row = tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """A number that should be held: at least ``aim``, or at most where ``most``."""

    text: str
    value: float
    aim: float
    unit: str = "×"
    most: bool = False

    @property
    def reached(self) -> bool:
        """Whether it holds in this run."""
        return self.value <= self.aim if self.most else self.value >= self.aim

    @property
    def row(self) -> Row:
        """As a row of the table of targets."""
        sign = "≤" if self.most else "≥"
        verdict = "reached" if self.reached else "**missed**"
        return self.text, f"{sign} {self.aim:g} {self.unit}", f"{self.value:.3g} {self.unit}", verdict


@dataclass(frozen=True)
class Section:
    """One part: what was measured and how, the table, and its targets."""

    title: str
    intro: str
    head: Row = ()
    rows: Sequence[Row] = ()
    targets: Sequence[Target] = ()
    notes: Sequence[str] = field(default_factory=tuple)


TARGETS = ("target", "aim", "measured", "")


def _table(head: Row, rows: Sequence[Row]) -> list[str]:
    """A Markdown table, its columns aligned so that it reads well in a terminal too; numbers stand right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]

    def line(cells: Row) -> str:
        padded = [
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [line(head), f"| {' | '.join(rule)} |", *map(line, rows)]


def markdown_of(section: Section) -> str:
    """One section."""
    lines = [f"## {section.title}", "", section.intro, ""]
    if section.rows:
        lines += [*_table(section.head, section.rows), ""]
    if section.targets:
        lines += [*_table(TARGETS, [target.row for target in section.targets]), ""]
    lines += [f"- {note}" for note in section.notes] + [""] * bool(section.notes)
    return "\n".join(lines)


def page(opening: str, sections: Sequence[str]) -> str:
    """The whole page."""
    return "\n".join([opening, *(f"{one.rstrip()}\n" for one in sections)])


def sections_of(text: str, opening: str) -> dict[str, str]:
    """The sections of a page by their headings; none where it opens otherwise: another machine's do not mix."""
    if not text.startswith(opening):
        return {}
    return {part.partition("\n")[0]: f"## {part}" for part in text[len(opening) :].split("\n## ")[1:]}
