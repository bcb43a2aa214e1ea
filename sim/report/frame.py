"""The frame that every report shares: a :class:`Document` as a page, as Markdown, and as files.

    document = Document(kind="tune", name=…, question=…, headline=…, sections=(Section(…), …), …)
    write(directory, document, {"teams.csv": text})

What a document is made of stands in :mod:`sim.report.document` and is found here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sim.report.document import NUMBER, QUIET, Block, Cell, Chart, Document, Head, Section, Table, Text
from sim.report.html_page import html
from sim.report.markdown import markdown

__all__ = [
    "NUMBER", "QUIET", "Block", "Cell", "Chart", "Document", "Head", "Section", "Table", "Text",
    "html", "markdown", "write",
]  # fmt: skip


def write(directory: Path, document: Document, files: Mapping[str, str] | None = None, page: str = "report") -> Path:
    """Write ``report.html``, ``report.md``, ``figures/`` and the other text ``files`` by name.

    ``page`` is another name for the first two, without its ending.
    Every file is replaced in one step, the page last, so an interrupted run leaves no half-written
    one. Figures of an earlier report go. Downloads that are not there are left out of the page.
    Returns the path of the page.
    """
    from sim.results.store import write_text

    for name, text in (files or {}).items():
        write_text(directory / name, text)
    _write_figures(directory / "figures", document)
    write_text(directory / f"{page}.md", markdown(document))
    present = tuple(entry for entry in document.downloads if (directory / entry[0]).exists())
    target = directory / f"{page}.html"
    write_text(target, html(replace(document, downloads=present)))
    return target


def _write_figures(folder: Path, document: Document) -> None:
    from sim.results.store import write_text

    drawn = {f"{chart.name}.svg": chart.svg for chart in document.charts if chart.svg}
    if drawn:
        folder.mkdir(parents=True, exist_ok=True)
    for name, text in drawn.items():
        write_text(folder / name, text)
    for old in folder.glob("*.svg"):
        if old.name not in drawn:
            old.unlink()
