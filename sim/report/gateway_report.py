"""The report of a comparison with a gateway: predicted and observed, and where it departs from a provider."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sim.report.charts import chart
from sim.report.document import NUMBER, QUIET, Block, Cell, Document, Head, Section, Table, Text
from sim.report.figures import agreement
from sim.report.frame import write
from sim.report.gateway_words import details, headline, name_of, told, tolerances, warnings
from sim.report.live_report import gates_table
from sim.report.saved import read_json
from sim.report.validate_report import side_by_side
from sim.report.validate_words import metric_value

FILE = "summary.json"
LOG = "spend-logs.jsonl"
DOWNLOADS = (
    (FILE, "every number of this page"),
    ("scenario.yaml", "what both sides ran"),
    (LOG, "the proxy’s own spend log, which keystorm import reads"),
    ("manifest.json", "scenario, versions and command"),
)
Entry = Mapping[str, Any]


def render(directory: Path) -> Path:
    """Write the report of the comparison in ``directory``. Raises BadInput where it holds none."""
    return write(
        directory, document(read_json(directory / FILE, "gateway"), read_json(directory / "manifest.json", "gateway"))
    )


def document(summary: Entry, manifest: Entry) -> Document:
    """The whole report."""
    several = len(summary["configurations"]) > 1
    return Document(
        kind="gateway", name=summary["scenario"]["name"],
        question=f"Does {name_of(summary)} do to each team what the simulator says it will?",
        headline=headline(summary), details=tuple(details(summary)), warnings=tuple(warnings(summary)),
        sections=tuple(_sections(summary, several)), assumptions=tuple(tolerances(summary)),
        command=shlex.join(str(word) for word in manifest.get("command") or ("keystorm", "gateway")),
        facts=tuple(_facts(summary, manifest)), downloads=DOWNLOADS,
    )  # fmt: skip


def _sections(summary: Entry, several: bool) -> Iterator[Section]:
    if summary["probes"]:
        intro = "Small experiments at the same proxy, in the same run, each with keys of its own."
        yield Section("departures", "Where it departs from a provider", intro, (_probes(summary["probes"]),))
    for name, entry in summary["configurations"].items():
        tail, at = f": {name}" if several else "", entry["folder"]
        intro = "The same plan, the same draws, the same limits: predicted by the simulator, and through the proxy."
        drawn = chart(f"agreement-{at}", partial(agreement.draw, entry))
        blocks: tuple[Block | None, ...] = (drawn, side_by_side(entry, ("Predicted", "LiteLLM")), _keys(entry))
        yield Section(f"sides-{at}", f"Predicted and observed{tail}", intro, tuple(one for one in blocks if one))
        yield Section(f"waiting-{at}", f"What retry-after changes{tail}", told(entry), (_other(entry),))
        yield Section(f"gates-{at}", f"Did the live run keep its schedule?{tail}", "", (gates_table(entry["gates"]),))
    yield Section("what", "What was run", "", (Text(items=tuple(summary["notes"])),))


def _probes(probes: list[Entry]) -> Table:
    head = (Head("Probe"), Head("What is done", QUIET), Head("Expected"), Head("Observed"), Head("Verdict"))
    rows = tuple(
        (Cell(one["name"]), Cell(one["question"]), Cell(one["expected"]), Cell(one["observed"]),
         Cell("✗ departs", tone="bad") if one["departs"] else Cell("✓ the same", tone="good"))
        for one in probes
    )  # fmt: skip
    return Table(head, rows, "Expected of a provider, and observed")


def _keys(entry: Entry) -> Table:
    head = (Head("Key"), Head("Its limits at the proxy"))
    rows = tuple(
        (Cell(name), Cell(", ".join(f"{limit} {value:,}" for limit, value in limits.items()) or "none"))
        for name, limits in entry["keys"].items()
    )
    return Table(head, rows, "Keys, in LiteLLM’s words")


def _other(entry: Entry) -> Table:
    has = entry["retry_after"]
    head = (Head("Team"), Head("Quantity", QUIET), Head("With retry-after" if has else "Without", NUMBER),
            Head("Without" if has else "With retry-after", NUMBER), Head("Difference", NUMBER))  # fmt: skip
    rows = tuple(
        (Cell(line["team"]), Cell(line["metric"]),
         *(Cell(metric_value(line[side], line["unit"]), line[side]) for side in ("simulated", "live")),
         Cell(metric_value(line["difference"], line["unit"], signed=True), line["difference"]))
        for line in entry["other"]
    )  # fmt: skip
    return Table(head, rows, "Two predictions")


def _facts(summary: Entry, manifest: Entry) -> Iterator[tuple[str, str]]:
    versions = ", ".join(f"{name} {version}" for name, version in (manifest.get("versions") or {}).items())
    pairs = (
        ("gateway", name_of(summary)), ("started in", f"{summary['gateway']['started_s']:.0f} s"),
        ("seed", summary["seed"]), ("wall time", f"{summary['wall_s']:g} s each"),
        ("window", f"{summary['window_s']} s"), ("most planned in a second", f"{summary['peak']:g} requests"),
        ("scenario sha256", summary["scenario"]["sha256"]), ("keystorm", manifest.get("keystorm", "")),
        ("versions", versions),
    )  # fmt: skip
    yield from ((label, str(value)) for label, value in pairs if str(value))
