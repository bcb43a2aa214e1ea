"""The contention matrix as a heat table with numbers: who hurts whom, in both forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.report.cast import place
from sim.report.figures.base import Canvas, Sheet, cut, length
from sim.report.inputs import Study
from sim.report.numbers import NB
from sim.report.style import MUTED, SMALL, TEXT, ink_on, ramp

FORMS = (
    ("counterfactual", "Counterfactual: % of the row’s loss gone without the column"),
    ("consumption", "Consumption: % of the refusing limit used by the column"),
)
LINE = 22
Matrix = Mapping[str, Mapping[str, float | None]]


def finding(study: Study) -> str:
    """The cause of the most hurt team, as found for the answer."""
    found, base = study.answer.verdict, place(study.summary, study.cast.baseline)
    share = found.cause.share.mean
    if found.kind != "loss":
        return f"No team clearly loses requests {base}: shares there are of small losses"
    if found.cause.kind == "team":
        return f"{found.cause.who} causes {100 * min(share, 1):.0f}{NB}% of {found.victim}’s loss {base}"
    if found.cause.kind == "held":
        return f"{found.cause.who} held {100 * share:.0f}{NB}% of the capacity that {found.victim} was missing {base}"
    if found.cause.kind == "self":
        return f"{found.victim} stands in its own way {base}: no other team causes its loss"
    return f"No other team explains what {found.victim or 'anybody'} loses {base}"


def _panels(study: Study) -> list[tuple[str, str, Matrix]]:
    """(configuration, form's caption, matrix) of each matrix that is not empty."""
    found: list[tuple[str, str, Matrix]] = []
    contention: Mapping[str, Any] = study.summary.get("contention", {})
    for name in study.cast.configurations:
        for form, caption in FORMS:
            matrix = contention.get(name, {}).get(form) or {}
            if any(share for row in matrix.values() for share in row.values()):
                found.append((name, caption, matrix))
    return found


def _sides(study: Study, panels: list[tuple[str, str, Matrix]], most: int) -> tuple[list[str], list[str]]:
    """The victims and culprits worth a row or column anywhere, in the order of the cast."""
    rows = {victim for _, _, matrix in panels for victim in matrix}
    weight: dict[str, float] = {}
    for _, _, matrix in panels:
        for row in matrix.values():
            for culprit, share in row.items():
                weight[culprit] = max(weight.get(culprit, 0), share or 0)
    columns = sorted((team for team in weight if weight[team] >= 0.005), key=lambda team: -weight[team])[:most]
    order = study.cast.teams
    return [team for team in order if team in rows][:most], [team for team in order if team in columns]


def _cell(canvas: Canvas, x: float, y: float, wide: float, share: float | None) -> None:
    canvas.box(x, y, wide - 2, LINE - 2, ramp(share or 0))
    text = "" if share is None else f"{100 * share:.0f}".replace("-", "\u2212").replace("\u22120", "0")
    canvas.text(x + wide / 2 - 1, y + LINE / 2 - 1, text, ha="center", color=ink_on(share or 0))


@dataclass(frozen=True)
class Layout:
    """Measures of one heat table: room for row names, width of a column, height of the headings."""

    victims: tuple[str, ...]
    culprits: tuple[str, ...]
    room: float
    wide: float
    head: float

    @classmethod
    def of(cls, victims: list[str], culprits: list[str], width: float) -> Layout:
        """Names stand upright over their columns where they fit, otherwise on end."""
        room = min(150.0, width * 0.32, 14 + max(map(length, victims)))
        longest = max(map(length, culprits)) + 6
        wide = max(30.0, min(90.0, (width - room) / len(culprits), longest))
        return cls(tuple(victims), tuple(culprits), room, wide, 18 if longest <= wide else min(120.0, longest + 4))


def _heat(canvas: Canvas, matrix: Matrix, layout: Layout, x: float, y: float) -> None:
    """One heat table at (x, y)."""
    room, wide = layout.room, layout.wide
    for at, culprit in enumerate(layout.culprits):
        middle = x + room + (at + 0.5) * wide - 1
        if layout.head <= 18:
            canvas.text(middle, y + 8, culprit, ha="center", color=MUTED)
        else:
            canvas.text(middle, y + layout.head - 5, cut(culprit, layout.head - 8), color=MUTED, rotation=90)
    for line, victim in enumerate(layout.victims):
        top = y + layout.head + line * LINE
        canvas.text(x + room - 8, top + LINE / 2 - 1, cut(victim, room - 8), ha="right")
        for at, culprit in enumerate(layout.culprits):
            share = matrix.get(victim, {}).get(culprit)
            _cell(canvas, x + room + at * wide, top, wide, share)


def draw(study: Study, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None when no team was ever refused."""
    panels = _panels(study)
    sides = _sides(study, panels, 10 if width > 500 else 6)
    if not panels or not all(sides):
        return None
    across = 2 if width >= 900 else 1
    wide = (width - 40 * (across - 1)) / across
    layout = Layout.of(*sides, wide)
    block = 48 + layout.head + len(sides[0]) * LINE
    lines = -(-len(panels) // across)
    title = finding(study)
    left = max(0, len({victim for _, _, matrix in panels for victim in matrix}) - len(sides[0]))
    subtitle = "Rows are hurt, columns are the cause; percent, mean of replications; empty: no such case"
    subtitle += f"; {left} more teams are in summary.json" if left else ""
    canvas = Canvas(width, lines * block)
    for at, (name, caption, matrix) in enumerate(panels):
        x, y = (at % across) * (wide + 40), (at // across) * block
        canvas.text(x, y + 8, cut(name, wide, TEXT, bold=True), size=TEXT, weight="bold")
        canvas.text(x, y + 24, cut(caption, wide, SMALL - 0.5), color=MUTED, size=SMALL - 0.5)
        _heat(canvas, matrix, layout, x, y + 32)
    alt = f"Heat tables of who hurts whom, {len(sides[0])} victims by {len(sides[1])} causes. {title}."
    return Sheet(canvas.figure, title, subtitle, alt)
