"""What a month's money goes to, bill and other costs, a bar for each configuration."""

from __future__ import annotations

from sim.report.cost_view import CAUSES, GROUPS, View, dollars
from sim.report.figures.base import Canvas, Sheet, cut, grid, length
from sim.report.numbers import stat
from sim.report.style import INK, OUTCOMES_LIGHT, RAMP_LIGHT, SURFACE, TEAMS_LIGHT, TEXT

LINE = 30.0
COLOURS = {
    "own work": RAMP_LIGHT[2],
    "retries and waste": OUTCOMES_LIGHT["failed"],
    "sent by incidents": OUTCOMES_LIGHT["refused"],
    "hours and fees": RAMP_LIGHT[9],
    "incidents’ other costs": TEAMS_LIGHT[5],
    "work not done": TEAMS_LIGHT[4],
}
"""Neighbours differ in lightness, for print in grey; the order of a bar is that of the key."""


def pieces(view: View, name: str) -> dict[str, float]:
    """The means of everything that is counted, in the order of the bars."""
    causes = view.configuration(name)["causes"]
    found = {label: stat(causes, cause).mean for cause, label in CAUSES.items()}
    return found | {
        group: view.other(name, group) for group in dict.fromkeys(GROUPS.values()) if group in view.groups()
    }


def finding(view: View) -> str:
    """What incidents take of the first configuration's money."""
    name = view.names[0]
    found = pieces(view, name)
    whole = sum(found.values())
    sent = found["sent by incidents"] + found.get("incidents’ other costs", 0.0)
    return f"Incidents take {dollars(sent)} of the {dollars(whole)} that a month costs in all under “{name}”"


def draw(view: View, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None where nothing costs anything."""
    bars = {name: pieces(view, name) for name in view.names}
    top = 1.02 * max(sum(one.values()) for one in bars.values())
    if not top > 0:
        return None
    room = min(max(length(name, TEXT) for name in bars) + 14, 150.0 if width > 500 else 84.0)
    labels = [label for label in COLOURS if any(one.get(label, 0.0) > 0.004 * top for one in bars.values())]
    canvas = Canvas(width, len(bars) * LINE + 80, 0)
    used = canvas.key(0, 8, [(COLOURS[label], label) for label in labels])
    canvas = Canvas(width, len(bars) * LINE + 44 + used, used + 6)
    canvas.key(0, 2 - used, [(COLOURS[label], label) for label in labels])
    axes = canvas.panel(room, 0, width - room - 74, len(bars) * LINE)
    axes.set_xlim(0, top)
    axes.set_ylim(len(bars) * LINE, 0)
    axes.set_yticks([])
    grid(axes)
    axes.xaxis.set_major_formatter(lambda value, _: f"${value:,.0f}")
    axes.locator_params(axis="x", nbins=max(3, int((width - room) / 110)))
    for at, (name, one) in enumerate(bars.items()):
        left, y = 0.0, at * LINE + LINE / 2
        for label, value in one.items():
            axes.barh(y, value, left=left, height=18, color=COLOURS[label], edgecolor=SURFACE, linewidth=0.8, zorder=2)
            left += value
        total = stat(view.configuration(name), "total_mean")
        axes.plot([total.low, total.high], [y + 12, y + 12], color=INK, linewidth=1.5, zorder=3)
        canvas.text(0, y, cut(name, room - 6, TEXT, bold=True), size=TEXT, weight="bold")
        canvas.text(width - 2, y, dollars(left), ha="right")
    title = finding(view)
    subtitle = "Dollars a month, mean of all months; line: 95 % interval of the sum"
    return Sheet(canvas.figure, title, subtitle, f"Stacked bars of costs by cause. {title}.")
