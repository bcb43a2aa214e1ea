"""The report of a validation: both worlds side by side, and why requests end otherwise where they do."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sim.report.charts import chart
from sim.report.document import NUMBER, QUIET, Block, Cell, Document, Head, Section, Table, Text
from sim.report.figures import agreement, boundary
from sim.report.frame import write
from sim.report.live_report import gates_table
from sim.report.numbers import NB
from sim.report.saved import read_json
from sim.report.style import TEAMS_LIGHT
from sim.report.validate_words import (
    details,
    headline,
    metric_value,
    parting_words,
    tolerance_text,
    tolerances,
    warnings,
)

FILE = "summary.json"
DOWNLOADS = (
    (FILE, "every number of this page"),
    ("manifest.json", "scenario, versions and command"),
    ("report.md", "this report as Markdown"),
)
Entry = Mapping[str, Any]


def render(directory: Path) -> Path:
    """Write the report of the validation in ``directory``. Raises BadInput where it holds none."""
    summary, manifest = read_json(directory / FILE, "validate"), read_json(directory / "manifest.json", "validate")
    return write(directory, document(summary, manifest))


def document(summary: Entry, manifest: Entry) -> Document:
    """The whole report."""
    several = len(summary["configurations"]) > 1
    return Document(
        kind="validate", name=summary["scenario"]["name"],
        question="Does the simulator say what real clients see over HTTP?",
        headline=headline(summary), details=tuple(details(summary)), warnings=tuple(warnings(summary)),
        sections=tuple(
            section for name, entry in summary["configurations"].items()
            for section in _sections(name, entry, f": {name}" if several else "", summary)
        ),
        assumptions=tuple(tolerances(summary)),
        command=shlex.join(str(word) for word in manifest.get("command") or ("keystorm", "validate")),
        facts=tuple(_facts(summary, manifest)), downloads=DOWNLOADS,
    )  # fmt: skip


def _sections(name: str, entry: Entry, tail: str, summary: Entry) -> Iterator[Section]:
    at = entry["folder"]
    drawn = chart(f"agreement-{at}", partial(agreement.draw, entry))
    intro = "The same plan, the same draws. Each difference is held to its tolerance; p50 and p99 are only told."
    yield Section(f"sides-{at}", f"Side by side{tail}", intro, tuple(
        block for block in (drawn, side_by_side(entry)) if block is not None
    ))  # fmt: skip
    yield Section(f"boundary-{at}", f"Where the two part{tail}", _parting_intro(entry), tuple(_partings(entry)))
    yield Section(f"gates-{at}", f"Did the live run keep its schedule?{tail}", "", (gates_table(entry["gates"]),))
    told = (*entry["slice"]["notes"], f"Run: {entry['folder']}/scenario.yaml, tables of both worlds beside it.")
    yield Section(f"slice-{at}", f"What was run{tail}", "", (Text(items=told),))


def side_by_side(entry: Entry, sides: tuple[str, str] = ("Simulated", "Live")) -> Table:
    """Every number of every team on both sides, with its tolerance."""
    head = (Head("Team"), Head("Quantity", QUIET), *(Head(side, NUMBER) for side in sides),
            Head("Difference", NUMBER), Head("Tolerance", NUMBER), Head("Verdict"))  # fmt: skip
    teams = list(dict.fromkeys(line["team"] for line in entry["lines"]))
    tokens = {team: f"team-{at}" if at < len(TEAMS_LIGHT) else "rest" for at, team in enumerate(teams[:-1])}
    rows = tuple(_row(line, tokens.get(line["team"], "ink")) for line in entry["lines"])
    return Table(head, rows, "Both worlds, team by team")


def _row(line: Entry, token: str) -> tuple[Cell, ...]:
    unit = line["unit"]
    verdict = {True: Cell("✓ within", tone="good"), False: Cell("✗ beyond", tone="bad"), None: Cell("", tone="quiet")}
    return (
        Cell(line["team"], token=token), Cell(line["metric"]),
        *(Cell(metric_value(line[name], unit), line[name]) for name in ("simulated", "live")),
        Cell(metric_value(line["difference"], unit, signed=True), line["difference"]),
        Cell(tolerance_text(line), line["tolerance"]), verdict[line["within"]],
    )  # fmt: skip


def _parting_intro(entry: Entry) -> str:
    found, late = entry["boundary"], entry["boundary"]["lateness_ms"]
    other = entry["requests"] - entry["same"]
    asked = found["decisions"]["asked"]
    same = found["decisions"]["same"] / asked if asked else 1.0
    text = (
        f"{other:,} of {entry['requests']:,} requests end otherwise. Attempts with the same past came at times that "
        f"differ by {_ms(late['p50'])} (median), {_ms(late['p99'])} (p99) and {_ms(late['max'])} (most). Fed with the "
        f"live run’s own times, the rules decide {same:.2%} of its {asked:,} attempts as the emulator did: what is "
        "left is when attempts arrived."
    )
    return text.replace("%", f"{NB}%").replace(f"{NB}{NB}", NB)


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}{NB}ms"


def _partings(entry: Entry) -> Iterator[Block]:
    found = entry["boundary"]
    drawn = chart(f"boundary-{entry['folder']}", partial(boundary.draw, entry))
    if drawn is not None:
        yield drawn
    head = (Head("Cause"), Head("Requests", NUMBER), Head("What it means"))
    rows = tuple(
        (Cell(cause), Cell(f"{count:,}", count), Cell(found["meanings"][cause]))
        for cause, count in found["counts"].items()
    )  # fmt: skip
    yield Table(head, rows, "Why requests end otherwise")
    if found["partings"]:
        yield _each(found["partings"])


def _each(partings: list[Entry]) -> Table:
    head = (Head("Request", NUMBER), Head("At", NUMBER), Head("What decided"), Head("Simulated"), Head("Live"),
            Head("To the boundary", NUMBER), Head("Lateness around", NUMBER), Head("Cause"))  # fmt: skip
    rows = tuple(
        (Cell(parting_words(one), one["request"]), Cell(f"{one['at_s']:,.3f}{NB}s", one["at_s"]), Cell(one["rule"]),
         Cell(one["simulated"]), Cell(one["live"]), Cell(_ms(one["distance_ms"]), one["distance_ms"]),
         Cell(_ms(one["lateness_ms"]), one["lateness_ms"]), Cell(one["cause"]))
        for one in partings
    )  # fmt: skip
    return Table(head, rows, "Each request that ends otherwise", fold=f"{len(partings):,} requests, one by one")


def _facts(summary: Entry, manifest: Entry) -> Iterator[tuple[str, str]]:
    versions = ", ".join(f"{name} {version}" for name, version in (manifest.get("versions") or {}).items())
    digests = ", ".join(entry["digest"] for entry in summary["configurations"].values())
    pairs = (
        ("seed", summary["seed"]), ("wall time", f"{summary['wall_s']:g} s each"), ("speed", f"{summary['speed']:g}"),
        ("API", summary["api"]), ("sending processes", summary["workers"]),
        ("scenario sha256", summary["scenario"]["sha256"]), ("digest of the simulation", digests),
        ("keystorm", manifest.get("keystorm", "")), ("versions", versions),
    )  # fmt: skip
    yield from ((label, str(value)) for label, value in pairs if str(value))
