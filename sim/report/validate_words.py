"""What a validation says, in words and numbers: for the page and for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sim.report.cautions import counted
from sim.report.numbers import NB

Entry = Mapping[str, Any]
_DIGITS = {"requests": 0, "attempts": 0, "usd": 4, "s": 3}


def metric_value(value: float | None, unit: str, *, signed: bool = False) -> str:
    """A number of a line with its unit; a share is a percentage, a difference of shares percentage points."""
    if value is None:
        return "–"
    sign = "−" if value < 0 else "+" if signed else ""
    size = abs(value)
    if unit == "share":
        return f"{sign}{100 * size:,.2f}{NB}{'pp' if signed else '%'}"
    text = f"{size:,.{_DIGITS.get(unit, 2)}f}"
    return f"{sign}${text}" if unit == "usd" else f"{sign}{text}{NB}s" if unit == "s" else f"{sign}{text}"


def tolerance_text(line: Entry) -> str:
    """What a difference may be."""
    if line["tolerance"] is None:
        return ""
    if line["tolerance"] == 0:
        return "none"
    return "±" + metric_value(line["tolerance"], line["unit"], signed=True).lstrip("+")


def headline(summary: Entry) -> str:
    """Whether it agrees, in a sentence."""
    entries = summary["configurations"]
    speed = f" at {summary['speed']:g} × speed" if summary["speed"] != 1 else ""
    worst = min(entries.values(), key=lambda entry: float(entry["share"]))
    told = f"{100 * worst['share']:.2f}{NB}% of {worst['requests']:,} requests end alike"
    if summary["agrees"]:
        return f"Simulator and HTTP agree{speed}: {told}, and every team is within its tolerances."
    if any(entry["invalid"] for entry in entries.values()):
        return f"The live run{speed} is invalid, so it can’t be compared; {told}."
    beyond = sum(len(entry["failed"]) for entry in entries.values())
    are = "is beyond its" if beyond == 1 else "are beyond their"
    return f"Simulator and HTTP do not agree{speed}: {told}, {counted(beyond, 'number')} {are} tolerance."


def details(summary: Entry) -> Iterator[str]:
    """One sentence a configuration."""
    for name, entry in summary["configurations"].items():
        counts = {cause: count for cause, count in entry["boundary"]["counts"].items() if count}
        other = entry["requests"] - entry["same"]
        why = ", ".join(f"{count:,} {cause}" for cause, count in counts.items())
        told = f"; of the {other:,} others: {why}" if why else "; none ends otherwise" if not other else ""
        yield (
            f"{name}: {entry['same']:,} of {entry['requests']:,} outcomes agree (needed: "
            f"{100 * entry['needed']:.0f}{NB}%){told}."
        )


def warnings(summary: Entry) -> Iterator[str]:
    """What a reader has to mind."""
    for name, entry in summary["configurations"].items():
        if entry["invalid"]:
            yield f"{name}: the live run is invalid: {'; '.join(entry['invalid'])}."
        if entry["failed"]:
            yield f"{name}: beyond tolerance: {', '.join(entry['failed'])}."


def tolerances(summary: Entry) -> Iterator[str]:
    """What was asked."""
    asked = summary["tolerances"]
    yield (
        f"Outcomes must agree for {100 * asked['outcomes']:.0f}{NB}% of the requests; success rates of each team "
        f"within {100 * asked['success']:g} percentage points, cost within {100 * asked['cost']:g}{NB}%, p95 within "
        f"{100 * asked['latency']:g}{NB}% or {1000 * asked['latency_s']:g}{NB}ms, whichever is more; attempts, "
        f"admitted and refused ones within {100 * asked['counts']:g}{NB}% of the attempts; what is offered is the same."
    )
    if summary["speed"] > 1:
        yield "Where time is compressed an error of the wall clock counts more: tolerances are twice as wide."
    yield (
        "An outcome is how a request ended: succeeded, failed, gave up, unfinished, not started. All planned requests "
        "count, those of the warm-up too."
    )


def parting_words(one: Entry) -> str:
    """A request, and its attempt where it was not the first."""
    return f"{one['request']:,}" + (f", attempt {one['attempt'] + 1}" if one["attempt"] > 0 else "")
