"""A plan in chunks is the plan: the same rows in the same order, whatever the cuts, and after a checkpoint too."""

from __future__ import annotations

import pickle
import tracemalloc
from collections.abc import Mapping
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.draws import Stream
from sim.errors import BadInput
from sim.scenario import library
from sim.scenario.loader import load, load_text
from sim.scenario.plan import Plan, build_plan, expected_requests, sources
from sim.scenario.plan_rows import in_order
from sim.scenario.plan_stream import PlanStream
from sim.scenario.schema import Scenario
from sim.scenario.workloads import Trace
from sim.units import HOUR
from sim.workload.generate import generate
from sim.workload.importers import TraceRows
from tests.agreement.generated import random_scenario, tie_heavy

NO_TRACES: Mapping[Trace, TraceRows] = {}
COLUMNS = [name for name, of in Plan.__annotations__.items() if of == "I64"]
CUTS: tuple[dict[str, int], ...] = (
    {},
    {"chunk_rows": 1000},
    {"chunk_rows": 1, "block_rows": 3},
    {"chunk_rows": 60, "block_rows": 17},
)


def checked(stream: PlanStream) -> list[Plan]:
    """All chunks to come, with what a stream promises between two of them."""
    found: list[Plan] = []
    begun = stream.position
    while True:
        assert stream.position == begun + sum(map(len, found))
        before = stream.reached_ns
        chunk = next(stream, None)
        if chunk is None:
            assert before <= stream.reached_ns == stream.streams.duration_ns
            return found
        opened = chunk.arrival_ns[chunk.arrival_ns >= 0]
        assert before <= opened[0] <= opened[-1] < stream.reached_ns
        assert ((chunk.child < len(chunk)) & (chunk.child >= -1)).all()
        assert np.count_nonzero(chunk.child >= 0) == np.count_nonzero(chunk.arrival_ns < 0)
        found.append(chunk)


def same(chunks: list[Plan], whole: Plan) -> None:
    first = np.cumsum([0, *map(len, chunks)])
    for name in COLUMNS:
        parts = [getattr(chunk, name) for chunk in chunks]
        if name == "child":
            parts = [np.where(part < 0, -1, part + at) for part, at in zip(parts, first, strict=False)]
        assert all(part.dtype == np.int64 and part.flags.c_contiguous for part in parts)
        np.testing.assert_array_equal(np.concatenate(parts), getattr(whole, name), err_msg=name)
    for chunk in chunks:
        others = [name for name in Plan.__annotations__ if name not in COLUMNS]
        assert [getattr(chunk, name) for name in others] == [getattr(whole, name) for name in others]


def agrees(scenario: Scenario, traces: Mapping[Trace, TraceRows], cuts: dict[str, int], replication: int = 0) -> int:
    """Check one scenario; the number of its chunks."""
    chunks = checked(PlanStream(scenario, replication, traces, **cuts))
    same(chunks, build_plan(scenario, replication, traces))
    return len(chunks)


def row_by_row(scenario: Scenario) -> list[tuple[int, ...]]:
    """What a plan says of each request but its child, by the definition of its order and nothing clever."""
    found = []
    for number, source in enumerate(sources(scenario)):
        stream = Stream(scenario.seed, 0, source.name)
        rows = generate(source.workload, stream, source.length_ns)
        keys, first = stream.keys(np.arange(len(rows))).tolist(), 0
        for at, columns in enumerate(zip(*(values.tolist() for values in vars(rows).values()), strict=True)):
            arrival, order, parent, think, stops, inputs, cached, outputs, most = columns
            first = at if parent < 0 else first
            place = (order + source.start_ns, keys[first], number, at)
            arrival = arrival + source.start_ns if parent < 0 else -1
            who = (sorted(scenario.teams).index(source.team), source.origin)
            found.append((place, (*who, arrival, think, stops, inputs, cached, outputs, most, keys[at])))
    return [values for _, values in sorted(found)]


@pytest.mark.parametrize("number", range(6))
def test_the_order_of_a_plan_is_that_of_its_definition(number: int) -> None:
    scenario = tie_heavy() if number == 0 else random_scenario(number)
    plan = build_plan(scenario, 0, NO_TRACES)
    names = [name for name in COLUMNS if name not in ("model", "child")]
    assert np.array_equal(np.stack([getattr(plan, name) for name in names], axis=1), row_by_row(scenario))
    steps = np.flatnonzero(plan.arrival_ns < 0)
    assert sorted(plan.child[plan.child >= 0].tolist()) == steps.tolist()
    assert (plan.child[steps - 1] == steps).all(), "steps of a session stand one after another"


