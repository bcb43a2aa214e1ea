"""From a study's folder to its report: reads the tables and the summary, writes ink, runs nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import BadInput
from sim.report.figures import FIGURES
from sim.report.inputs import QUANTILES, Study, over_time, study
from sim.report.markdown import markdown
from sim.report.page import DOWNLOADS, Chart, page
from sim.report.style import MIDDLE, NARROW, WIDE, drawing
from sim.report.svg import inline, standalone
from sim.report.tables import teams_csv

if TYPE_CHECKING:
    from pandas import DataFrame


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        hint = "give the folder that compare or run wrote, with summary.json and manifest.json in it"
        raise BadInput("no result to report on", place=str(path), hint=hint) from None
    except ValueError as error:
        raise BadInput("not valid JSON", place=str(path), value=str(error), hint="run the study again") from None
    return found


def _quantiles(directory: Path, manifest: dict[str, Any]) -> DataFrame:
    """Latency quantiles of every configuration and team, all replications together."""
    from sim.results.store import read

    requests, _ = read(directory)
    warmup = manifest["scenario"]["resolved"].get("warmup", "0s")
    return latency_quantiles(requests, warmup)


def latency_quantiles(requests: DataFrame, warmup: str) -> DataFrame:
    """``configuration team quantile latency_s`` of measured succeeded requests; warm-up is left out."""
    import numpy as np

    from sim.units import SECOND, duration

    measured = requests[(requests["outcome"] == "succeeded") & (requests["arrival_ns"] >= duration(warmup or 0))]
    seconds = (measured["finish_ns"] - measured["arrival_ns"]) / SECOND
    keys = [measured["configuration"].astype(str), measured["team"].astype(str)]
    table = seconds.groupby(keys).quantile(np.array(QUANTILES))
    return table.rename_axis(["configuration", "team", "quantile"]).rename("latency_s").reset_index()


def load(directory: Path) -> Study:
    """The study of a folder. Raises :class:`BadInput` where a file is missing or broken."""
    summary, manifest = _json(directory / "summary.json"), _json(directory / "manifest.json")
    return study(summary, manifest, over_time(summary), _quantiles(directory, manifest))


def draw_charts(found: Study) -> tuple[list[Chart], dict[str, str]]:
    """All charts for the page, and by name the SVG files that go beside it."""
    charts, files = [], {}
    with drawing():
        for name, draw in FIGURES.items():
            sheets = [sheet for width in (WIDE, MIDDLE, NARROW) if (sheet := draw(found, width, False))]
            whole = draw(found, WIDE, True)
            if whole is None:
                continue
            drawings = tuple(inline(sheet.figure, f"{name}{at}", sheet.alt) for at, sheet in enumerate(sheets))
            charts.append(Chart(name, whole.title, whole.subtitle, drawings))
            files[f"{name}.svg"] = standalone(whole.figure, name, whole.title, whole.alt)
    return charts, files


def render(directory: Path) -> Path:
    """Write ``report.html``, ``report.md``, ``teams.csv`` and ``figures/`` into ``directory``.

    Every file is replaced in one step, so an interrupted run leaves no half-written one. Returns
    the path of the page. Raises :class:`BadInput` where the folder holds no study.
    """
    from sim.results.store import write_text

    found = load(directory)
    charts, files = draw_charts(found)
    folder = directory / "figures"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        write_text(folder / name, text)
    for old in set(folder.glob("*.svg")) - {folder / name for name in files}:
        old.unlink()
    write_text(directory / "teams.csv", teams_csv(found.summary))
    write_text(directory / "report.md", markdown(found, charts))
    written = {path.name for path in directory.iterdir()} | {"report.md"}
    target = directory / "report.html"
    write_text(target, page(found, charts, frozenset(name for name, _ in DOWNLOADS) & frozenset(written)))
    return target
