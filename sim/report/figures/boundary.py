"""Each request that ends otherwise: how near its decision was to a boundary, against the lateness around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sim.report.figures.base import Canvas, Sheet, grid
from sim.report.numbers import NB
from sim.report.style import INK, MUTED, SMALL, TEAMS_LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT, LEFT, LEAST_MS = 260.0, 64.0, 0.01
"""Distances below ten microseconds are drawn there: the axes are logarithmic."""


def draw(entry: Mapping[str, Any], width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None when every request ends alike."""
    partings = [one for one in entry["boundary"]["partings"] if one["distance_ms"] is not None]
    if not partings:
        return None
    causes = [cause for cause in entry["boundary"]["counts"] if any(one["cause"] == cause for one in partings)]
    colours = dict(zip(entry["boundary"]["counts"], TEAMS_LIGHT, strict=False))
    canvas = Canvas(width, HEIGHT + 78, top=22)
    canvas.key(0, -8, [(colours[cause], cause) for cause in causes])
    canvas.text(0, 16, "distance to the boundary, ms", size=SMALL, color=MUTED)
    canvas.text(width - 4, HEIGHT + 48, "lateness around it, ms", size=SMALL, color=MUTED, ha="right")
    axes = canvas.panel(LEFT, 26, width - LEFT - 12, HEIGHT - 12)
    _scatter(axes, partings, {cause: colours[cause] for cause in causes})
    title = finding(entry)
    subtitle = "A point is a request that ends otherwise; below the line its decision was nearer to a boundary than "
    return Sheet(canvas.figure, title, subtitle + "attempts around it were late", title)


def finding(entry: Mapping[str, Any]) -> str:
    """How many of those that end otherwise were at a boundary."""
    counts = entry["boundary"]["counts"]
    total = sum(counts.values())
    near = next(iter(counts.values()))
    if near == total:
        every = "The one request that ends otherwise was" if total == 1 else f"All {total:,} that end otherwise were"
        return f"{every} within the lateness of a boundary"
    rest = [f"{count:,} {cause}" for cause, count in list(counts.items())[1:] if count]
    return (
        f"{near:,} of {total:,} that end otherwise were within the lateness of a boundary; {', '.join(rest)}".replace(
            " %", f"{NB}%"
        )
    )


def _scatter(axes: Axes, partings: list[Mapping[str, Any]], colours: Mapping[str, str]) -> None:
    late = [max(LEAST_MS, float(one["lateness_ms"])) for one in partings]
    far = [max(LEAST_MS, float(one["distance_ms"])) for one in partings]
    low, high = min(*late, *far) / 2, max(*late, *far) * 2
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.plot([low, high], [low, high], color=INK, linewidth=0.8, zorder=1)
    for cause, colour in colours.items():
        own = [one for one in partings if one["cause"] == cause]
        x = [max(LEAST_MS, one["lateness_ms"]) for one in own]
        y = [max(LEAST_MS, one["distance_ms"]) for one in own]
        axes.plot(x, y, "o", color=colour, markersize=5, alpha=0.75, zorder=2)
    axes.set_xlim(min(late) / 3, max(late) * 3)
    axes.set_ylim(low, high)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter(lambda value, _: "")
    grid(axes, "both")
