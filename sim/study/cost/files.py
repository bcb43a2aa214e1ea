"""A cost study's folder: the numbers, every month as a table, the manifest, then the report made from them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.results.store import write_json, write_text
from sim.study.cost.cost import Found
from sim.study.cost.month import CAUSES, Case
from sim.study.cost.options import Options
from sim.study.manifest import manifest
from sim.units import MICRO

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded

MONTHS, ASSUMED = "months.csv", "assumed.csv"


def write(out: Path, loaded: Loaded, options: Options, found: Found, summary: Mapping[str, Any]) -> Path:
    """Write everything into ``out``; the path of the page."""
    from sim.report.kinds import render

    write_text(out / MONTHS, table(months_rows(found)))
    write_text(out / ASSUMED, table(assumed_rows(found)))
    write_json(out / "summary.json", dict(summary))
    write_json(out / "manifest.json", manifest(loaded, kind="cost", engine=options.engine, command=options.command))
    return render(out)


def table(rows: Iterator[list[Any]]) -> str:
    """Rows as CSV."""
    target = io.StringIO()
    csv.writer(target, lineterminator="\n").writerows(rows)
    return target.getvalue()


def months_rows(found: Found) -> Iterator[list[Any]]:
    """A row a month, configuration, price list and team; dollars by cause, and requests of its own.

    Months without incidents and at new prices have one row for all teams (``total``).
    """
    causes = [f"{cause}_usd" for cause in CAUSES]
    yield ["month", "configuration", "prices", "incidents", "team", *causes, "bill_usd", "offered", "lost"]
    for case, account in found.ledger.accounts.items():
        teams: dict[str, Any] = {"total": slice(None)}
        if not (case.quiet or case.repriced):
            teams = {team: slice(at, at + 1) for at, team in enumerate(found.ledger.teams)}
        for month in range(len(account.bill)):
            for team, rows in teams.items():
                micro = account.bill[month, rows].sum(axis=0)
                yield [
                    month, *_case(case), team, *(f"{value / MICRO:.6f}" for value in micro.tolist()),
                    f"{int(micro.sum()) / MICRO:.6f}", int(account.offered[month, rows].sum()),
                    int(account.lost[month, rows].sum()),
                ]  # fmt: skip


def _case(case: Case) -> tuple[str, str, str]:
    return case.configuration, "new" if case.repriced else "scenario", "no" if case.quiet else "yes"


def assumed_rows(found: Found) -> Iterator[list[Any]]:
    """A row a month: what was assumed, how many of each incident started, and the other costs of each case."""
    items = [(case, item) for case in found.ledger.accounts for item in found.ledger.items]
    heads = [f"{item}_usd: {' '.join(_case(case)[:2])}" for case, item in items if not case.quiet]
    names = [entry.title for entry in found.work.scenario.incidents]
    yield ["month", *(one.key for one in found.work.known), *(f"started: {name}" for name in names), *heads]
    for at, month in enumerate(found.months):
        values = [month.values[one.key] / (MICRO if one.unit == "usd" else 1) for one in found.work.known]
        other = [found.ledger.item(case, item)[at] / MICRO for case, item in items if not case.quiet]
        yield [
            month.month, *(f"{value:.6g}" for value in values), *(month.counts[name] for name in names),
            *(f"{value:.6f}" for value in other),
        ]  # fmt: skip
