"""One contract for every fault of the catalogue, found by enumeration; and what each one says."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from pydantic import ValidationError

from sim.chaos.base import EffectKind, Fault, Lasting, Scope
from sim.chaos.catalogue import FaultEntry
from sim.policy.bucket import NEVER
from sim.policy.faults import active, next_change
from sim.policy.tables import EffectRule
from sim.scenario.schema import Scenario
from sim.units import MINUTE, SECOND

EXAMPLES: dict[str, dict[str, Any]] = {
    "storm": {"at": "1m", "for": "2m", "status": 503, "probability": 0.5, "retry_after": "5s", "team": "a"},
    "latency": {"at": "1m", "for": "2m", "factor": 4, "probability": "10%"},
    "stall": {"at": "1m", "for": "2m", "probability": "10%", "model": "gpt-4.1"},
    "connection_reset": {"at": "1m", "for": "2m", "probability": "10%"},
    "brown_out": {"at": "1m", "for": "2m", "slots": "25%"},
    "limits_cut": {"at": "1m", "for": "2m", "to": "50%"},
    "runaway_job": {"at": "1m", "for": "2m", "team": "a", "rate": "600/min"},
    "thundering_herd": {"at": "1m", "team": "a", "size": 50},
    "policy_violations": {
        "at": "1m",
        "for": "2m",
        "team": "a",
        "probability": "1%",
        "recovery": "5m",
        "categories": {"security": "33.3%"},
        "review": {"reviewers": 2, "each": "5m"},
    },
    "leaked_key": {"at": "1m", "for": "1m", "team": "a", "rate": "60/min", "rollout": "1m"},
    "key_rotation": {"at": "1m", "rollout": "1m", "overlap": "0s", "botched": [1], "rollback": "1m"},
    "price_change": {"at": "1m", "for": "2m", "factor": 2},
}
INSTANTS = {"thundering_herd"}
WORKLOAD = {"arrivals": {"poisson": {"rate": "6/min"}}, "model": "gpt-4.1", "input_tokens": 9, "output_tokens": 9}


def scenario(*chaos: dict[str, Any]) -> Scenario:
    return Scenario.model_validate({
        "name": "one",
        "duration": "10m",
        "teams": {"a": {"workload": WORKLOAD}, "b": {"workload": WORKLOAD}},
        "configurations": {"shared": {"isolation": "shared"}},
        "chaos": list(chaos),
    })  # fmt: skip


def fault(name: str) -> Fault:
    return scenario({name: EXAMPLES[name]}).chaos[0].fault


def test_every_fault_of_the_catalogue_has_an_example() -> None:
    assert set(EXAMPLES) == set(FaultEntry.model_fields)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_fault_keeps_the_contract(name: str) -> None:
    one = fault(name)
    start, end = one.window
    assert (start, end) == (MINUTE, MINUTE + 1 if name in INSTANTS else 3 * MINUTE)
    assert one.summary and "\n" not in one.summary and len(one.summary) < 80
    whole = scenario({name: EXAMPLES[name]})
    effects, traffic = one.effects(whole), one.traffic(whole)
    cuts, prices = one.limit_cuts(), one.price_changes()
    assert effects or traffic or cuts or prices, "a fault that does nothing"
    assert all(start <= mark.at_ns <= end for mark in one.marks)
    for effect in effects:
        assert start <= effect.start_ns < effect.end_ns <= end
        assert effect.kind in EffectKind
        assert 0 < effect.probability <= 1
    for extra in traffic:
        assert extra.team in whole.teams
        assert start <= extra.start_ns < extra.end_ns <= end
    for change in (*cuts, *prices):
        assert start <= change.start_ns < change.end_ns <= end
    assert one.effects(whole) == effects, "asked twice, a fault says the same"
    kept = {key: value for key, value in whole.chaos[0].model_dump(mode="json", by_alias=True).items() if value}
    assert FaultEntry.model_validate(kept) == whole.chaos[0], "a manifest keeps all that it says"


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_fault_needs_its_time(name: str) -> None:
    for missing in ("at", "for") if issubclass(type(fault(name)), Lasting) else ("at",):
        said = {key: value for key, value in EXAMPLES[name].items() if key != missing}
        with pytest.raises(ValidationError, match=missing):
            scenario({name: said})


def test_a_storm_says_what_it_refuses_with() -> None:
    (effect,) = fault("storm").effects(scenario())
    assert (effect.status, effect.probability, effect.retry_after_ns) == (503, Fraction(1, 2), 5 * SECOND)
    assert effect.scope == Scope(team="a")


def test_a_storm_without_retry_after_carries_none() -> None:
    (effect,) = scenario({"storm": {"at": "1m", "for": "1m"}}).chaos[0].fault.effects(scenario())
    assert effect.retry_after_ns == -1


def test_a_runaway_job_sends_in_its_teams_name_and_sizes() -> None:
    whole = scenario({"runaway_job": EXAMPLES["runaway_job"]})
    (extra,) = whole.chaos[0].fault.traffic(whole)
    assert extra.team == "a"
    assert extra.workload.model == "gpt-4.1"
    assert extra.workload.input_tokens == whole.teams["a"].workload[0].input_tokens
    assert extra.workload.arrivals.poisson is not None
    assert extra.workload.arrivals.poisson.rate.per_minute == 600


def rule(start: int, end: int) -> EffectRule:
    return EffectRule(start, end, 0, 503, 1 << 32, -1, -1, -1, -1, -1, -1)


def test_an_effect_works_from_its_start_to_just_before_its_end() -> None:
    one = rule(10, 20)
    assert [active(one, now) for now in (9, 10, 19, 20)] == [False, True, True, False]


def test_the_next_change_is_the_nearest_edge_ahead() -> None:
    rules = [rule(10, 20), rule(15, 30)]
    assert [next_change(rules, now) for now in (0, 10, 15, 20, 29, 30)] == [10, 15, 20, 30, 30, NEVER]
    for now in range(35):
        edge = next_change(rules, now)
        between = range(now, min(edge, 35))
        assert len({tuple(active(one, t) for one in rules) for t in between}) <= 1
