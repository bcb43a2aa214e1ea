"""Agent sessions: the chain, the growing context, and their means."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from sim.draws import Stream
from sim.errors import BadInput
from sim.scenario.workloads import Workload
from sim.units import HOUR, SECOND
from sim.workload.generate import expected, generate
from sim.workload.rows import Rows


def workload(sessions: dict[str, Any], **other: Any) -> Workload:
    body = {"arrivals": {"sessions": {"rate": "6/min", **sessions}}, "model": "m"}
    return Workload.model_validate({**body, "input_tokens": 1000, "output_tokens": 100, **other})


def rows(spec: Workload, until: int = HOUR, replication: int = 0) -> Rows:
    return generate(spec, Stream(35, replication, "agents/0"), until)


RANDOM = {"steps": {"median": 4, "p95": 20}, "think": {"median": "2s", "p95": "20s"}, "grow": 50, "max_input": 3000}
SIZES = {"input_tokens": {"median": 900, "p95": 4000}, "output_tokens": {"median": 200, "p95": 900}}


def test_steps_form_chains() -> None:
    found = rows(workload(RANDOM, **SIZES))
    first = found.parent == -1
    numbers = np.arange(len(found))
    assert np.array_equal(found.parent[~first], numbers[~first] - 1)
    assert (found.arrival_ns[first] == found.order_ns[first]).all()
    assert (found.arrival_ns[~first] == -1).all()
    assert (found.think_ns[first] == 0).all()
    assert (found.stops == ~first).all()
    assert (np.diff(found.order_ns) >= 0).all()
    assert np.array_equal(found.order_ns[~first], found.order_ns[found.parent[~first]])


def test_context_grows_by_what_was_added_and_produced() -> None:
    found = rows(workload({"steps": 4, "grow": 50}))
    assert found.input_tokens[:8].tolist() == [1000, 1150, 1300, 1450] * 2
    forgetful = rows(workload({"steps": 4, "grow": 50, "keep_output": False}))
    assert forgetful.input_tokens[:4].tolist() == [1000, 1050, 1100, 1150]
    cut = rows(workload({"steps": 4, "grow": 50, "max_input": 1200}, cached_input=0.5))
    assert cut.input_tokens[:4].tolist() == [1000, 1150, 1200, 1200]
    assert cut.cached_tokens[:4].tolist() == [500, 575, 600, 600]


def test_context_grows_by_the_outputs_drawn() -> None:
    found = rows(workload({**RANDOM, "max_input": "1M"}, **SIZES))
    later = found.parent >= 0
    before = found.parent[later]
    grown = found.input_tokens[before] + found.output_tokens[before] + 50
    assert np.array_equal(found.input_tokens[later], grown)


def test_on_failure_continue_stops_nothing() -> None:
    assert rows(workload({"on_failure": "continue"})).stops.sum() == 0


def test_think_times_follow_their_spread() -> None:
    found = rows(workload({"steps": 50, "think": {"median": "2s", "p95": "20s"}}), 4 * HOUR)
    think = found.think_ns[found.parent >= 0]
    assert (think <= 2 * SECOND).mean() == pytest.approx(0.5, abs=0.01)
    assert (think <= 20 * SECOND).mean() == pytest.approx(0.95, abs=0.005)


@pytest.mark.parametrize("sessions", [{}, {"steps": 4, "grow": 50, "max_input": 1200}, RANDOM])
def test_expected_is_the_mean_of_many_replications(sessions: dict[str, Any]) -> None:
    spec = workload(sessions, **(SIZES if sessions is RANDOM else {}))
    found = [rows(spec, HOUR, replication) for replication in range(150)]
    wanted = expected(spec, HOUR)
    pairs = [
        ([len(each) for each in found], wanted.requests),
        ([each.input_tokens.sum() for each in found], wanted.input_tokens),
        ([each.output_tokens.sum() for each in found], wanted.output_tokens),
    ]
    for values, mean in pairs:
        # 4 standard errors of the sample, and 2.5 % for the sessions that the expectation samples
        allowed = 4 * np.std(values) / math.sqrt(len(values)) + (0.025 * mean if sessions is RANDOM else 0)
        assert abs(np.mean(values) - mean) <= allowed


def test_a_longer_horizon_only_appends() -> None:
    spec = workload(RANDOM, **SIZES)
    long, short = rows(spec, 3 * HOUR), rows(spec)
    for column in vars(short):
        assert np.array_equal(getattr(short, column), getattr(long, column)[: len(short)]), column


def test_endless_sessions_are_refused() -> None:
    with pytest.raises(BadInput, match="too many steps"):
        rows(workload({"steps": 200_000}), 10 * SECOND)
