"""A report as one HTML file with everything inside: nothing fetched, everything escaped."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from sim.report import style
from sim.report.document import Cell, Document, Table
from sim.report.numbers import Stat

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


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


def interval_mark(value: Stat, token: str) -> Markup:
    """A share as a bar from 0 to 100 % in a palette colour, with its interval drawn over it."""
    from markupsafe import Markup

    if not value.known:
        return Markup("")
    bar = f'<rect class="f-{token} bar" x="0" y="4" width="{_percent(value.mean)}" height="6"/>'
    if value.half == value.half:
        low, high = _percent(value.low), _percent(value.high)
        wide = max(float(high) - float(low), 0.8)
        bar += f'<rect class="f-ink" x="{low}" y="6" width="{wide:.2f}" height="2"/>'
    track = '<rect class="f-grid" x="0" y="4" width="100" height="6"/>'
    attributes = 'class="mark" viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true"'
    return Markup(f"<svg {attributes}>{track}{bar}</svg>")


def _sort_key(cell: Cell) -> str | None:
    """What the script sorts a cell by: nothing for a missing number, so that it goes last."""
    if cell.sort is None or isinstance(cell.sort, str):
        return cell.sort
    return "" if cell.sort != cell.sort else repr(float(cell.sort))


def _groups(table: Table, rows: tuple[tuple[Cell, ...], ...]) -> list[tuple[tuple[Cell, ...], bool]]:
    """Each row with whether it opens a group: the first cell differs from the one above."""
    above = ["", *(row[0].text for row in rows)]
    return [(row, table.coloured and (at == 0 or row[0].text != above[at])) for at, row in enumerate(rows)]


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("sim.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    found.globals.update(mark=interval_mark, sort_key=_sort_key, groups=_groups)
    found.filters["kind"] = lambda block: type(block).__name__
    return found


def html(document: Document) -> str:
    """The whole page."""
    from markupsafe import Markup

    script = _resource("page.js")
    return (
        _environment()
        .get_template("page.html.j2")
        .render(document=document, policy=policy(script), css=Markup(stylesheet()), script=Markup(script))
    )
