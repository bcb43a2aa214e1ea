"""The page: one HTML file with everything inside, nothing fetched, everything escaped."""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from sim.report import style
from sim.report.assumptions import assumptions, reproduce
from sim.report.inputs import Study
from sim.report.tables import COLUMNS, Row, sides, slo_lines, team_rows, total_rows

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

DOWNLOADS = (
    ("summary.json", "every number of this page"),
    ("teams.csv", "the metrics of every team, for a spreadsheet"),
    ("requests.parquet", "one row a request"),
    ("attempts.parquet", "one row an attempt"),
    ("counterfactual.parquet", "each study again without one team"),
    ("manifest.json", "scenario, versions and command"),
    ("report.md", "this report as Markdown"),
)


@dataclass(frozen=True)
class Chart:
    """One figure of the page: words, and the drawing at three widths (wide, middle, narrow)."""

    name: str
    title: str
    subtitle: str
    drawings: tuple[str, ...]


def _resource(name: str) -> str:
    return (files("sim.report") / "templates" / name).read_text("utf-8")


@cache
def stylesheet() -> str:
    """The page's CSS, palette included."""
    light, dark = style.css_variables(0), style.css_variables(1)
    palette = f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}{style.css_classes()}"
    return palette + _resource("page.css")


def _pin(text: str) -> str:
    """The hash by which a content security policy allows exactly this inline text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def policy(script: str) -> str:
    """The page's content security policy: nothing is loaded, only its own style and script run."""
    return (
        f"default-src 'none'; style-src '{_pin(stylesheet())}'; script-src '{_pin(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _percent(value: float) -> str:
    return f"{min(max(value, 0.0), 1.0) * 100:.2f}".rstrip("0").rstrip(".")


def interval_mark(row: Row) -> Markup:
    """The success rate of a row as a bar from 0 to 100 % with its interval drawn over it."""
    from markupsafe import Markup

    value = row.cells[1].value
    if not value.known:
        return Markup("")
    bar = f'<rect class="f-{row.token} bar" x="0" y="4" width="{_percent(value.mean)}" height="6"/>'
    if value.half == value.half:
        low, high = _percent(value.low), _percent(value.high)
        wide = max(float(high) - float(low), 0.8)
        bar += f'<rect class="f-ink" x="{low}" y="6" width="{wide:.2f}" height="2"/>'
    track = '<rect class="f-grid" x="0" y="4" width="100" height="6"/>'
    attributes = 'class="mark" viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true"'
    return Markup(f"<svg {attributes}>{track}{bar}</svg>")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("sim.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    found.globals["mark"] = interval_mark
    found.filters["sort"] = lambda value: "" if value != value else repr(float(value))
    return found


def command_line(manifest: Mapping[str, Any]) -> str:
    """The command that made the study, quoted for a shell."""
    words = [str(word) for word in manifest.get("command") or ("keystorm", "compare")]
    return shlex.join(words)


def page(study: Study, charts: list[Chart], present: frozenset[str]) -> str:
    """The whole HTML text; ``present`` names the files beside it that downloads may point to."""
    from markupsafe import Markup

    summary, cast, script = study.summary, study.cast, _resource("page.js")
    resolved = study.manifest.get("scenario", {}).get("resolved", {})
    return _environment().get_template("page.html.j2").render(
        name=summary["scenario"]["name"], question=resolved.get("question", ""), answer=study.answer,
        policy=policy(script), css=Markup(stylesheet()), script=Markup(script), columns=COLUMNS,
        sides=sides(summary, cast), top=team_rows(summary, cast, cast.top), cast=cast,
        others=team_rows(summary, cast, cast.others), totals=total_rows(summary, cast),
        charts=[(chart, [Markup(drawing) for drawing in chart.drawings]) for chart in charts],
        windows=study.windows, slos=slo_lines(summary), assumptions=assumptions(summary, study.manifest),
        command=command_line(study.manifest), facts=reproduce(summary, study.manifest),
        downloads=[(file, about) for file, about in DOWNLOADS if file in present],
        replications=summary.get("replications", 1), version=study.manifest.get("keystorm", ""),
    )  # fmt: skip
