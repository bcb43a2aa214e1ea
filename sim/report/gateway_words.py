"""What a comparison with a gateway says, in words: for the page and for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sim.report.numbers import NB

Entry = Mapping[str, Any]
NOTABLE = 0.01
"""A difference of success rates that is told."""


def percent(share: float) -> str:
    """A share as a percentage."""
    return f"{100 * share:.1f}{NB}%"


def name_of(summary: Entry) -> str:
    """The gateway with its version."""
    found = summary["gateway"]
    return f"{found['name']} {found['version']}".strip()


def headline(summary: Entry) -> str:
    """Whether it did what was predicted, and in how much it departs from a provider."""
    entries = summary["configurations"].values()
    departs = sum(one["departs"] for one in summary["probes"])
    told = (
        f" {departs} of {len(summary['probes'])} probes find it to depart from a provider." if summary["probes"] else ""
    )
    if any(entry["invalid"] for entry in entries):
        return f"A live run is invalid, so {name_of(summary)} can’t be compared.{told}"
    worst = min(entry["decisions"]["share"] for entry in entries)
    alike = min(entry["share"] for entry in entries)
    verb = "did" if summary["agrees"] else "did not do"
    return (
        f"{name_of(summary)} {verb} what the simulator’s fixed window predicts: by the attempts’ own times at least "
        f"{percent(worst)} of its decisions are the same, and {percent(alike)} of the requests end alike.{told}"
    )


def details(summary: Entry) -> Iterator[str]:
    """One sentence a configuration, and what the gateway costs in time."""
    for name, entry in summary["configurations"].items():
        found = entry["decisions"]
        other = found["asked"] - found["same"]
        near = f"; of the {other:,} others {found['near']:,} within a second of a window’s end" if other else ""
        yield (
            f"{name}: the rules decide {found['same']:,} of {found['asked']:,} attempts as the gateway did{near}; "
            f"{entry['same']:,} of {entry['requests']:,} requests end as predicted."
        )
        yield from _waiting(name, entry)
    took = summary["gateway"]["overhead_ms"]
    if took["p50"] is not None:
        yield f"By its own log it adds {took['p50']:,.0f}{NB}ms (median) to an answer, p95 {took['p95']:,.0f}{NB}ms."


def _waiting(name: str, entry: Entry) -> Iterator[str]:
    """Whom it costs most that refusals do not say when to come back."""
    rates = [line for line in entry["other"] if line["metric"] == "success rate" and line["difference"] is not None]
    most = max(rates, key=lambda line: abs(line["difference"]), default=None)
    if most is not None and not entry["retry_after"] and abs(most["difference"]) >= NOTABLE:
        yield (
            f"{name}: its refusals do not say when to come back. Had they, {most['team']} would succeed in "
            f"{percent(most['live'])} instead of {percent(most['simulated'])} of its requests."
        )


def warnings(summary: Entry) -> Iterator[str]:
    """What a reader has to mind."""
    for name, entry in summary["configurations"].items():
        if entry["invalid"]:
            yield f"{name}: the live run is invalid: {'; '.join(entry['invalid'])}."
        if entry["failed"]:
            yield f"{name}: beyond tolerance: {', '.join(entry['failed'])}."
        if entry["decisions"]["share"] < summary["tolerances"]["decisions"]:
            yield f"{name}: only {percent(entry['decisions']['share'])} of the decisions are those of the rules."


def tolerances(summary: Entry) -> Iterator[str]:
    """What was asked."""
    asked = summary["tolerances"]
    yield (
        f"Held: {100 * asked['decisions']:g}{NB}% of the decisions, {100 * asked['outcomes']:g}{NB}% of the outcomes, "
        f"success rates within {100 * asked['success']:g} percentage points, cost within {100 * asked['cost']:g}{NB}%, "
        f"attempts, admitted and refused ones within {100 * asked['counts']:g}{NB}% of the attempts, p95 within "
        f"{100 * asked['latency']:g}{NB}% or {asked['latency_s']:g}{NB}s."
    )
    yield (
        f"Windows of {summary['window_s']}{NB}s that start with the first request, on both sides. LiteLLM counts time "
        "in whole seconds and adds time of its own, so that attempts near the end of a window fall on its other side."
    )
    yield "Spend is compared by the usage of the answers; what LiteLLM’s own log adds up to is a probe."


def told(entry: Entry) -> str:
    """By which prediction a configuration is measured."""
    if entry["retry_after"]:
        return "Its refusals said when to come back; so do those of the prediction. Without it:"
    return (
        "Its refusals did not say when to come back, so neither do those of the prediction it is measured by. Had they "
        "said it, as a provider’s do, the same limits would have given what stands at the right:"
    )
