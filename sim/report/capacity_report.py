"""The report of a capacity study: from its folder's ``capacity.json`` to a page that a manager can read."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sim.report.capacity_csv import costs_csv, dates_csv, months_csv
from sim.report.capacity_tables import (
    breaks_tables,
    cost_tables,
    each,
    objectives_tables,
    room_tables,
    tier_table,
    what_if_table,
)
from sim.report.capacity_view import Json, View
from sim.report.capacity_words import details, headline, question, warnings
from sim.report.charts import chart
from sim.report.document import Block, Chart, Document, Section, Text
from sim.report.figures import by_month, calendar, cost_by_month, headroom, tier_steps
from sim.report.figures.base import Sheet
from sim.report.frame import write
from sim.report.saved import read_json

FILE = "capacity.json"
DOWNLOADS = (
    (FILE, "every number of this page"),
    ("dates.csv", "every date with its interval, for a spreadsheet"),
    ("costs.csv", "dollars a month by team"),
    ("months.csv", "every curve over the months"),
    ("manifest.json", "scenario, versions and command"),
    ("report.md", "this report as Markdown"),
)


def render(directory: Path) -> Path:
    """Write the report of the study in ``directory`` from its capacity.json. Raises BadInput without one."""
    summary, manifest = read_json(directory / FILE, "capacity"), read_json(directory / "manifest.json", "capacity")
    files = {"dates.csv": dates_csv(summary), "costs.csv": costs_csv(summary), "months.csv": months_csv(summary)}
    return write(directory, document(summary, manifest), files)


def document(summary: Json, manifest: Json) -> Document:
    """The whole report."""
    view = View(summary)
    return Document(
        kind="capacity",
        name=summary["scenario"]["name"],
        question=question(view),
        headline=headline(view),
        details=tuple(details(view)),
        warnings=tuple(warnings(view)),
        sections=tuple(_sections(view)),
        assumptions=tuple(_assumptions(view, manifest)),
        command=shlex.join(str(word) for word in manifest.get("command") or ("keystorm", "capacity")),
        facts=tuple(_facts(summary, manifest)),
        downloads=DOWNLOADS,
    )


def _sections(view: View) -> Iterator[Section]:
    if len(view.cases) > 1:
        yield Section("what-if", "Side by side", _same_draws(view), (what_if_table(view),))
    yield Section("breaks", "What breaks when", "", _blocks(
        _chart("calendar", calendar.draw, view), *each(view, breaks_tables),
    ))  # fmt: skip
    yield Section("objectives", "When each objective is missed", "", each(view, objectives_tables))
    yield Section("room", "Room today", "The scenario as it stands: month 0.", _blocks(
        _chart("headroom", headroom.draw, view), *each(view, room_tables),
    ))  # fmt: skip
    yield Section("months", "Month by month", "", _blocks(
        _chart("success", by_month.success, view), _chart("fullness", by_month.fullness, view),
    ))  # fmt: skip
    yield Section("cost", "What it costs", "", _blocks(
        _chart("cost", cost_by_month.draw, view), *each(view, cost_tables),
    ))  # fmt: skip
    if any(view.case(name)["tiers"] for name in view.cases):
        yield Section("tiers", "Which provider tier is needed when", "", _blocks(
            _chart("tiers", tier_steps.draw, view), tier_table(view),
        ))  # fmt: skip
    yield Section("words", "What the words mean", "", (Text(items=DEFINITIONS),))


def _same_draws(view: View) -> str:
    return (
        f"All arrangements see the same draws. “{view.first}” is what the findings above speak of; the tables of the "
        "others are folded below its own."
    )


def _blocks(*blocks: Block | None) -> tuple[Block, ...]:
    return tuple(block for block in blocks if block is not None)


def _chart(name: str, draw: Callable[[View, int], Sheet | None], view: View) -> Chart | None:
    return chart(name, partial(draw, view))


DEFINITIONS = (
    "Asked for: what a limit’s teams send when nothing refuses them, as a share of its rate. Used: what it let pass.",
    "Full: in the busiest minute the teams ask for 100 % of the limit’s rate (of a concurrency limit’s places). A "
    "burst and retries may still hide that. For a limit whose period is longer than a minute, read period for minute.",
    "Breaks: the refusals of this limit alone make a team miss an objective. More of the team’s requests end refused "
    "by it, after all retries, than the team’s success objective allows (99 % where the scenario states none); or an "
    "objective of time is missed, would be met without the waits after refusals, and this limit refused the team most.",
    "Reached (a cap): what its teams spend, scaled to the cap’s window, is at least the cap.",
    "A date is where the mean over replications crosses; its 95 % interval is where the two edges of the mean’s "
    "t-interval cross. “5.2 months” is 5.2 months of growth from now.",
    "Traffic then: requests of the limit’s teams at that date as a multiple of today’s. It holds for any speed of "
    "growth, as long as all these teams grow alike.",
    "Busy minute: the 99th percentile of the minutes of the measured part. A month has far more minutes than a "
    "scenario measures, so the busiest minute of a real month lies higher.",
    "Tier: the smallest one whose limits hold in the busy minute of everything that is asked for (no refusals, no "
    "retries), class by class, and whose monthly spend cap is not passed. “By rates alone” leaves the spend cap out.",
    "Cost: what is billed in the arrangement, refusals and retries included. “If nothing were refused”: the same "
    "traffic without any limit or cap.",
)


def _assumptions(view: View, manifest: Json) -> Iterator[str]:
    summary, times = view.summary, view.summary["times_s"]
    measured = (times["duration"] - times["warmup"]) / 60
    yield (
        f"Each month is {summary['replications']} replications of {measured:,.0f} measured minutes, scaled to 30 days: "
        "every hour of the month is taken to be like them. Where a workload has a daily rhythm, costs are scaled by it."
    )
    yield (
        "Growth multiplies rates and leaves sizes, rhythms and burstiness as they are. A stream keeps its draws from "
        "month to month: it sends the same requests closer together, and then more. So months differ by growth, not by "
        "luck. Rows of traces are repeated or thinned instead."
    )
    yield "Limits and splits stay what they are today; only where a team joins, a split total is divided anew."
    yield "A team that joins sends what the team that it is a copy of sends today, and grows from then on."
    yield "Prices and tiers are those of the catalogue in every month."
    yield from (str(text) for text in (*(manifest.get("assumptions") or ()), *(manifest.get("notes") or ())))


def _facts(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    versions = ", ".join(f"{name} {version}" for name, version in (manifest.get("versions") or {}).items())
    checks = summary["checks"]
    pairs = (
        ("seed", summary["seed"]), ("replications", summary["replications"]), ("engine", summary["engine"]),
        ("scenario sha256", summary["scenario"]["sha256"]), ("digest of all outcomes", checks["digest"]),
        ("runs", f"{checks['runs']:,}"),
        ("rows", f"{checks['rows_planned']:,} planned, {checks['rows_reported']:,} reported"),
        ("keystorm", manifest.get("keystorm", "")), ("versions", versions),
    )  # fmt: skip
    yield from ((label, str(value)) for label, value in pairs if str(value))
