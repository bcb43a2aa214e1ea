"""A report in a few lines of HTML, as a notebook shows a result: the answer and the table that decides."""

from __future__ import annotations

from html import escape

from sim.report.document import NUMBER, Cell, Document, Table

ROWS = 30
"""Rows of the table that are shown; the report has all."""
_TONES = {"good": "#00897b", "bad": "#e0455e"}
_CELL = "padding:3px 12px 3px 0;vertical-align:top;text-align:"


def fragment(document: Document, place: str = "") -> str:
    """The answer, what to mind, and the first table; ``place`` is where the whole report is, if anywhere.

    The styles stand at the elements and leave ground and ink to the page around it, light or dark.
    """
    table = next((block for part in document.sections for block in part.blocks if isinstance(block, Table)), None)
    parts = [
        f'<p style="opacity:.7;margin:0">keystorm {escape(document.kind)} · {escape(document.name)}</p>',
        f'<p style="font-size:1.15em;font-weight:600;margin:.2em 0 .5em">{escape(document.headline)}</p>',
        *(f'<p style="margin:.2em 0">{escape(text)}</p>' for text in document.details),
        *(f'<p style="margin:.2em 0"><b>Mind:</b> {escape(text)}</p>' for text in document.warnings),
        _table(table) if table is not None else "",
        f'<p style="opacity:.7;margin:.4em 0">The whole report: {escape(place)}</p>' if place else "",
    ]
    return f'<div style="max-width:70em">{"".join(parts)}</div>'


def _table(table: Table) -> str:
    head = "".join(
        f'<th scope="col" style="{_CELL}{_side(one.kind)}">{escape(one.text)}</th>' for one in table.head
    )  # fmt: skip
    kinds = [one.kind for one in table.head]
    rows = "".join(
        f"<tr>{''.join(map(_cell, row, kinds))}</tr>" for row in (*table.rows[:ROWS], *table.foot)
    )  # fmt: skip
    more = f"<p>{len(table.rows) - ROWS} more rows are in the report.</p>" if len(table.rows) > ROWS else ""
    opened = '<table style="border-collapse:collapse;margin-top:.6em;font-variant-numeric:tabular-nums">'
    return f"{opened}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}"


def _side(kind: str) -> str:
    return "right" if kind == NUMBER else "left"


def _cell(cell: Cell, kind: str) -> str:
    half = f' <small style="opacity:.7">{escape(cell.half)}</small>' if cell.half else ""
    colour = f' style="color:{_TONES[cell.tone]}"' if cell.tone in _TONES else ""
    sub = f"<br><small{colour}>{escape(cell.sub)}</small>" if cell.sub else ""
    text = f"<span{colour}>{escape(cell.text)}</span>" if colour and not cell.sub else escape(cell.text)
    return f'<td style="{_CELL}{_side(kind)}">{text}{half}{sub}</td>'
