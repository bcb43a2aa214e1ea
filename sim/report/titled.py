"""A chart outside its page: the drawing with its finding and its unit above it, as one matplotlib figure."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from sim.report.figures.base import Sheet
from sim.report.style import INK, MUTED, PER_CHAR, SURFACE, TEXT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE, LINE, AIR = 15.0, 20.0, 18.0


def titled(sheet: Sheet) -> Figure:
    """The sheet's own figure, made taller, with title and subtitle on top and a light ground.

    Everything that was placed in shares of the height keeps its place in pixels.
    """
    from matplotlib.transforms import Affine2D

    figure = sheet.figure
    wide, high = (72 * inches for inches in figure.get_size_inches())
    first = textwrap.wrap(sheet.title, int(wide / (TITLE * PER_CHAR)))
    second = textwrap.wrap(sheet.subtitle, int(wide / (TEXT * PER_CHAR)))
    whole = high + LINE * len(first) + 16 * len(second) + AIR
    shrink = Affine2D().scale(1, high / whole) + figure.transFigure
    for artist in (*figure.texts, *figure.artists, *figure.patches, *figure.lines):
        artist.set_transform(shrink)
    for axes in figure.axes:
        box = axes.get_position()
        axes.set_position((box.x0, box.y0 * high / whole, box.width, box.height * high / whole))
    figure.set_size_inches(wide / 72, whole / 72)
    figure.set_facecolor(SURFACE)
    lines = [(line, TITLE, INK, "bold", LINE) for line in first]
    lines += [(line, TEXT, MUTED, "normal", 16.0) for line in second]
    y = 4.0
    for line, size, colour, weight, step in lines:
        place = 1 - (y + step / 2) / whole
        figure.text(0, place, line, size=size, color=colour, weight=weight, va="center", parse_math=False)
        y += step
    return figure
