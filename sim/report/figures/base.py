"""What figures share: a sheet measured in CSS pixels, panels on it, and rows for team × configuration.

A sheet has a fixed width and a height that its content asks for. Coordinates are pixels from the
upper left corner, so that text never shrinks with the number of teams.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.report.cast import shorten
from sim.report.inputs import Study
from sim.report.style import GRID, INK, MUTED, PER_CHAR, SMALL, TEXT, bare

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Sheet:
    """A finished figure: its finding, the quantity with its unit, and what it shows for those who can't see it."""

    figure: Figure
    title: str
    subtitle: str
    alt: str


BOLD = 1.15
"""How much wider bold text is."""

Drawing = Callable[[Study, int], Sheet | None]
"""(study, width in pixels) → sheet, or None when there is nothing to show."""


def cut(text: str, pixels: float, size: float = SMALL, *, bold: bool = False) -> str:
    """``text`` shortened with an ellipsis in the middle so that it fits into ``pixels``."""
    return shorten(text, max(4, int(pixels / (size * PER_CHAR * (BOLD if bold else 1)))))


def length(text: str, size: float = SMALL) -> float:
    """About how many pixels ``text`` is wide."""
    return len(text) * size * PER_CHAR


class Canvas:
    """A figure under construction, ``width`` × ``height`` pixels. ``top`` shifts all that comes after down."""

    def __init__(self, width: int, height: float, top: float = 0.0) -> None:
        from matplotlib.figure import Figure

        self.width, self.height, self.top = width, height, top
        self.figure: Figure = Figure(figsize=(width / 72, height / 72), dpi=72)

    def text(self, x: float, y: float, text: str, *, size: float = SMALL, color: str = INK, ha: str = "left",
             weight: str = "normal", rotation: float = 0) -> None:  # fmt: skip
        """Text at pixel (x, y); taken literally, never as markup."""
        self.figure.text(
            x / self.width, 1 - (y + self.top) / self.height, text,
            fontsize=size, color=color, ha=ha, va="center" if rotation else "center_baseline",
            fontweight=weight, rotation=rotation, rotation_mode="anchor", parse_math=False,
        )  # fmt: skip

    def panel(self, x: float, y: float, width: float, height: float) -> Axes:
        """Bare axes on a rectangle of pixels."""
        box = (x / self.width, 1 - (y + self.top + height) / self.height, width / self.width, height / self.height)
        axes = self.figure.add_axes(box)
        bare(axes)
        return axes

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A filled rectangle of pixels."""
        from matplotlib.patches import Rectangle

        corner = (x / self.width, 1 - (y + self.top + height) / self.height)
        size = (width / self.width, height / self.height)
        self.figure.add_artist(
            Rectangle(corner, *size, facecolor=colour, linewidth=0, transform=self.figure.transFigure)
        )

    def key(self, x: float, y: float, items: list[tuple[str, str]]) -> float:
        """A row of colour names, wrapped at the sheet's edge; returns the height that it took."""
        start, line = x, 0.0
        for colour, label in items:
            wide = 18 + len(label) * SMALL * PER_CHAR + 14
            if start > x and start + wide > self.width:
                start, line = x, line + 17
            self.box(start, y + line - 5, 10, 10, colour)
            self.text(start + 15, y + line, label, color=MUTED)
            start += wide
        return line + 17


def grid(axes: Axes, which: str = "x") -> None:
    """Thin lines at the ticks of one axis."""
    axes.grid(True, axis=which, color=GRID, linewidth=0.8)  # type: ignore[arg-type]


def time_axis(axes: Axes, start: float, end: float, ticks: int, labels: bool) -> None:
    """Minutes since the start of the scenario, at round steps."""
    steps = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080)
    step = next((one for one in steps if (end - start) / one <= ticks), 43200)
    first = -(-start // step) * step
    places = [first + step * at for at in range(int((end - first) // step) + 1)]
    axes.set_xlim(start, end)
    write = _day if step >= 1440 else _clock
    axes.set_xticks(places, [write(place) for place in places] if labels else [""] * len(places))
    for at, text in zip(places, axes.get_xticklabels(), strict=True):
        # At an edge the label stays inside its panel, clear of its neighbour's.
        edge = (at - start) / (end - start)
        text.set_horizontalalignment("left" if edge < 0.05 else "right" if edge > 0.95 else "center")


def _day(minutes: float) -> str:
    return f"day {int(minutes) // 1440}"


def _clock(minutes: float) -> str:
    return f"{int(minutes) // 60}:{int(minutes) % 60:02d}"


@dataclass(frozen=True)
class Rows:
    """Rows of a chart: one block a team, one line a configuration. ``y`` is in pixels from the top."""

    lines: tuple[tuple[str, str, float], ...]
    blocks: tuple[tuple[str, float], ...]
    height: float


def rows_of(teams: tuple[str, ...], configurations: tuple[str, ...], *, line: float = 17, heading: float = 20) -> Rows:
    """Lay out every team with its configurations under it (beside it, when there is only one)."""
    lines, blocks, y = [], [], 0.0
    single = len(configurations) == 1
    for team in teams:
        blocks.append((team, y + (line / 2 if single else heading / 2)))
        y += 0 if single else heading
        for name in configurations:
            lines.append((team, name, y + line / 2))
            y += line
        y += 4 if single else 8
    return Rows(tuple(lines), tuple(blocks), y)


def label_room(study: Study, teams: tuple[str, ...], width: int) -> float:
    """Pixels that the row labels get: as long as the longest name, within a quarter (a third on phones)."""
    longest = max(len(name) for name in (*teams, *study.cast.configurations))
    return min(longest * TEXT * PER_CHAR * 1.12 + 28, 240.0 if width > 500 else 112.0)


def label_rows(canvas: Canvas, rows: Rows, study: Study, room: float) -> None:
    """Team names in bold beside a square of their colour; configuration names under them."""
    single = len(study.cast.configurations) == 1
    for team, y in rows.blocks:
        canvas.box(0, y - 5, 9, 9, study.cast.colour(team))
        canvas.text(15, y, cut(team, room - 20, TEXT, bold=True), size=TEXT, weight="bold")
    if not single:
        for _, name, y in rows.lines:
            canvas.text(15, y, cut(name, room - 25), color=MUTED)


def rows_panel(canvas: Canvas, rows: Rows, x: float, width: float) -> Axes:
    """One panel behind all rows whose y axis is pixels from the top, so marks sit on their labels."""
    axes = canvas.panel(x, 0, width, rows.height)
    axes.set_ylim(rows.height, 0)
    axes.set_yticks([])
    return axes


def shown_teams(study: Study, most: int = 10) -> tuple[tuple[str, ...], str]:
    """The teams that a chart shows one by one, and a half-sentence on those that it leaves out."""
    teams = study.cast.top[:most]
    left = len(study.cast.teams) - len(teams)
    return teams, f"; {left} smaller teams not shown" if left > 1 else "; one smaller team not shown" if left else ""
