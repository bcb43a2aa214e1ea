"""Content that waits for a reviewer over time, one panel a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.report.cast import place
from sim.report.figures.base import Canvas, Sheet, cut, grid, time_axis
from sim.report.inputs import Study
from sim.report.numbers import clock, number
from sim.report.style import INK, REST, TEXT, shade

HEIGHT = 130
Queue = tuple[list[float], list[float]]
"""Minutes, and how many wait at each of them."""


def queues(study: Study) -> dict[str, Queue]:
    """The queue of each configuration, all desks together; empty where nothing is reviewed."""
    return {
        name: _queue(entry["reviews"])
        for name, entry in study.summary["configurations"].items()
        if entry.get("reviews")
    }


def _queue(desks: list[Mapping[str, Any]]) -> Queue:
    minutes = [float(end) / 60 for end in desks[0]["backlog"]["end_s"]]
    lines = [desk["backlog"]["waiting"] for desk in desks]
    return [0.0, *minutes], [0.0, *(float(sum(at)) for at in zip(*lines, strict=True))]


def finding(study: Study, found: Mapping[str, Queue]) -> str:
    """Where the queue is longest, and when."""
    peaks = {name: max(zip(waiting, minutes, strict=True)) for name, (minutes, waiting) in found.items()}
    worst = max(peaks, key=lambda name: peaks[name][0])
    most, when = peaks[worst]
    if most < 0.5:
        return "Reviewers keep up: next to nothing waits for them"
    where = f" {place(study.summary, worst)}" if len(found) > 1 else ""
    count, moment = number(most, 0 if most >= 10 else 1), clock(60 * when)
    return f"Up to {count} refused requests wait for a reviewer{where} (at {moment})"


def draw(study: Study, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None where nothing is reviewed."""
    found = queues(study)
    if not found:
        return None
    across = max(1, min(len(found), width // 330))
    block, wide = HEIGHT + 52, (width - 34 * across) / across
    canvas = Canvas(width, -(-len(found) // across) * block)
    top = max(1.0, *(max(waiting) for _, waiting in found.values())) * 1.08
    for at, (name, (minutes, waiting)) in enumerate(found.items()):
        x, y = 34 + (at % across) * (wide + 34), (at // across) * block
        canvas.text(x, y + 8, cut(name, wide, TEXT, bold=True), size=TEXT, weight="bold")
        axes = canvas.panel(x, y + 20, wide - 8, HEIGHT)
        axes.fill_between(minutes, waiting, color=REST, alpha=0.35, linewidth=0)
        axes.plot(minutes, waiting, color=INK, linewidth=1.4)
        axes.set_ylim(0, top)
        shade(axes, study.spans)
        time_axis(axes, 0.0, minutes[-1], max(2, int(wide / 60)), True)
        axes.locator_params(axis="y", nbins=4, integer=True)
        grid(axes, "y")
    title = finding(study, found)
    subtitle = "Requests refused for their content that wait to be reviewed; time as hours:minutes"
    subtitle += "; shaded: chaos" if study.windows else ""
    return Sheet(canvas.figure, title, subtitle, f"The review queue over time in {len(found)} configurations. {title}.")
