"""The report of a comparison (or of one configuration) as a document."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sim.report import budgets, spend, varied
from sim.report.assumptions import assumptions, reproduce
from sim.report.cast import Cast, Summary
from sim.report.document import NUMBER, QUIET, Block, Cell, Chart, Document, Head, Section, Table, Text
from sim.report.inputs import Study
from sim.report.numbers import clock, stat
from sim.report.review import review_sections
from sim.report.tables import COLUMNS, Row, sides, slo_lines, team_rows, total_rows
from sim.report.tables import Cell as Metric

DOWNLOADS = (
    ("summary.json", "every number of this page"),
    ("teams.csv", "the metrics of every team, for a spreadsheet"),
    ("requests.parquet", "one row a request"),
    ("attempts.parquet", "one row an attempt"),
    ("audit.csv", "the audit log, one row an attempt, for a spreadsheet"),
    ("audit.parquet", "the same for analysis"),
    ("counterfactual.parquet", "each study again without one team"),
    ("manifest.json", "scenario, versions and command"),
    ("report.md", "this report as Markdown"),
)

OWN_SECTION = ("budgets",)
"""Charts that do not stand among the reasons."""

_TONES = {"good": "good", "bad": "bad", "same": "quiet"}
_WRITE_ONE = "The scenario states none. Write some, and they decide the exit code:"
_EXAMPLE = "slos:\n  - checkout: success_rate >= 99.5%"


def command_line(manifest: Mapping[str, Any]) -> str:
    """The command that made the study, quoted for a shell."""
    words = [str(word) for word in manifest.get("command") or ("keystorm", "compare")]
    return shlex.join(words)


def document(study: Study, charts: Sequence[Chart]) -> Document:
    """The whole report."""
    summary, manifest, answer = study.summary, study.manifest, study.answer
    resolved = manifest.get("scenario", {}).get("resolved", {})
    caps = tuple(_budgets(summary, charts))
    high = caps if budgets.near(summary) else ()
    return Document(
        kind="compare" if len(study.cast.configurations) > 1 else "run",
        name=summary["scenario"]["name"], question=resolved.get("question", ""),
        headline=answer.headline, details=answer.details, warnings=answer.warnings,
        sections=(
            *([varied.section(manifest, summary)] if manifest.get("varied") else []),
            Section("capacity", "What is compared", blocks=(_sides(summary, study.cast),)),
            Section("teams", "What each team gets", _how_to_read(summary, study.cast), (*_teams(summary, study.cast),)),
            *high,
            Section("charts", "Why", _shaded(study), tuple(chart for chart in charts if chart.name not in OWN_SECTION)),
            *_spend(summary),
            *(() if high else caps),
            Section("slos", "Objectives", blocks=(_objectives(summary),)),
            *review_sections(summary, study.cast),
        ),
        assumptions=tuple(assumptions(summary, manifest)), command=command_line(manifest),
        facts=tuple(reproduce(summary, manifest)), downloads=DOWNLOADS,
    )  # fmt: skip


def _sides(summary: Summary, cast: Cast) -> Table:
    names = ("Configuration", "Isolation", "Total capacity", "Load", "Below objective")
    rows = []
    for side in sides(summary, cast):
        fair = stat(summary["configurations"][side.name]["total"], "jain_index")
        texts = (side.name, side.isolation, side.capacity, side.load, side.hurt)
        rows.append((*map(Cell, texts), Cell(side.fairness, fair.mean)))
    return Table((*map(Head, names), Head("Fairness (Jain)", NUMBER)), tuple(rows), "Configurations and their capacity")


def _how_to_read(summary: Summary, cast: Cast) -> str:
    count = summary.get("replications", 1)
    text = f"Means of {count} replications with half their 95\u00a0% interval." if count > 1 else "Means."
    if len(cast.configurations) > 1:
        text += f" Second lines: paired difference from “{cast.baseline}”; "
        text += "green is better, bold red is worse, grey is within chance."
    return text + " Requests that a fault sends in a team’s name do not count towards its success."


def _teams(summary: Summary, cast: Cast) -> Iterator[Block]:
    """The table of the most telling teams with the totals; the others fold away."""
    several = len(cast.configurations) > 1
    head = (Head("Team"), *((Head("Configuration", QUIET),) if several else ()),
            *(Head(column.label, NUMBER) for column in COLUMNS))  # fmt: skip
    top, foot = team_rows(summary, cast, cast.top), total_rows(summary, cast)
    caption = "Metrics by team and configuration"
    yield Table(head, _rows(top, several), caption, foot=_rows(foot, several))
    if cast.others:
        rows = _rows(team_rows(summary, cast, cast.others), several)
        yield Table(head, rows, "Metrics of the smaller teams", fold=f"{len(cast.others)} smaller teams")


def _rows(rows: Sequence[Row], several: bool) -> tuple[tuple[Cell, ...], ...]:
    return tuple(
        (Cell(row.team, row.team, token=row.token), *((Cell(row.configuration),) if several else ()),
         *(_metric(cell, column.metric) for cell, column in zip(row.cells, COLUMNS, strict=True)))
        for row in rows
    )  # fmt: skip


def _metric(cell: Metric, name: str) -> Cell:
    bar = cell.value if name == "success_rate" else None
    sub = cell.change_text if cell.mood else ""
    return Cell(cell.text, cell.value.mean, sub, _TONES.get(cell.mood, ""), cell.half, bar=bar)


def _budgets(summary: Summary, charts: Sequence[Chart]) -> Iterator[Section]:
    """Spend against caps, where there are caps."""
    if budgets.has_caps(summary):
        drawn = (chart for chart in charts if chart.name == "budgets")
        yield Section("budgets", "Budgets", budgets.intro(summary), (*drawn, *budgets.blocks(summary)))


def _spend(summary: Summary) -> Iterator[Section]:
    """Who spent it, as far as the bill of each configuration tells."""
    found = tuple(spend.blocks(summary))
    if found:
        yield Section("spend", "Spend by project", spend.intro(summary), found)


def _shaded(study: Study) -> str:
    """Which faults the shaded spans are."""
    told = (f"{one.label} ({clock(one.start_s)}–{clock(one.end_s)})" for one in study.windows)
    return f"Shaded in every chart over time: {'; '.join(told)}." if study.windows else ""


def _objectives(summary: Summary) -> Block:
    lines = slo_lines(summary)
    if not lines:
        return Text((_WRITE_ONE,), code=_EXAMPLE)
    head = (Head("Objective"), Head("Configuration"), Head("Measured", NUMBER), Head("Verdict"),
            Head("Replications that meet it", NUMBER))  # fmt: skip
    rows = tuple(
        (Cell(one.text), Cell(one.configuration), Cell(one.value, one.mean, half=one.half),
         Cell("✓ met", tone="good") if one.met else Cell("✗ missed", tone="bad"), Cell(one.share, one.met_share))
        for one in lines
    )  # fmt: skip
    return Table(head, rows, "Objectives in each configuration")
