"""A figure at every width that a page needs, from one function that draws it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sim.report.document import Chart
from sim.report.figures.base import Sheet
from sim.report.style import MIDDLE, NARROW, WIDE, drawing
from sim.report.svg import inline, standalone

Draw = Callable[[int], Sheet | None]
"""Width in pixels → sheet, or None when there is nothing to show."""

_NOTED: ContextVar[dict[str, Draw] | None] = ContextVar("noted", default=None)


@contextmanager
def undrawn() -> Iterator[dict[str, Draw]]:
    """Inside, :func:`chart` draws nothing; what is given here says who would draw which chart."""
    noted: dict[str, Draw] = {}
    before = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(before)


def chart(name: str, draw: Draw) -> Chart | None:
    """Draw ``name`` at the three widths of a page; None where there is nothing to show.

    The file beside the page is the widest drawing under its heading, not drawn again.
    """
    noted = _NOTED.get()
    if noted is not None:
        noted[name] = draw
        return None
    with drawing():
        sheets = [sheet for width in (WIDE, MIDDLE, NARROW) if (sheet := draw(width)) is not None]
        if not sheets:
            return None
        drawings = tuple(inline(sheet.figure, f"{name}{at}", sheet.alt) for at, sheet in enumerate(sheets))
    widest = sheets[0]
    return Chart(name, widest.title, widest.subtitle, drawings, standalone(drawings[0], widest.title, widest.subtitle))