def test_rows_too_far_apart_to_be_packed_are_in_order_too() -> None:
    draws = np.random.default_rng(7)
    luck = draws.integers(0, 1 << 62, 3000)
    for span in (1, 100, 10**6, 1 << 50, 1 << 62):
        time = draws.integers(0, span, 3000)
        assert np.array_equal(in_order(time, luck), np.lexsort((luck, time)))
        assert np.array_equal(in_order(time, luck // (1 << 61)), np.lexsort((luck // (1 << 61), time)))


@pytest.mark.parametrize("name", library.names(long=False))
@pytest.mark.parametrize("cuts", CUTS[:2], ids=str)
def test_chunks_of_the_library(name: str, cuts: dict[str, int]) -> None:
    loaded = load(name)
    assert agrees(loaded.scenario, loaded.traces, cuts) >= 1


@pytest.mark.parametrize("cuts", CUTS, ids=str)
def test_chunks_of_generated_scenarios(cuts: dict[str, int]) -> None:
    numbers = range(0, 60, 4 if cuts.get("chunk_rows") == 1 else 1)
    chunks = [agrees(random_scenario(number), NO_TRACES, cuts, number % 3) for number in numbers]
    assert max(chunks) > (10 if cuts.get("chunk_rows", 1000) < 1000 else 0)


def test_chunks_where_everything_ties() -> None:
    for cuts in CUTS:
        agrees(tie_heavy(), NO_TRACES, cuts)
    herds = [chunk for chunk in PlanStream(tie_heavy(), 0, NO_TRACES, chunk_rows=1) if len(chunk) > 10]
    assert len(herds) >= 12, "an instant is never cut"


def workload(arrivals: dict[str, Any], **other: Any) -> dict[str, Any]:
    sizes = {"input_tokens": {"median": 900, "p95": 4000}, "output_tokens": 250}
    return {"arrivals": arrivals, "model": "claude-haiku-4-5", **sizes, **other}


def scenario_of(duration: str, teams: dict[str, Any], **other: Any) -> Scenario:
    shared = {"shared": {"isolation": "shared", "limits": {"requests": "60/min"}}}
    body = {"name": "some", "duration": duration, "teams": teams, "configurations": shared, **other}
    return Scenario.model_validate(body)


RHYTHM = {"hours": [0, 3, 1] * 8, "starts_at": "30m"}
LONG_STEPS = {"rate": "20/min", "steps": {"median": 3, "p95": 60}, "think": {"median": "1s", "p95": "9s"}}
UNEQUAL = {
    "fast": {"workload": workload({"gamma": {"rate": "10/s", "cv": 9}}, profile=RHYTHM)},
    "slow": {"workload": [workload({"poisson": {"rate": "1/h"}}), workload({"weibull": {"rate": "5/h", "cv": 20}})]},
    "agents": {"workload": workload({"sessions": LONG_STEPS}, profile=RHYTHM)},
    "herds": {"workload": workload({"herd": {"size": 700, "at": "1s", "every": "1m"}})},
    "bursts": {"workload": workload({"bursts": {"rate": "30/s", "on": "1m", "off": "9m", "random": True}})},
}
RUNAWAY = {"runaway_job": {"team": "slow", "at": "61m", "for": "31m", "rate": "3000/min"}}


@pytest.mark.parametrize("cuts", [{}, {"chunk_rows": 3000}, {"chunk_rows": 500, "block_rows": 256}], ids=str)
def test_chunks_of_unequal_streams_with_a_fault_in_the_middle(cuts: dict[str, int]) -> None:
    scenario = scenario_of("2h", UNEQUAL, chaos=[RUNAWAY])
    plan = build_plan(scenario, 4, NO_TRACES)
    chunks = checked(PlanStream(scenario, 4, NO_TRACES, **cuts))
    same(chunks, plan)
    assert (plan.origin == 1).any()
    assert plan.arrival_ns[plan.origin == 1].min() > HOUR
    assert all(len(chunk) <= 1.1 * (cuts.get("chunk_rows", 200_000)) + 5000 for chunk in chunks)


def test_chunks_with_a_trace(tmp_path: Path) -> None:
    """The others' blocks end long before the trace, which comes whole."""
    seconds = np.cumsum(np.random.default_rng(2).exponential(0.5, 9000))
    (tmp_path / "log").write_text("t,in,out\n" + "".join(f"{at},{k + 1},1\n" for k, at in enumerate(seconds)))
    columns = "{timestamp: t, input_tokens: in, output_tokens: out, unit: s}"
    text = f"""\
name: replayed
duration: 1h
teams:
  a: {{workload: {{arrivals: {{trace: {{file: log, columns: {columns}, scale: 1.5}}}}, model: claude-haiku-4-5}}}}
  b: {{workload: {{arrivals: {{poisson: {{rate: 90/min}}}}, model: gpt-4.1, input_tokens: 9, output_tokens: 9}}}}
configurations:
  shared: {{isolation: shared, limits: {{requests: 60/min}}}}
"""
    loaded = load_text(text, tmp_path / "replayed.yaml")
    for cuts in CUTS:
        if cuts.get("chunk_rows") != 1:
            agrees(loaded.scenario, loaded.traces, cuts)
    stream = PlanStream(loaded.scenario, 0, loaded.traces, chunk_rows=1000)
    begun = [next(stream)]
    same(begun + list(pickle.loads(pickle.dumps(stream))), build_plan(loaded.scenario, 0, loaded.traces))


@pytest.mark.parametrize("after", [0, 1, 7])
def test_a_stream_pickled_between_two_chunks_gives_the_same_rest(after: int) -> None:
    scenario = scenario_of("1h", UNEQUAL)
    stream = PlanStream(scenario, 0, NO_TRACES, chunk_rows=4000)
    begun = list(islice(stream, after))
    copy = pickle.loads(pickle.dumps(stream))
    assert (copy.position, copy.reached_ns) == (stream.position, stream.reached_ns)
    assert copy.expected_total == stream.expected_total
    same(begun + checked(copy), build_plan(scenario, 0, NO_TRACES))
    same(begun + checked(stream), build_plan(scenario, 0, NO_TRACES))


def test_the_expected_total_is_about_what_comes() -> None:
    scenario = scenario_of("2h", {"a": UNEQUAL["bursts"], "slow": UNEQUAL["slow"]}, chaos=[RUNAWAY])
    counts = [sum(map(len, PlanStream(scenario, replication, NO_TRACES))) for replication in range(12)]
    stream = PlanStream(scenario, 0, NO_TRACES)
    assert stream.expected_total == expected_requests(scenario, NO_TRACES)
    assert np.mean(counts) == pytest.approx(stream.expected_total, abs=4 * np.std(counts) / np.sqrt(12))


def test_nothing_arrives() -> None:
    scenario = scenario_of("1s", {"a": {"workload": workload({"herd": {"size": 1, "at": "1h"}})}})
    for draw in (lambda: build_plan(scenario, 0, NO_TRACES), lambda: next(PlanStream(scenario, 0, NO_TRACES))):
        with pytest.raises(BadInput, match="no request arrives"):
            draw()


def test_a_month_of_a_thousand_million_requests_begins_at_once_in_little_memory() -> None:
    loaded = load("forty-seven-services-month")
    stream = PlanStream(loaded.scenario, 0, loaded.traces)
    assert stream.expected_total == pytest.approx(1_015_200_000)
    chunks = [len(next(stream)) for _ in range(2)]
    tracemalloc.start()
    try:
        chunks += [len(next(stream)) for _ in range(3)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert all(150_000 < count < 220_000 for count in chunks)
    assert peak < 150_000_000
    assert len(pickle.dumps(stream)) < 40_000_000


def test_the_month_starts_as_its_first_minutes_do() -> None:
    """A shorter duration only cuts, so the month's beginning can be compared with a plan that fits."""
    loaded = load("forty-seven-services-month")
    stream = PlanStream(loaded.scenario, 0, loaded.traces, chunk_rows=20_000, block_rows=512)
    chunks = list(islice(stream, 3))
    short = build_plan(loaded.scenario.model_copy(update={"duration": chunks[-1].arrival_ns[-1] + 1}), 0, {})
    assert len(short) == stream.position
    for name in COLUMNS:
        joined = np.concatenate([getattr(chunk, name) for chunk in chunks])
        np.testing.assert_array_equal(joined, getattr(short, name), err_msg=name)
    assert all(one.arrival_ns[-1] < other.arrival_ns[0] for one, other in pairwise(chunks))
