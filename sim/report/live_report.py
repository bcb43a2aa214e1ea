"""The report of a live run: that of a simulation, with whether the run kept its schedule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.report.document import NUMBER, Block, Cell, Document, Head, Section, Table, Text
from sim.report.frame import write
from sim.report.page import document as document_of
from sim.report.render import document as compared
from sim.report.render import load
from sim.report.tables import teams_csv
from sim.report.together import draw_charts

LIVE_DOWNLOAD = ("live.json", "how the run went: gates, lateness, processes, pre-flight")
GATES = {
    "rows_sent": "Planned requests started", "workers_complete": "Processes whose results arrived",
    "lateness_p99": "Lateness at the client, p99", "lateness_p99_at_server": "Lateness at the server, p99",
    "generator_cpu": "Busiest generator", "pool_waits": "Waits for a connection",
}  # fmt: skip
"""Gates in words, by name."""


def render(directory: Path) -> Path:
    """Write the report of the live run in ``directory``. Raises BadInput where it holds none."""
    found = load(directory)
    page = with_validity(document_of(found, draw_charts(found)), found.summary["live"])
    return write(directory, page, {"teams.csv": teams_csv(found.summary)})


def document(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> Document:
    """The whole report of a live run."""
    return with_validity(compared(summary, manifest), summary["live"])


def with_validity(page: Document, live: Mapping[str, Any]) -> Document:
    """The same report with what makes a live run one; an invalid one says so before anything else."""
    validity = Section("validity", "Did the run keep its schedule?", intro(live), tuple(_blocks(live)))
    first, *others = page.sections
    sections = (first, validity, *others) if live["valid"] else (validity, first, *others)
    headline = page.headline if live["valid"] else f"This run is invalid: {'; '.join(live['invalid'])}."
    warnings = (*page.warnings, *([] if live["valid"] else [f"If it were valid it would say: {page.headline}"]))
    downloads = (*page.downloads, LIVE_DOWNLOAD)
    return replace(page, kind="live", headline=headline, warnings=warnings, sections=sections, downloads=downloads)


def intro(live: Mapping[str, Any]) -> str:
    """Where it was sent, by how many processes, at which speed."""
    speed = f" at {live['speed']:g} × speed" if live["speed"] != 1 else ""
    count = live["workers"]
    by = "one process" if count == 1 else f"{count} processes"
    answers = "streamed answers" if live["stream"] else "whole answers"
    return (
        f"Sent to {live['target']} in the shape of {live['api']} ({answers}) by {by}{speed}, in "
        f"{live['wall_s']:,.1f} s of wall time. Latency counts from the intended start. A run that could not keep its "
        "schedule is invalid, not slow: then it measures the generator."
    )


def _blocks(live: Mapping[str, Any]) -> Iterator[Block]:
    yield gates_table(live["gates"])
    yield Text((_late(live["lateness_ms"]["client"]),))
    if live["workers_told"]:
        yield _workers(live["workers_told"])
    if live["preflight"] is not None:
        yield _preflight(live["preflight"])
    if live["notes"]:
        yield Text(items=tuple(live["notes"]))


def _late(late: Mapping[str, Any]) -> str:
    return (
        f"Of {late['count']:,} attempts half left within {number(late['p50'], 'ms')} of the instant at which their "
        f"client meant to send them, 99 of 100 within {number(late['p99'], 'ms')}, the last after "
        f"{number(late['max'], 'ms')}. Attempts that are due at one instant leave one after the other: each has its "
        "turn, a millisecond after the one before, and the gate counts what is beyond it."
    )


def gates_table(gates: list[Mapping[str, Any]]) -> Table:
    """Every gate with its value and its bound."""
    head = (Head("Gate"), Head("Measured", NUMBER), Head("Bound", NUMBER), Head("Verdict"), Head("What it is"))
    rows = tuple(
        (Cell(GATES.get(gate["name"], gate["name"])), Cell(number(gate["value"], gate["unit"]), gate["value"]),
         Cell(number(gate["limit"], gate["unit"]), gate["limit"]),
         Cell("✓ passed", tone="good") if gate["passed"] else Cell("✗ failed", tone="bad"), Cell(gate["meaning"]))
        for gate in gates
    )  # fmt: skip
    return Table(head, rows, "Gates of validity")


def number(value: float, unit: str) -> str:
    """A gate's number with its unit."""
    told = f"{value:,.0f}" if value == int(value) and abs(value) >= 10 else f"{value:,.3g}"
    return f"{told}\u00a0{unit}" if unit else told


def _workers(told: list[Mapping[str, Any]]) -> Table:
    head = (Head("Process"), Head("Planned", NUMBER), Head("Started", NUMBER), Head("Attempts", NUMBER),
            Head("CPU, mean", NUMBER), Head("CPU, peak", NUMBER), Head("Connections", NUMBER),
            Head("In flight, peak", NUMBER))  # fmt: skip
    rows = tuple(
        (Cell(f"{one['number']}"), *(Cell(f"{one[name]:,}", one[name]) for name in ("planned", "started", "sent")),
         *(Cell(f"{one[name]:.0%}".replace("%", "\u00a0%"), one[name]) for name in ("cpu", "cpu_peak")),
         *(Cell(f"{one[name]:,}", one[name]) for name in ("connections", "in_flight_peak")))
        for one in told
    )  # fmt: skip
    return Table(head, rows, "Sending processes")


def _preflight(found: Mapping[str, Any]) -> Table:
    head = (Head("Key"), Head("Fingerprint"), Head("Asked"), Head("Status", NUMBER), Head("Limits by its headers"),
            Head("Clock", NUMBER), Head("TLS"))  # fmt: skip
    rows = tuple(
        (Cell(one["key"]), Cell(one["fingerprint"]), Cell(one["asked"]), Cell(str(one["status"]), one["status"]),
         Cell(", ".join(f"{value:,} {name.replace('_', ' ')}/min" for name, value in one["limits"].items()) or "none"),
         Cell("" if one["clock_skew_s"] is None else f"{one['clock_skew_s']:+.0f}\u00a0s"), Cell(one["tls"] or "none"))
        for one in found["keys"]
    )  # fmt: skip
    return Table(head, rows, "What the pre-flight check found")
