"""The charts of a report, drawn here and by a helper in another process at the same time.

Drawing is a third of a comparison's time, and all of it is Python: a thread would not help.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from sim.report.charts import chart
from sim.report.document import Chart
from sim.report.figures import FIGURES
from sim.report.inputs import Study
from sim.report.style import drawing


class Helper(Protocol):
    """Who calls functions elsewhere, one after the other."""

    def submit(self, function: Callable[..., Any], *given: Any) -> Future[Any]:
        """Call it there; a result that raises was not done."""
        ...


def draw_charts(found: Study, helper: Helper | None = None) -> list[Chart]:
    """All charts that have something to show, in the order of the page.

    A helper begins at the page's end as soon as it is free; what it fails to draw is drawn here.
    """
    waiting = deque(FIGURES)
    done: dict[str, Chart | None] = {}
    with drawing():
        with ThreadPoolExecutor(1) as thread:
            if helper is not None:
                thread.submit(_handed_over, found, helper, waiting, done)
            with suppress(IndexError):
                while True:
                    name = waiting.popleft()
                    done[name] = _one(found, name)
        drawn = [done[name] if name in done else _one(found, name) for name in FIGURES]
    return [one for one in drawn if one is not None]


def _handed_over(found: Study, helper: Helper, waiting: deque[str], done: dict[str, Chart | None]) -> None:
    """Give the helper one chart after the other, until none is left or one fails."""
    helper.submit(_ready).result()  # it may be busy: nothing is taken from those who are not
    with suppress(IndexError):
        while True:
            name = waiting.pop()
            done[name] = helper.submit(_one, found, name).result()


def _ready() -> None:
    """Load what draws."""
    import matplotlib.backends.backend_svg
    import matplotlib.figure  # noqa: F401


def _one(found: Study, name: str) -> Chart | None:
    return chart(name, partial(FIGURES[name], found))
