"""What the functions of :mod:`sim.study.api` give back: numbers, data frames, figures, and the report.

    result = sim.compare("noisy-neighbour", replications=5)
    result.frame("metrics")          # pandas
    result.figure("latency")         # matplotlib
    result.write("reports/mine")     # the same report as the command writes

In a notebook a result shows itself: the answer in words and the table that decides.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sim.report.document import Document


@dataclass(frozen=True)
class Result:
    """A finished study of any kind.

    ``kind`` is that of the manifest: compare, tune, migrate, …. ``summary`` has every number, as the file of
    the same content has them (plain dicts and lists; shares from 0 to 1, ``_s`` seconds, ``_usd``
    dollars; ``{"mean", "ci95": [low, high]}`` where replications vary). ``manifest`` says what was run
    with what. ``missed`` are the objectives that were missed and count. ``directory`` is where it was
    written, if anywhere. ``requests`` and ``attempts`` are the rows of a comparison that kept them
    (:mod:`sim.results.columns` has their columns; times are int64 nanoseconds, money micro-dollars).
    """

    kind: str
    summary: dict[str, Any] = field(repr=False)
    manifest: Mapping[str, Any] = field(default_factory=dict, repr=False)
    missed: list[dict[str, Any]] = field(default_factory=list, repr=False)
    directory: Path | None = None
    requests: pd.DataFrame | None = field(default=None, repr=False)
    attempts: pd.DataFrame | None = field(default=None, repr=False)

    @property
    def frames(self) -> tuple[str, ...]:
        """The names that :meth:`frame` knows."""
        from sim.study.frames import FRAMES

        return tuple(FRAMES.get(self.kind, ()))

    def frame(self, name: str) -> pd.DataFrame:
        """One table as a data frame, long and tidy: a row a number with its 95 % interval.

        Shares are from 0 to 1, times in seconds, money in dollars. Raises BadInput for a name that is
        not in :attr:`frames`.
        """
        from sim.study.frames import frame

        _known("no such table", name, self.frames)
        return frame(self.kind, name, self.summary)

    @cached_property
    def _outline(self) -> tuple[Document, Mapping[str, Any]]:
        """The report without its charts, and who draws them."""
        from sim.report.charts import undrawn
        from sim.report.kinds import document

        with undrawn() as drawers:
            found = document(self.kind, self.summary, self.manifest)
        return found, drawers

    @property
    def headline(self) -> str:
        """The answer in one sentence, as the report opens with it."""
        return self._outline[0].headline

    @property
    def figures(self) -> tuple[str, ...]:
        """The names that :meth:`figure` knows."""
        return tuple(self._outline[1])

    def figure(self, name: str, width: int = 1040) -> Figure:
        """A chart of the report under its finding, as a matplotlib figure ``width`` CSS pixels (1/72 inch) wide.

        It belongs to nobody: save it, or show it in a notebook by naming it last. Raises BadInput for
        a name that is not in :attr:`figures`, and for a chart that has nothing to show in this study.
        """
        from sim.report.style import drawing
        from sim.report.titled import titled

        _known("no such figure", name, self.figures)
        with drawing():
            sheet = self._outline[1][name](width)
            if sheet is None:
                raise BadInput("this study has nothing to show in it", place="figure", value=repr(name))
            return titled(sheet)

    def html(self) -> str:
        """The whole report as one page, charts included."""
        from sim.report.html_page import html
        from sim.report.kinds import document

        return html(document(self.kind, self.summary, self.manifest))

    def write(self, directory: str | Path) -> Path:
        """Write the summary, the manifest and the report into a folder; the path of the page.

        Raises BadInput for a folder that holds something else.
        """
        from sim.report.kinds import render, summary_file
        from sim.results.folder import usable
        from sim.results.store import write_json, write_text

        folder = usable(Path(directory))
        write_json(folder / summary_file(self.kind), self.summary)
        write_json(folder / "manifest.json", dict(self.manifest))
        for name, text in self._beside().items():
            write_text(folder / name, text)
        return render(folder)

    def _beside(self) -> Mapping[str, str]:
        """More files of this kind of study, by name."""
        return {}

    def __str__(self) -> str:
        return self.headline

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from sim.report.fragment import fragment

        return fragment(self._outline[0], "" if self.directory is None else str(self.directory))


def read(directory: str | Path) -> Result:
    """The result in a folder that a command wrote. Runs nothing. Raises BadInput where there is none."""
    from sim.report.kinds import kind_of, summary_file

    folder = Path(directory)
    kind = kind_of(folder)
    path = folder / summary_file(kind)
    try:
        summary = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput("no result", place=str(path), value=str(error), hint="run the study again") from None
    return Result(kind, summary, json.loads((folder / "manifest.json").read_text("utf-8")), directory=folder)


def _known(what: str, name: str, names: Iterable[str]) -> None:
    """Raise BadInput with the nearest name for one that does not exist."""
    known = list(names)
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"one of: {', '.join(known)}"
        raise BadInput(what, value=repr(name), hint=hint)
