"""A report as Markdown: the same words and tables, with the figures as linked files."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sim.report.document import NUMBER, Block, Cell, Chart, Document, Table, Text

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#|!~$&])")


def escape(text: str) -> str:
    """``text`` as literal Markdown on one line."""
    return _SPECIAL.sub(r"\\\1", re.sub(r"[\r\n\t]+", " ", text))


def _cell(cell: Cell) -> str:
    """The text with half its interval, the second line in brackets; what is bad and stands alone is bold."""
    text = escape(f"{cell.text} {cell.half}".strip())
    if cell.sub:
        return f"{text} {escape(f'({cell.sub})')}"
    return f"**{text}**" if cell.tone == "bad" and text else text


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(table: Table) -> list[str]:
    title = [escape(table.fold) + ":", ""] if table.fold else []
    head = _row(escape(column.text) for column in table.head)
    marks = _row("--:" if column.kind == NUMBER else "---" for column in table.head)
    return [*title, head, marks, *(_row(map(_cell, row)) for row in (*table.rows, *table.foot)), ""]


def _chart(chart: Chart) -> list[str]:
    title = escape(chart.title)
    return [f"### {title}", "", escape(chart.subtitle), "", f"![{title}](figures/{chart.name}.svg)", ""]


def _fence(text: str, language: str = "") -> list[str]:
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return [f"{ticks}{language}", text, ticks, ""]


def _text(text: Text) -> list[str]:
    lines = [line for paragraph in text.paragraphs for line in (escape(paragraph), "")]
    lines += _items(text.items)
    return lines + (_fence(text.code) if text.code else [])


def _items(texts: Iterable[str]) -> list[str]:
    lines = [f"- {escape(text)}" for text in texts]
    return [*lines, ""] if lines else []


def _block(block: Block) -> list[str]:
    if isinstance(block, Table):
        return _table(block)
    return _chart(block) if isinstance(block, Chart) else _text(block)


def markdown(document: Document) -> str:
    """The whole text."""
    lines = [f"# {escape(document.name)}", ""]
    lines += [f"*{escape(document.question)}*", ""] if document.question else []
    lines += [f"**{escape(document.headline)}**", ""]
    for text in document.details:
        lines += [escape(text), ""]
    for text in document.warnings:
        lines += [f"> Mind: {escape(text)}", ""]
    for section in document.sections:
        lines += [f"## {escape(section.title)}", ""]
        lines += [escape(section.intro), ""] if section.intro else []
        lines += [line for block in section.blocks for line in _block(block)]
    if document.assumptions:
        lines += ["## What this assumes", "", *_items(document.assumptions)]
    lines += ["## Get the same numbers again", "", *_fence(document.command, "sh")]
    lines += _items(f"{label}: {value}" for label, value in document.facts)
    return "\n".join(lines).rstrip("\n") + "\n"
