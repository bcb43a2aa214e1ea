"""The report as Markdown: the same words and tables, with the figures as linked files."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sim.report.assumptions import assumptions, reproduce
from sim.report.inputs import Study
from sim.report.page import Chart, command_line
from sim.report.tables import COLUMNS, Row, sides, slo_lines, team_rows, total_rows

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#|!~$&])")


def escape(text: str) -> str:
    """``text`` as literal Markdown on one line."""
    return _SPECIAL.sub(r"\\\1", re.sub(r"[\r\n\t]+", " ", text))


def _table(head: Iterable[str], align: str, rows: Iterable[Iterable[str]]) -> list[str]:
    marks = {"l": "---", "r": "--:"}
    lines = [head, (marks[letter] for letter in align), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines] + [""]


def _cells(row: Row) -> list[str]:
    texts = []
    for cell in row.cells:
        text = f"{cell.text} {cell.half}".strip()
        texts.append(f"{text} ({cell.change_text})" if cell.mood else text)
    return [escape(row.team), escape(row.configuration), *map(escape, texts)]


def _teams(study: Study) -> list[str]:
    rows = team_rows(study.summary, study.cast, study.cast.teams) + total_rows(study.summary, study.cast)
    head = ["team", "configuration", *(column.label for column in COLUMNS)]
    return _table(head, "ll" + "r" * len(COLUMNS), map(_cells, rows))


def _slos(study: Study) -> list[str]:
    lines = slo_lines(study.summary)
    if not lines:
        return ["The scenario states none.", ""]
    rows = (
        [
            escape(one.text),
            escape(one.configuration),
            f"{one.value} {one.half}".strip(),
            "met" if one.met else "**missed**",
        ]
        for one in lines
    )
    return _table(["objective", "configuration", "measured", "verdict"], "llrl", rows)


def _sides(study: Study) -> list[str]:
    rows = (
        [escape(one.name), escape(one.isolation), escape(one.capacity), escape(one.load)]
        for one in sides(study.summary, study.cast)
    )
    return _table(["configuration", "isolation", "total capacity", "load"], "llll", rows)


def _fence(text: str) -> list[str]:
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return [f"{ticks}sh", text, ticks, ""]


def markdown(study: Study, charts: list[Chart]) -> str:
    """The whole text."""
    summary, answer = study.summary, study.answer
    question = study.manifest.get("scenario", {}).get("resolved", {}).get("question", "")
    lines = [f"# {escape(summary['scenario']['name'])}", ""]
    lines += [f"*{escape(question)}*", ""] if question else []
    lines += [f"**{escape(answer.headline)}**", ""]
    for text in answer.details:
        lines += [escape(text), ""]
    for text in answer.warnings:
        lines += [f"> Mind: {escape(text)}", ""]
    lines += ["## What is compared", "", *_sides(study), "## What each team gets", "", *_teams(study), "## Why", ""]
    for chart in charts:
        lines += [f"### {escape(chart.title)}", "", escape(chart.subtitle), "",
                  f"![{escape(chart.title)}](figures/{chart.name}.svg)", ""]  # fmt: skip
    lines += ["## Objectives", "", *_slos(study), "## What this assumes", ""]
    lines += [f"- {escape(text)}" for text in assumptions(summary, study.manifest)]
    lines += ["", "## Get the same numbers again", "", *_fence(command_line(study.manifest))]
    lines += [f"- {escape(label)}: {escape(value)}" for label, value in reproduce(summary, study.manifest)]
    return "\n".join(lines) + "\n"
