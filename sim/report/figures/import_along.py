"""Requests along the log, stacked by team, with the 429s below."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from sim.report.figures.base import Canvas, Sheet, cut, grid
from sim.report.import_view import View, count_text, digits, span_text
from sim.report.style import INK, MUTED, OUTCOMES_LIGHT, REST
from sim.workload.importers.clock import zone

HIGH, LOW = 190, 54
MINUTE = 60.0
STEPS = (1, 5, 15, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600, 2_592_000)


def finding(view: View) -> str:
    """When most requests came."""
    counts = np.asarray(view.summary["along"]["all"])
    most, mean = int(counts.max()), float(counts[:-1].mean()) if len(counts) > 1 else float(counts.mean())
    width = span_text(view.summary["along"]["width_s"])
    if not mean or most < 1.2 * mean:
        return "Requests come evenly along the log"
    return f"The busiest {width} had {count_text(most)} requests, {digits(most / mean)} times the mean"


def draw(view: View, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None for a log of one instant."""
    along = view.summary["along"]
    counts = np.asarray(along["all"], float)
    if len(counts) < 3:
        return None
    limited = np.asarray(along["limited"], float)
    low = LOW if limited.any() else 0
    canvas = Canvas(width, HIGH + low + 30 + 17 * 3)
    axes = canvas.panel(52, 8, width - 62, HIGH)
    seconds = np.arange(len(counts) + 1) * along["width_s"]
    colours = {one.name: one.colour for one in view.senders}
    base = np.zeros(len(counts))
    names = sorted(along["teams"], key=lambda name: -sum(along["teams"][name]))
    for name in names:
        top = base + np.asarray(along["teams"][name])
        axes.stairs(top, seconds, baseline=base, fill=True, color=colours.get(name, REST), linewidth=0)
        base = top
    if (counts > base).any():
        axes.stairs(counts, seconds, baseline=base, fill=True, color=REST, linewidth=0)
    axes.set_ylim(0, max(1, counts.max()) * 1.06)
    _axis(axes, view, seconds[-1], width, labels=not low)
    if low:
        _refusals(canvas, view, limited, seconds, width)
    rest = [(REST, "others")] if (counts > base).any() else []
    canvas.key(52, HIGH + low + 44, [(colours.get(name, REST), cut(name, 150)) for name in names] + rest)
    title, step = finding(view), span_text(along["width_s"])
    return Sheet(
        canvas.figure, title, f"Requests in each {step}, by team", f"Stacked steps of requests over time. {title}."
    )


def _refusals(canvas: Canvas, view: View, limited: np.ndarray, seconds: np.ndarray, width: int) -> None:
    """The 429s on a strip of their own."""
    axes = canvas.panel(52, HIGH + 22, width - 62, LOW - 20)
    axes.stairs(limited, seconds, fill=True, color=OUTCOMES_LIGHT["refused"], linewidth=0)
    axes.set_ylim(0, max(1, limited.max()) * 1.1)
    axes.set_yticks([0, int(limited.max())], ["0", count_text(limited.max())])
    canvas.text(52, HIGH + 11, "429s", weight="bold", color=INK)
    _axis(axes, view, seconds[-1], width, labels=True, y=False)


def _axis(axes: object, view: View, end: float, width: int, *, labels: bool, y: bool = True) -> None:
    """Round steps of time, dates where the log has them."""
    from matplotlib.axes import Axes
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    assert isinstance(axes, Axes)
    most = max(3, int(width / 120))
    step = next((one for one in STEPS if end / one <= most), 31_536_000)
    offset = 0.0 if view.relative else _into_day(_start(view))
    # A label at the very end would stand out of the sheet.
    places = [at for at in np.arange(-(offset % step), 0.97 * end, step) if at >= 0]
    axes.set_xlim(0, end)
    axes.set_xticks(places, [_label(view, at, step) if labels else "" for at in places])
    if y:
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: count_text(value)))
        grid(axes, "y")
    axes.tick_params(colors=MUTED)


def _start(view: View) -> datetime:
    """The log's first request, in the zone of the profile."""
    return datetime.fromisoformat(view.summary["start"].replace("Z", "+00:00")).astimezone(
        zone(view.summary["timezone"])
    )


def _into_day(moment: datetime) -> float:
    """Seconds since midnight."""
    return moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6


def _label(view: View, seconds: float, step: float) -> str:
    if view.relative:
        return (
            f"{seconds / 86_400:g} d" if step >= 86_400 else f"{int(seconds) // 3600}:{int(seconds) % 3600 // 60:02d}"
        )
    moment = _start(view) + timedelta(seconds=float(seconds))
    if step >= 86_400:
        return moment.strftime("%d %b")
    return moment.strftime("%H:%M:%S" if step < 60 else "%H:%M")
