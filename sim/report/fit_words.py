"""What a fit found, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sim.report.import_view import count_text, percent, span_text
from sim.report.numbers import NB, number

Told = Mapping[str, Any]

TOTAL = "total"
METRICS = {
    "rate_limited_share": "answered with 429", "server_error_share": "server errors", "latency_p50_s": "latency, p50",
    "latency_p95_s": "latency, p95", "latency_p99_s": "latency, p99", "cost_usd": "cost",
}  # fmt: skip
NAMELESS = "(not said)"


def total_tests(told: Told, dimension: str = "requests") -> list[Told]:
    """The tests of everybody on one key."""
    return [test for test in told["throttling"] if test["team"] == TOTAL and test["dimension"] == dimension]


def signed(share: float | None) -> str:
    """A relative error: ``+3.1 %``."""
    if share is None:
        return "–"
    return f"{number(100 * share, 1, sign=True)}{NB}%"


def headline(told: Told) -> str:
    """Whether the fitted scenario is refused as the log is."""
    tests = total_tests(told)
    if not tests:
        return (
            f"A scenario was fitted to {count_text(told['requests'])} requests; no test limit refuses enough to judge"
        )
    worst = percent(told["worst_refusal_error"])
    if told["fits"]:
        return f"At {len(tests)} test limits the fitted scenario is refused as the log is, to within {worst}"
    missed = f"The fitted scenario misses the log’s refusals by up to {worst} at {len(tests)} test limits"
    chance = all(test["likely"] for test in tests)
    return missed + (", no more than its own single runs differ by" if chance else "")


def details(told: Told) -> tuple[str, ...]:
    """The log, the processes, and what history says."""
    return tuple(_details(told))


def _details(told: Told) -> Iterator[str]:
    streams, span = told["streams"], span_text(told["span_s"])
    many, teams = len(streams), len(told["teams"])
    count = f"{many} stream{'s' * (many != 1)} of {teams} team{'s' * (teams != 1)}"
    yield f"{count_text(told['requests'])} requests in {span} became {count}: {_kinds(streams)}."
    numbers = sum(stream["chosen"]["parameters"] for stream in streams)
    yield f"Their arrivals are described by {numbers:,} numbers in all, weights of profiles included."
    for test in total_tests(told):
        yield f"{test['limit']}: the log is refused {percent(test['log'])}, the scenario {_interval(test)}."
    if told["history"]:
        yield f"Against history: {told['history']['verdict']}"


def _interval(test: Told) -> str:
    low, high = test["fitted"]["ci95"]
    text = percent(test["fitted"]["value"])
    return text if low is None else f"{text} (95{NB}% interval {percent(max(0.0, low))} to {percent(high)})"


def _kinds(streams: list[Told]) -> str:
    """How many of each process, the most frequent first."""
    seen: dict[str, int] = {}
    for stream in streams:
        kind = "sessions" if stream["session"] else stream["chosen"]["process"]
        seen[kind] = seen.get(kind, 0) + 1
    ordered = sorted(seen.items(), key=lambda pair: (-pair[1], pair[0]))
    told = ", ".join(kind if len(streams) == 1 else f"{count} {kind}" for kind, count in ordered[:4])
    return told + (f" and {len(ordered) - 4} more kinds" if len(ordered) > 4 else "")


def warnings(told: Told) -> tuple[str, ...]:
    """What does not fit."""
    flags = list(told["flags"])
    shown = flags[:12]
    if len(flags) > len(shown):
        shown.append(f"{len(flags) - len(shown)} more, in fit.json")
    return tuple(f"Does not fit: {flag}." for flag in shown)
