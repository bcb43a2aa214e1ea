"""From a study's folder to its report: reads the summary, writes ink, runs nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.report.document import Document
from sim.report.frame import write
from sim.report.inputs import Study, study
from sim.report.page import document as document_of
from sim.report.saved import read_json
from sim.report.tables import teams_csv
from sim.report.together import Helper, draw_charts


def load(directory: Path) -> Study:
    """The study of a folder. Raises :class:`BadInput` where a file is missing or broken."""
    return study(read_json(directory / "summary.json", "compare"), read_json(directory / "manifest.json", "compare"))


@dataclass(frozen=True)
class Drawn:
    """A report that is ready: nothing of it is on disk yet."""

    document: Document
    files: Mapping[str, str]
    """Other texts that stand beside it, by name."""

    def write(self, directory: Path) -> Path:
        """Write ``report.html``, ``report.md``, ``teams.csv`` and ``figures/``; returns the path of the page."""
        return write(directory, self.document, self.files)


def drawn(summary: Mapping[str, Any], manifest: Mapping[str, Any], helper: Helper | None = None) -> Drawn:
    """The whole report of a comparison, from what its two files will say; a helper draws some of its charts."""
    return _of(study(json.loads(json.dumps(summary)), json.loads(json.dumps(manifest))), helper)


def _of(found: Study, helper: Helper | None = None) -> Drawn:
    return Drawn(document_of(found, draw_charts(found, helper)), {"teams.csv": teams_csv(found.summary)})


def document(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> Document:
    """The whole report of a comparison, without the files beside it."""
    return drawn(summary, manifest).document


def render(directory: Path) -> Path:
    """Write ``report.html``, ``report.md``, ``teams.csv`` and ``figures/`` into ``directory``.

    Returns the path of the page. Raises :class:`BadInput` where the folder holds no study.
    """
    return _of(load(directory)).write(directory)
