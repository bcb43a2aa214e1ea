"""The risk after each step, in the order of the plan and in others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.report.figures.base import Canvas, Sheet, cut, grid, length
from sim.report.figures.month_axis import spread
from sim.report.migrate_view import View, names_text, risk_text
from sim.report.numbers import number
from sim.report.style import INK, MUTED, REST, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT, LEFT = 250.0, 46.0
DASHES = {
    "alphabetical": (0, (5, 3)),
    "biggest first": (0, (1.5, 2)),
    "smallest first": (0, (6, 2, 1.5, 2)),
    "without a canary": (0, (9, 2)),
}


def draw(view: View, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None where there is one step only."""
    order = view.summary["order"]
    chosen, others = order["chosen"], _different(view)
    if len(chosen["risks"]) < 3:
        return None
    labels = [chosen["name"], *(one["name"] for one in others)]
    room = min(max(length(label) for label in labels) + 14, width * 0.32)
    canvas = Canvas(width, HEIGHT + 48)
    axes = canvas.panel(LEFT, 8, width - LEFT - room, HEIGHT)
    top = max(max(one["risks"]) for one in (chosen, *others)) * 1.06 or 1.0
    axes.set_ylim(0, top)
    axes.set_xlim(0, len(chosen["risks"]) - 1)
    grid(axes, "y")
    axes.locator_params(axis="y", nbins=6)
    _lines(axes, chosen, others)
    _axis(axes, canvas, view, width - LEFT - room)
    wanted = [8 + HEIGHT * (1 - _last_but_one(one) / top) for one in (chosen, *others)]
    for label, y, first in zip(labels, spread(wanted, 14, 10, HEIGHT + 6), [True, *[False] * len(others)], strict=True):
        canvas.text(width - room + 8, y, cut(label, room - 10), color=INK if first else MUTED,
                    weight="bold" if first else "normal")  # fmt: skip
    title = _finding(view)
    subtitle = f"Services at risk after each step; mean over {order['replications']} replications on the same draws"
    return Sheet(canvas.figure, title, subtitle, f"Risk by step in {len(labels)} orders. {title}.")


def _different(view: View) -> list[dict[str, object]]:
    """Other orders, without those that happen to be the plan's own or one that is there already."""
    order = view.summary["order"]
    seen, found = [order["chosen"]["waves"]], []
    for one in order["others"]:
        if one["waves"] not in seen:
            seen.append(one["waves"])
            found.append(one)
    return found


def _last_but_one(one: dict[str, object]) -> float:
    """Where a label stands: all orders end alike, so beside the state before the last."""
    risks: list[float] = one["risks"]  # type: ignore[assignment]
    return risks[-2]


def _lines(axes: Axes, chosen: dict[str, object], others: list[dict[str, object]]) -> None:
    for one in others:
        risks: list[float] = one["risks"]  # type: ignore[assignment]
        axes.plot(
            range(len(risks)), risks, color=REST, linewidth=1.4, linestyle=DASHES.get(str(one["name"]), "-"), zorder=2
        )
    mine: list[float] = chosen["risks"]  # type: ignore[assignment]
    axes.plot(range(len(mine)), mine, color=INK, linewidth=2.2, zorder=4)
    axes.plot(range(len(mine)), mine, color=INK, marker="o", markersize=6, linestyle="none", zorder=5, clip_on=False)


def _axis(axes: Axes, canvas: Canvas, view: View, room: float) -> None:
    """Steps below the axis, with what moves where there is room for it."""
    count = len(view.steps)
    each = room / count
    axes.set_xticks(range(count + 1), [""] * (count + 1))
    canvas.text(LEFT, HEIGHT + 22, "today", color=MUTED, ha="left" if each > length("today") + 4 else "right")
    for at, step in enumerate(view.steps, 1):
        x = LEFT + at * each
        last = at == count
        text = str(at) if each < 90 else f"{at} {cut(names_text(step['projects'], 1), each * 0.5)}"
        canvas.text(x, HEIGHT + 22, text, color=MUTED, ha="right" if last else "center", size=SMALL)


def _finding(view: View) -> str:
    order = view.summary["order"]
    chosen = order["chosen"]
    worst = max(order["others"], key=lambda one: one["exposure"])
    if worst["exposure"] - chosen["exposure"] < 0.005:
        return f"The order hardly matters: risk falls from {risk_text(view.today)} to {risk_text(view.end)} services"
    return (
        f"On the way {number(chosen['exposure'], 2)} services are at risk on average, in {worst['name']} order "
        f"{number(worst['exposure'], 2)}"
    )
