"""What a state is judged by: the traffic as it is, and drills in which the biggest consumers go wrong.

A drill is the same traffic on the same draws, without the scenario's own faults, in which one team has,
one after the other, each of these for so many per cent of the measured time:

- a **runaway job**: its loop calls 1.5 times as often as the tightest limit of the account lets through;
- a **ban of its key**, then a **ban of its account**, for a policy violation;
- a **leak of its key**: strangers send on it at the rate of the runaway job until it is revoked, then every
  team of the key waits for its new one.

Where the scenario has a fault of such a kind itself, its own is used (in the traffic as it is) and the
drill leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sim.chaos.catalogue import FaultEntry
from sim.scenario.keys import DIMENSIONS, Limits
from sim.scenario.schema import Scenario
from sim.units import MINUTE, SECOND, Rate, duration_text
from sim.workload.rows import Expected

RUNAWAY, KEY_BAN, ACCOUNT_BAN, LEAK = "runaway job", "ban of the key", "ban of the account", "leaked key"
PROBES = (RUNAWAY, KEY_BAN, ACCOUNT_BAN, LEAK)
KINDS = {RUNAWAY: "runaway_job", KEY_BAN: "policy_violations", ACCOUNT_BAN: "policy_violations", LEAK: "leaked_key"}
STARTS = {RUNAWAY: 0.04, KEY_BAN: 0.26, ACCOUNT_BAN: 0.48, LEAK: 0.70}
"""When each probe starts, as a part of the measured time."""
LASTS, VIOLATION, BAN, ROLLOUT = 0.12, 0.02, 0.10, 0.04
"""How long a runaway job and a leak go unnoticed; in which time the request that breaks the policy has to get
through; how long the ban lasts; how long a rollout takes."""
STRENGTH = Fraction(3, 2)
MOST_CALLS = 20_000
"""Calls of one runaway job or leak; at a higher rate it lasts less long."""
FREELY = 10
"""Times the team's own rate, where the account has no limit that could be filled."""
AS_IT_IS, CALM = "as it is", "without faults"


@dataclass(frozen=True)
class Probe:
    """One incident of a drill and the span in which its victims are looked for, ns from the start."""

    name: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True)
class Situation:
    """What a state is run under. ``weight``: its part of the risk; ``team``: whose drill it is, if it is one."""

    name: str
    scenario: Scenario
    weight: float
    team: str = ""
    probes: tuple[Probe, ...] = ()


def probes_missing(scenario: Scenario) -> tuple[str, ...]:
    """The probes of which the scenario has no fault of its own."""
    own = {entry.kind for entry in scenario.chaos}
    return tuple(name for name in PROBES if KINDS[name] not in own)


def situations(
    scenario: Scenario, limits: Sequence[Limits], expected: Mapping[str, Expected], consumers: Sequence[str]
) -> tuple[Situation, ...]:
    """The traffic as it is (half of the risk), and a drill of each of ``consumers`` (the other half, by requests).

    Last, where the scenario has faults, the traffic without them: no part of the risk, but what to expect of an
    ordinary day.
    """
    names = probes_missing(scenario)
    free = scenario.model_copy(update={"chaos": ()})
    calm = (Situation(CALM, free, 0.0),) if scenario.chaos else ()
    if not names or not consumers:
        return (Situation(AS_IT_IS, scenario, 1.0), *calm)
    whole = sum(expected[team].requests for team in consumers) or 1.0
    drills = [_drill(scenario, limits, expected, team, names) for team in consumers]
    parts = [0.5 * expected[team].requests / whole for team in consumers]
    made = (Situation(f"drill of {one.team}", one.scenario, part, one.team, one.probes)
            for one, part in zip(drills, parts, strict=True))  # fmt: skip
    return (Situation(AS_IT_IS, scenario, 0.5), *made, *calm)


def _drill(
    scenario: Scenario, limits: Sequence[Limits], expected: Mapping[str, Expected], team: str, names: Iterable[str]
) -> Situation:
    rate = calls(scenario, limits, expected[team])
    sizes = _sizes(scenario, team, expected[team])
    made = [_faults(scenario, name, team, rate, sizes) for name in names]
    chaos = tuple(FaultEntry.model_validate(fault) for faults, _ in made for fault in faults)
    return Situation("", scenario.model_copy(update={"chaos": chaos}), 0.0, team, tuple(probe for _, probe in made))


def calls(scenario: Scenario, limits: Sequence[Limits], team: Expected) -> Rate:
    """The rate of a loop that fills the account: 1.5 times what its tightest limit lets through of this team."""
    sizes = {
        "requests": 1.0,
        "input_tokens": _mean(team.input_tokens, team),
        "output_tokens": _mean(team.output_tokens, team),
    }
    sizes["tokens"] = sizes["input_tokens"] + sizes["output_tokens"]
    most = [getattr(one, name).rate.per_minute / max(1.0, sizes[name])
            for one in limits for name in DIMENSIONS if getattr(one, name) is not None]  # fmt: skip
    own = team.requests * MINUTE / scenario.duration
    wanted = float(STRENGTH) * min(most) if most else FREELY * own
    return Rate(Fraction(max(1, round(wanted))), MINUTE)


def _mean(tokens: float, team: Expected) -> float:
    return tokens / team.requests if team.requests else 1.0


def _sizes(scenario: Scenario, team: str, expected: Expected) -> dict[str, int]:
    """Sizes of what is sent in a team's name, where its first workload states none (a trace)."""
    if scenario.teams[team].workload[0].input_tokens is not None:
        return {}
    pairs = {"input_tokens": expected.input_tokens, "output_tokens": expected.output_tokens}
    return {name: max(1, round(_mean(tokens, expected))) for name, tokens in pairs.items()}


def _faults(
    scenario: Scenario, name: str, team: str, rate: Rate, sizes: Mapping[str, int]
) -> tuple[list[dict[str, Any]], Probe]:
    """One probe as a scenario writes it, and the span in which it shows."""
    measured = scenario.duration - scenario.warmup
    at = scenario.warmup + _part(measured, STARTS[name])
    said: dict[str, Any] = {"team": team, "at": duration_text(at)}
    if name in (KEY_BAN, ACCOUNT_BAN):
        return _ban(said, measured, "key" if name == KEY_BAN else "account"), Probe(name, at, at + _part(measured, BAN))
    lasts = min(_part(measured, LASTS), _whole(MOST_CALLS * 60 / float(rate.count)))
    said |= {"for": duration_text(lasts), "rate": str(rate), **sizes}
    if name == RUNAWAY:
        return [{KINDS[name]: said}], Probe(name, at, at + lasts)
    rollout = _part(measured, ROLLOUT)
    return [{KINDS[name]: {**said, "rollout": duration_text(rollout)}}], Probe(name, at, at + lasts + rollout)


def _ban(said: Mapping[str, Any], measured: int, what: str) -> list[dict[str, Any]]:
    """One request that breaks the policy, even of a team that is silent just then, and the ban for it."""
    violation = {
        **said, "for": duration_text(_part(measured, VIOLATION)), "probability": 1, "threshold": 1, "ban": what,
        "recovery": duration_text(_part(measured, BAN)),
    }  # fmt: skip
    return [{"policy_violations": violation}, {"thundering_herd": {**said, "size": 1}}]


def _part(whole_ns: int, part: float) -> int:
    """A part of the time in whole seconds, at least one."""
    return _whole(whole_ns / SECOND * part)


def _whole(seconds: float) -> int:
    return max(1, int(seconds)) * SECOND
