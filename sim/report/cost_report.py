"""The report of a cost study: from its folder's ``summary.json`` to a page."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sim.report.charts import chart
from sim.report.cost_csv import bills_csv, saving_csv, tornado_csv
from sim.report.cost_tables import (
    assumptions_table,
    bills_table,
    causes_table,
    claims_table,
    differences_table,
    incidents_table,
    levers_table,
    steps_table,
    teams_tables,
    tornado_table,
)
from sim.report.cost_view import View
from sim.report.cost_words import details, headline, question, warnings
from sim.report.document import Block, Chart, Document, Section, Text
from sim.report.figures import bill_causes, bill_spread, bill_tail, tornado, waterfall
from sim.report.figures.base import Sheet
from sim.report.frame import write
from sim.report.numbers import NB
from sim.report.saved import read_json

FILE = "summary.json"
DOWNLOADS = (
    (FILE, "every number of this page"),
    ("bills.csv", "the bills' statistics by configuration and team, for a spreadsheet"),
    ("months.csv", "every month: dollars by configuration, team and cause"),
    ("assumed.csv", "every month: what was assumed, which incidents started, the other costs"),
    ("saving.csv", "the saving's parts"),
    ("tornado.csv", "every assumption at both ends"),
    ("manifest.json", "scenario, versions and command"),
    ("report.md", "this report as Markdown"),
)
DEFINITIONS = (
    "A month is 30 days of requests, one by one. It is drawn once: its incidents, its assumptions, its traffic. Every "
    "configuration sees the same month, so differences are between equals.",
    "Bill: what the provider charges. Own work: answers to the teams’ own requests. Retries and waste: billed for "
    "attempts of theirs without an answer. Sent by incidents: what runaway jobs, batches and strangers sent.",
    "Overage: what the same month costs more with its incidents than without them.",
    "Intervals are 95 %: of means by Student’s t, of quantiles by order statistics (whatever the distribution), of "
    "chances by Clopper and Pearson, of standard deviations and differences of quantiles by resampling months.",
    "The interval says how well so many months pin down what the assumptions imply. How far off the assumptions may be "
    "is what the tornado is for.",
    "Levers are pulled in every order that keeps the steps in theirs; each gets its average (the Shapley value under "
    "precedence). The parts of each month sum to its saving to the micro-dollar.",
    "Reach: the share of the teams that lost requests of their own to what an incident refuses, bans included.",
    "A claim is supported where its tests hold at both ends of the interval, not supported where one fails at both.",
)


def render(directory: Path) -> Path:
    """Write the report of the study in ``directory`` from its summary.json. Raises BadInput without one."""
    summary, manifest = read_json(directory / FILE, "cost"), read_json(directory / "manifest.json", "cost")
    files = {"bills.csv": bills_csv(summary), "saving.csv": saving_csv(summary), "tornado.csv": tornado_csv(summary)}
    kept = {name: text for name, text in files.items() if text}
    for name in files.keys() - kept.keys():
        (directory / name).unlink(missing_ok=True)
    return write(directory, document(summary, manifest), kept)


def document(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> Document:
    """The whole report."""
    view = View(summary)
    return Document(
        kind="cost",
        name=summary["scenario"]["name"],
        question=question(view),
        headline=headline(view) + ".",
        details=tuple(details(view)),
        warnings=tuple(warnings(view)),
        sections=tuple(_sections(view)),
        assumptions=tuple(_assumptions(view, manifest)),
        command=shlex.join(str(word) for word in manifest.get("command") or ("keystorm", "cost")),
        facts=tuple(_facts(summary, manifest)),
        downloads=DOWNLOADS,
    )


def _sections(view: View) -> Iterator[Section]:
    yield Section("bills", "What a month costs", "", _blocks(
        _chart("bills", bill_spread.draw, view), bills_table(view), _chart("tail", bill_tail.draw, view),
        differences_table(view),
    ))  # fmt: skip
    if view.saving is not None:
        yield Section("saving", "What the saving is made of", "", _blocks(
            _chart("waterfall", waterfall.draw, view), steps_table(view.saving), levers_table(view.saving),
        ))  # fmt: skip
    if view.summary["claims"]:
        yield Section("claims", "What is claimed", "", (claims_table(view),))
    if view.summary["tornado"] is not None and view.summary["tornado"]["bars"]:
        yield Section("tornado", "Which assumption matters most", "", _blocks(
            _chart("tornado", tornado.draw, view), tornado_table(view),
        ))  # fmt: skip
    yield Section("causes", "What the money is for", "", _blocks(
        _chart("causes", bill_causes.draw, view), causes_table(view), incidents_table(view),
    ))  # fmt: skip
    yield Section("teams", "By team", "", teams_tables(view))
    ranges = assumptions_table(view)
    if ranges.rows:
        yield Section("ranges", "What is assumed", "", (ranges,))
    yield Section("words", "What the words mean", "", (Text(items=DEFINITIONS),))


def _blocks(*blocks: Block | None) -> tuple[Block, ...]:
    return tuple(block for block in blocks if block is not None)


def _chart(name: str, draw: Callable[[View, int], Sheet | None], view: View) -> Chart | None:
    return chart(name, partial(draw, view))


def _assumptions(view: View, manifest: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "Incidents start at random times, independent of each other, a Poisson number a month. What outlasts the "
        "month ends with it and is in no other month: long incidents are a little too cheap, by half their length "
        f"over 30{NB}d."
    )
    yield "Each range is drawn anew every month, from a triangle between its ends: a month is as uncertain as they say."
    yield "Spend caps begin empty with the month. What an unplanned batch was worth to whoever ran it is not counted."
    notes = [note for note in manifest.get("notes") or () if "keystorm cost only" not in note]
    yield from (str(text) for text in (*(manifest.get("assumptions") or ()), *notes))


def _facts(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    versions = ", ".join(f"{name} {version}" for name, version in (manifest.get("versions") or {}).items())
    checks = summary["checks"]
    pairs = (
        ("seed", summary["seed"]), ("months", f"{summary['months']:,}"), ("engine", summary["engine"]),
        ("scenario sha256", summary["scenario"]["sha256"]), ("digest of all outcomes", checks["digest"]),
        ("runs", f"{checks['runs']:,}"), ("requests", f"{checks['requests']:,} planned, as many reported"),
        ("keystorm", manifest.get("keystorm", "")), ("versions", versions),
    )  # fmt: skip
    yield from ((label, str(value)) for label, value in pairs if str(value))
