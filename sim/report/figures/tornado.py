"""Which assumption matters most: the outcome at both ends of each, the widest first."""

from __future__ import annotations

from sim.report.cost_tables import value_text
from sim.report.cost_view import Json, View, dollars
from sim.report.figures.base import Canvas, Sheet, cut, grid, length
from sim.report.style import INK, MUTED, RAMP_LIGHT

LINE, MOST = 34.0, 12
LOW, HIGH = RAMP_LIGHT[3], RAMP_LIGHT[8]


def finding(view: View) -> str:
    """The widest bar."""
    tornado = view.summary["tornado"]
    bar = tornado["bars"][0]
    what = "the saving" if tornado["outcome"] == "saving" else "the cost"
    low, high = sorted((bar["at_low"], bar["at_high"]))
    return f"{bar['title'].capitalize()} matters most: {what} goes from {dollars(low)} to {dollars(high)} with it"


def draw(view: View, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None where nothing is uncertain."""
    tornado = view.summary["tornado"]
    if tornado is None or not tornado["bars"]:
        return None
    bars = tornado["bars"][:MOST]
    centre = tornado["at_modes"]["mean"]
    room = min(max(length(bar["title"]) for bar in bars) + 14, 270.0 if width > 500 else 128.0)
    ends = [bar[end] for bar in bars for end in ("at_low", "at_high")] + [centre]
    low, high = min(ends), max(ends)
    edge = 0.2 * (high - low) if high > low else 1.0
    canvas = Canvas(width, len(bars) * LINE + 66, 24)
    canvas.key(room, -12, [(LOW, "at its low end"), (HIGH, "at its high end")])
    axes = canvas.panel(room, 0, width - room - 10, len(bars) * LINE)
    axes.set_xlim(low - edge, high + edge)
    axes.set_ylim(len(bars) * LINE, 0)
    axes.set_yticks([])
    grid(axes)
    axes.xaxis.set_major_formatter(lambda value, _: dollars(value))
    axes.locator_params(axis="x", nbins=max(3, int((width - room) / 110)))
    for at, bar in enumerate(bars):
        y = at * LINE + LINE / 2
        for end, colour in (("at_low", LOW), ("at_high", HIGH)):
            axes.barh(y, bar[end] - centre, left=centre, height=17, color=colour, linewidth=0, zorder=2)
        _ends(axes, bar, y)
        canvas.text(0, y - 6, cut(bar["title"], room - 8))
        canvas.text(0, y + 8, cut(f"{value_text(bar, 'low')} to {value_text(bar, 'high')}", room - 8), color=MUTED)
    axes.axvline(centre, color=INK, linewidth=1.2, zorder=3)
    title = finding(view)
    return Sheet(canvas.figure, title, _subtitle(view, tornado), f"A tornado of {len(bars)} assumptions. {title}.")


def _ends(axes: object, bar: Json, y: float) -> None:
    """The outcome written beside both ends."""
    from sim.report.numbers import NB

    left, right = sorted((bar["at_low"], bar["at_high"]))
    for value, side, text in ((left, "right", f"{dollars(left)}{NB}"), (right, "left", f"{NB}{dollars(right)}")):
        axes.text(value, y, text, ha=side, va="center_baseline", fontsize=9.5, color=MUTED, parse_math=False)  # type: ignore[attr-defined]


def _subtitle(view: View, tornado: Json) -> str:
    names = [f"“{name}”" for name in tornado["configurations"]]
    what = (
        f"Saving from {names[0]} to {names[1]} at an equal price, with everything that is counted"
        if tornado["outcome"] == "saving"
        else f"What a month costs in all under {names[0]}"
    )
    more = len(tornado["bars"]) - MOST
    left = f"; {more} more in the table" if more > 0 else ""
    return f"{what}, dollars a month; one assumption at a time, the others at their likeliest (line){left}"
