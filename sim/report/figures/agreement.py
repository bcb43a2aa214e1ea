"""Both worlds on one line a team: success and p95, simulated and live, with what they may differ by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sim.report.figures.base import Canvas, Sheet, cut, grid
from sim.report.numbers import NB
from sim.report.style import GRID, INK, TEAMS_LIGHT, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE, TOP, GAP = 24.0, 30.0, 26.0
SIMULATED, LIVE = TEAMS_LIGHT[:2]
PANELS = (("success rate", "Success rate, %", 100.0), ("p95", "p95 of the latency, s", 1.0))


def draw(entry: Mapping[str, Any], width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None when no team has a number."""
    teams = list(dict.fromkeys(line["team"] for line in entry["lines"]))
    lines = {(line["team"], line["metric"]): line for line in entry["lines"]}
    narrow = width < 500
    room = min(200.0, 20 + 7.2 * max(map(len, teams))) if not narrow else 96.0
    height = LINE * len(teams)
    columns = 1 if narrow else len(PANELS)
    wide = (width - room - GAP * columns) / columns
    canvas = Canvas(width, (height + TOP + 30) * (len(PANELS) // columns) + 4, top=20)
    canvas.key(0, -8, [(SIMULATED, "simulated"), (LIVE, "live"), (GRID, "tolerance")])
    for number, (metric, heading, scale) in enumerate(PANELS):
        x = room + (0 if narrow else number * (wide + GAP))
        y = TOP + (number * (height + TOP + 30) if narrow else 0)
        canvas.text(x, y - 10, heading, size=TEXT, weight="bold")
        if narrow or number == 0:
            for at, team in enumerate(teams):
                canvas.text(0, y + LINE * (at + 0.5), cut(team, room - 8, TEXT), size=TEXT)
        _panel(canvas.panel(x, y, wide, height), [lines[team, metric] for team in teams], scale)
    title = finding(entry)
    return Sheet(canvas.figure, title, "Both worlds, team by team; grey: what the live run may differ by", title)


def finding(entry: Mapping[str, Any]) -> str:
    """The largest difference of success rates."""
    rates = [line for line in entry["lines"] if line["metric"] == "success rate" and line["difference"] is not None]
    worst = max(rates, key=lambda line: abs(line["difference"]))
    if worst["difference"] == 0:
        return "Every team succeeds exactly as often live as simulated"
    return (
        f"Success rates differ by {100 * abs(worst['difference']):.2f} percentage points at the most "
        f"({worst['team']}; {100 * worst['tolerance']:g} are allowed)"
    ).replace(" percentage", f"{NB}percentage")


def _panel(axes: Axes, lines: list[Mapping[str, Any]], scale: float) -> None:
    axes.set_ylim(LINE * len(lines), 0)
    axes.set_yticks([])
    for at, line in enumerate(lines):
        y, one, two = LINE * (at + 0.5), line["simulated"], line["live"]
        if one is None or two is None:
            continue
        if line["tolerance"] is not None:
            bound = line["tolerance"] * scale
            axes.barh(y, 2 * bound, left=one * scale - bound, height=12, color=GRID, linewidth=0, zorder=1)
        axes.plot([one * scale, two * scale], [y, y], color=INK, linewidth=0.8, zorder=2)
        axes.plot([one * scale], [y], "o", color=SIMULATED, markersize=7, zorder=3)
        axes.plot([two * scale], [y], "o", color=LIVE, markersize=4, zorder=4)
    axes.margins(x=0.08)
    axes.locator_params(axis="x", nbins=5)
    grid(axes)
