"""A saving as a waterfall: from what a month costs in all to what is left, one bar a lever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.report.cost_view import Json, View, dollars, usd
from sim.report.figures.base import Canvas, Sheet, cut, grid, length
from sim.report.numbers import stat
from sim.report.style import INK, MUTED, OUTCOMES_LIGHT, RAMP_LIGHT, REST

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE = 30.0
WHOLE, LESS, MORE = REST, RAMP_LIGHT[7], OUTCOMES_LIGHT["failed"]


def bar_text(bar: Json) -> str:
    """What a bar of the waterfall stands for."""
    if bar["kind"] == "price":
        return "price list"
    if bar["kind"] == "step":
        return f"bill: to “{bar['name']}”"
    return str(bar["name"])


def finding(saving: Json) -> str:
    """The price's part of everything that is saved."""
    total = stat(saving, "total")
    price = sum(bar["mean"] for bar in saving["bars"] if bar["kind"] == "price")
    if not saving["prices"]:
        return f"{dollars(total.mean)} a month are saved from “{saving['from']}” to “{saving['to'][-1]}”"
    rest = total.mean - price
    parts = f"{dollars(price)} are the price list and {dollars(rest)} everything else"
    return f"Of {dollars(total.mean)} saved a month, {parts}"


def draw(view: View, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None where no saving was asked for."""
    saving = view.saving
    if saving is None:
        return None
    rows = [bar for bar in saving["bars"] if abs(bar["mean"]) >= 0.5]
    before, after = stat(saving, "before").mean, stat(saving, "after").mean
    names = ["all costs, " + saving["from"], *map(bar_text, rows), "all costs, " + saving["to"][-1]]
    room = min(max(length(name) for name in names) + 14, 260.0 if width > 500 else 128.0)
    side = 118.0 if width > 500 else 66.0
    canvas = Canvas(width, len(names) * LINE + 40, 0)
    axes = canvas.panel(room, 0, width - room - side, len(names) * LINE)
    _axis(axes, rows, before, len(names), width - room - side)
    _whole(axes, 0, before)
    running = before
    for at, bar in enumerate(rows, 1):
        _floating(axes, at, running, bar)
        running -= bar["mean"]
    _whole(axes, len(names) - 1, after)
    values = [stat(saving, "before"), *(stat({"x": bar}, "x") for bar in rows), stat(saving, "after")]
    for at, (name, value) in enumerate(zip(names, values, strict=True)):
        y, whole = at * LINE + LINE / 2, at in (0, len(names) - 1)
        canvas.text(0, y, cut(name, room - 8), weight="bold" if whole else "normal", color=INK)
        shown = value if whole else value.scaled(1)
        text = usd(shown) if width > 500 else dollars(shown.mean)
        canvas.text(width - 2, y, text if whole else _change(text), ha="right", color=INK if whole else MUTED)
    title = finding(saving)
    subtitle = (
        "Dollars a month, mean; line: 95 % interval. Dark blue: saved; red: added; grey: what a month costs in all"
    )
    return Sheet(canvas.figure, title, subtitle, f"A waterfall of {len(rows)} parts of a saving. {title}.")


def _change(saved: str) -> str:
    """What is saved makes a month cheaper: a minus; what is added a plus."""
    return "+" + saved[1:] if saved.startswith("\u2212") else "\u2212" + saved


def _axis(axes: Axes, rows: list[Json], before: float, lines: int, pixels: float) -> None:
    running, lowest, highest = before, 0.0, before
    for bar in rows:
        running -= bar["mean"]
        lowest, highest = min(lowest, running), max(highest, running)
    axes.set_xlim(min(0.0, 1.02 * lowest), 1.02 * highest)
    axes.set_ylim(lines * LINE, 0)
    axes.set_yticks([])
    grid(axes)
    axes.xaxis.set_major_formatter(lambda value, _: f"${value:,.0f}")
    axes.locator_params(axis="x", nbins=max(3, int(pixels / 100)))


def _whole(axes: Axes, at: int, value: float) -> None:
    axes.barh(at * LINE + LINE / 2, value, height=18, color=WHOLE, linewidth=0, zorder=2)


def _floating(axes: Axes, at: int, start: float, bar: Json) -> None:
    """From what was left before to what is left after, with the interval at its end."""
    y, end = at * LINE + LINE / 2, start - bar["mean"]
    colour = LESS if bar["mean"] >= 0 else MORE
    axes.barh(y, end - start, left=start, height=18, color=colour, linewidth=0, zorder=2)
    low, high = bar["ci95"]
    if low is not None and high is not None:
        axes.plot([start - high, start - low], [y, y], color=INK, linewidth=1.3, zorder=3)
    axes.plot([end, end], [y, y + LINE], color=MUTED, linewidth=0.8, zorder=1)
