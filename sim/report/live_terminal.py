"""A live run in a terminal: the result as of a simulation, then whether it says anything; and what one would cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sim.report.live_report import GATES, number
from sim.report.terminal import visible


def text(live: Mapping[str, Any]) -> str:
    """The gates, one a line, and how late the run was."""
    lines = [_gate(gate) for gate in live["gates"]]
    head = "The run kept its schedule." if live["valid"] else "The run is invalid:"
    why = [] if live["valid"] else [f"  {reason}" for reason in live["invalid"]]
    return "\n".join(map(visible, (head, *why, *lines))) + "\n"


def _gate(gate: Mapping[str, Any]) -> str:
    mark = "✓" if gate["passed"] else "✗"
    told = number(gate["value"], gate["unit"]).replace("\u00a0", " ")
    bound = number(gate["limit"], gate["unit"]).replace("\u00a0", " ")
    return f"  {mark} {GATES.get(gate['name'], gate['name']):<34} {told:>12}   bound {bound}"


def priced(price: Mapping[str, Any], where: str, notes: list[str]) -> str:
    """What a run would send and cost."""
    return "\n".join(_priced(price, where, notes)) + "\n"


def _priced(price: Mapping[str, Any], where: str, notes: list[str]) -> Iterator[str]:
    yield f"Nothing is sent. This run would go to {where}:"
    yield (
        f"  {price['requests']:,} requests in {price['duration_s']:,.0f} s, about {price['expected_attempts']:,} "
        f"attempts with retries, at most {price['peak_per_s']:,} in one second"
    )
    yield (
        f"  expected {_usd(price['expected_usd'])}; {_usd(price['worst_usd'])} if every answer is as long as "
        f"max_tokens lets it be (one attempt costs ${price['dearest_attempt_usd']:,.4f} at most)"
    )
    yield ""
    width = max(len("team"), *(len(team["team"]) for team in price["teams"]))
    yield (
        f"  {'team':<{width}} {'requests':>9} {'attempts':>9} {'input tok':>12} {'output tok':>12} {'expected':>10} "
        f"{'worst':>11}"
    )
    for team in price["teams"]:
        yield (
            f"  {visible(team['team']):<{width}} {team['requests']:>9,} {team['expected_attempts']:>9,} "
            f"{team['input_tokens']:>12,} {team['output_tokens']:>12,} {_usd(team['expected_usd']):>10} "
            f"{_usd(team['worst_usd']):>11}"
        )
    for flag, bound, expected in price.get("bounds", ()):
        yield f"  {flag} {bound} {'would end it early' if expected else 'is more than is expected to be needed'}"
    if notes:
        yield ""
    yield from (f"  {visible(note)}" for note in notes)


def _usd(value: float) -> str:
    return f"${value:,.2f}"
