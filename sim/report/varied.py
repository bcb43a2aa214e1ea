"""What ``--vary`` changed, in a report: each configuration's values side by side with what comes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sim.report.cast import Summary
from sim.report.cautions import counted
from sim.report.document import NUMBER, Cell, Head, Section, Table
from sim.report.numbers import Stat, half_text, kind_of, stat, value_text
from sim.report.tables import COLUMNS
from sim.report.words import success

Row = tuple[str, Mapping[str, str], str]
"""The configuration of the file, what each path was set to, and the name of what was made."""

SENTENCES = 5
"""Configurations of the file of which the best and the worst value is told in words."""


def rows_of(manifest: Mapping[str, Any], summary: Summary) -> list[Row]:
    """What was made, configuration of the file by configuration of the file; only what was run."""
    made = manifest["varied"]["configurations"]
    found = [(one["from"], one["set"], name) for name, one in made.items() if name in summary["configurations"]]
    bases = list(dict.fromkeys(base for base, _, _ in found))
    return sorted(found, key=lambda row: bases.index(row[0]))


def section(manifest: Mapping[str, Any], summary: Summary) -> Section:
    """A table with a row for each configuration that was made, grouped by that of the file."""
    rows, paths = rows_of(manifest, summary), list(manifest["varied"]["paths"])
    columns = [column for column in COLUMNS if column.metric not in ("offered", "success_rate")]
    head = (Head("Configuration"), *map(Head, paths), Head("Success", NUMBER), Head("Least of a team", NUMBER),
            *(Head(column.label, NUMBER) for column in columns))  # fmt: skip
    cells = tuple(_cells(row, paths, summary, [column.metric for column in columns]) for row in rows)
    values = " and ".join(
        f"{counted(len(held), 'value')} of {path}" for path, held in manifest["varied"]["paths"].items()
    )
    intro = f"Made from the configurations of the file with {values}, all teams together. {_said(rows, summary)}"
    return Section("varied", "What was varied", intro.strip(), (Table(head, cells, "What was varied"),))


def _cells(row: Row, paths: Sequence[str], summary: Summary, metrics: Sequence[str]) -> tuple[Cell, ...]:
    base, texts, name = row
    side = summary["configurations"][name]
    least = min(side["teams"], key=lambda team: (success(side["teams"][team]).mean, team))
    return (
        Cell(base), *(Cell(texts.get(path, "")) for path in paths), _cell(success(side["total"]), "share"),
        _cell(success(side["teams"][least]), "share", least),
        *(_cell(stat(side["total"], metric), kind_of(metric)) for metric in metrics),
    )  # fmt: skip


def _cell(value: Stat, kind: str, sub: str = "") -> Cell:
    return Cell(value_text(value, kind), value.mean, sub, "quiet" if sub else "", half_text(value, kind))


def _said(rows: Sequence[Row], summary: Summary) -> str:
    """Where all teams together succeed most and least, for each configuration of the file."""
    sentences = []
    for base in dict.fromkeys(base for base, _, _ in rows):
        mine = [(said, name) for of, said, name in rows if of == base]
        rates = {name: success(summary["configurations"][name]["total"]) for _, name in mine}
        texts = {name: ", ".join(f"{path}={text}" for path, text in said.items()) for said, name in mine}
        most = max(rates, key=lambda name: rates[name].mean)
        least = min(rates, key=lambda name: rates[name].mean)
        high, low = value_text(rates[most], "share"), value_text(rates[least], "share")
        if high == low:
            sentences.append(f"“{base}”: {high} of the requests succeed whatever the value.")
        else:
            sentences.append(f"“{base}”: most succeed with {texts[most]} ({high}), fewest with {texts[least]} ({low}).")
    return " ".join(sentences[:SENTENCES])
