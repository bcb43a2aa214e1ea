"""From a study's folder to its report: reads the summary, writes ink, runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from sim.report.charts import chart
from sim.report.document import Chart, Document
from sim.report.figures import FIGURES
from sim.report.frame import write
from sim.report.inputs import Study, study
from sim.report.page import document as document_of
from sim.report.saved import read_json
from sim.report.style import drawing
from sim.report.tables import teams_csv


def prepare() -> None:
    """Import what draws, which takes a second or two: for whoever has to wait before a report can be written."""
    for name in ("matplotlib.figure", "matplotlib.backends.backend_svg"):
        import_module(name)


def load(directory: Path) -> Study:
    """The study of a folder. Raises :class:`BadInput` where a file is missing or broken."""
    return study(read_json(directory / "summary.json", "compare"), read_json(directory / "manifest.json", "compare"))


def draw_charts(found: Study) -> list[Chart]:
    """All charts that have something to show, in the order of the page."""
    with drawing():
        drawn = [chart(name, partial(draw, found)) for name, draw in FIGURES.items()]
    return [one for one in drawn if one is not None]


def document(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> Document:
    """The whole report of a comparison."""
    found = study(summary, manifest)
    return document_of(found, draw_charts(found))


def render(directory: Path) -> Path:
    """Write ``report.html``, ``report.md``, ``teams.csv`` and ``figures/`` into ``directory``.

    Returns the path of the page. Raises :class:`BadInput` where the folder holds no study.
    """
    found = load(directory)
    return write(directory, document_of(found, draw_charts(found)), {"teams.csv": teams_csv(found.summary)})
