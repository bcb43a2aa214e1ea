"""Which provider tier each account needs, month by month: one bar an account, cut where a tier is outgrown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.report.capacity_terms import reason_text, short_tier, tier_name
from sim.report.capacity_view import View, grouped, tier_dates, when
from sim.report.cautions import capital
from sim.report.figures.base import Canvas, Sheet, cut, grid, length
from sim.report.figures.month_axis import month_axis
from sim.report.style import INK, MUTED, SMALL, TEXT, ink_on, ramp

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAR, LINE, HEADING, MOST = 22.0, 46.0, 24.0, 8


def _entries(view: View, name: str) -> list[Any]:
    return list(view.case(name)["tiers"])[:MOST]


def finding(view: View) -> str:
    """The first account's tier now and at the end."""
    entry = _entries(view, view.first)[0]
    first, last = entry["steps"][0], entry["steps"][-1]
    text = f"The traffic needs {tier_name(first['tier'], entry['provider'])} now"
    if last is first:
        return f"{text} and for all {view.months} months"
    name = "more than the largest tier" if last["tier"] is None else short_tier(last["tier"])
    return f"{text}, {name} after {when(last['from']).month or 0:.1f} months"


def _shade(tier: str | None, names: list[str | None]) -> float:
    """A deeper shade for a larger tier."""
    place = names.index(tier)
    return 0.2 + 0.7 * place / max(1, len(names) - 1)


def draw(view: View, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None where no tier of the catalogue fits the models."""
    groups = [(names, _entries(view, name)) for names, name in grouped(view, lambda case: tier_dates(view, case))]
    groups = [(names, rows) for names, rows in groups if rows]
    if not groups or not _entries(view, view.first):
        return None
    several = len(groups) > 1
    labels = [entry["account"] for _, rows in groups for entry in rows]
    room = min(max(length(label) for label in labels) + 14, width * 0.22)
    height = sum(len(rows) * LINE + (HEADING if several else 0) for _, rows in groups)
    canvas = Canvas(width, height + 30)
    y = 0.0
    for name, rows in groups:
        if several:
            canvas.text(0, y + HEADING / 2, cut(name, width, TEXT, bold=True), size=TEXT, weight="bold")
            y += HEADING
        for entry in rows:
            canvas.text(0, y + BAR / 2 + 2, cut(entry["account"], room - 8))
            axes = canvas.panel(room, y + 2, width - room, BAR)
            last = name == groups[-1][0] and entry is rows[-1]
            _bar(axes, canvas, entry, view, (room, y, width - room))
            month_axis(axes, view, width - room, labels=False)
            y += LINE
            if last:
                scale = canvas.panel(room, y - 12, width - room, 6)
                scale.set_yticks([])
                month_axis(scale, view, width - room)
                grid(scale)
    title = finding(view)
    subtitle = (
        "The smallest tier whose limits hold in the busy minute (99th percentile) of all that is asked for, and whose "
        "monthly spend cap is not passed"
    )
    return Sheet(canvas.figure, title, subtitle, f"Tiers over months. {title}.")


def _bar(axes: Axes, canvas: Canvas, entry: Any, view: View, place: tuple[float, float, float]) -> None:
    """The tiers of one account as segments with their names, and why the next is needed below."""
    x, y, wide = place
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    names: list[str | None] = [step["tier"] for step in entry["steps"]]
    starts = [when(step["from"]).month or 0.0 for step in entry["steps"]]
    for at, step in enumerate(entry["steps"]):
        start, end = starts[at], (starts[at + 1] if at + 1 < len(starts) else float(view.months))
        if start >= view.months:
            continue
        shade = _shade(step["tier"], names) if len(names) > 1 else 0.5
        axes.barh(0.5, end - start, left=start, height=1, color=ramp(shade), linewidth=0)
        pixels = wide * (end - start) / view.months
        label = "beyond" if step["tier"] is None else capital(step["tier"].partition("/")[2])
        if pixels > length(label) + 8:
            canvas.text(x + wide * start / view.months + 6, y + 2 + BAR / 2, label, color=ink_on(shade), weight="bold")
        if step["because"]:
            left = x + wide * start / view.months
            text = reason_text(step["because"])
            room = wide * (end - start) / view.months if at + 1 < len(starts) else x + wide - left
            canvas.text(left, y + BAR + 13, cut(text, max(room - 6, 60)), color=MUTED, size=SMALL)
    axes.plot([0, view.months], [0, 0], color=INK, linewidth=0)
