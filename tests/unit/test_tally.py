"""What is tallied while a run goes on says what its rows say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.engine import compiled_engine, tally
from sim.engine.agenda_compiled import ROOM
from sim.engine.stream import Nowhere, StreamRun
from sim.engine.tables import State
from sim.engine.tally_tables import fresh_tallies
from sim.errors import RunInvalid
from sim.metrics import series
from sim.metrics.contention import consumption
from sim.metrics.histogram import packed, quantiles, unpacked, with_total
from sim.metrics.measured import Measured, of_rows
from sim.metrics.summary import summarise, summary_of
from sim.metrics.tallied import of_readings, of_tallies, offered_and_succeeded, read, reported
from sim.results.axes import WIDEST, axes_of
from sim.results.columns import GAVE_UP, STATUS_OK, SUCCEEDED
from sim.results.tallies import (
    BEFORE,
    BUCKETS,
    GOOD,
    LOST,
    MADE,
    OWN,
    S_OFFERED,
    SENT,
    STARTED,
    WORD_BITS,
    Tallies,
    middles,
)
from sim.scenario.loader import load
from sim.scenario.plan import build_plan
from sim.scenario.schema import Scenario
from sim.units import MINUTE, SECOND
from tests.agreement.generated import random_scenario, tie_heavy
from tests.unit.tally_runs import Both, arrays_of, both, context_of, heard, run_tallied, settings_of, tally_again

HALF_BUCKET = (1 + 1e-12) / 256
QUANTILES = ("_p50_s", "_p95_s", "_p99_s", "latency_quantiles_s")
APPROXIMATE = (*QUANTILES, "consumption", "/incidents/")
"""Leaves that tallies give approximately, or (incidents) not at all: they need rows."""


class Blocks:
    """A sink that says how many blocks there were."""

    count = 0

    def take(self, state: State) -> None:
        self.count += 1


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{path}/{key}")
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from leaves(item, f"{path}/{at}")
    else:
        yield path, value


def exact(summary: dict[str, Any]) -> dict[str, Any]:
    """The leaves of a summary that do not come from a histogram, nor from cells of time."""
    kept = [slo for slo in summary["slos"] if not slo["metric"].endswith(QUANTILES)]
    found = dict(leaves({**summary, "slos": kept}))
    return {path: value for path, value in found.items() if not any(word in path for word in APPROXIMATE)}


def same(one: Any, other: Any) -> bool:
    """Equal, but for the last digits of a float."""
    if isinstance(one, float) and isinstance(other, float):
        return one == pytest.approx(other, rel=1e-9, abs=1e-9)
    return bool(one == other)


def measured(found: Both) -> Iterator[tuple[str, Measured, Measured]]:
    for name, runs in found.tallies.items():
        rows, tried = series.tables(found.requests, found.attempts, found.context, name)
        yield name, of_rows(rows, tried, found.context, name), of_tallies(runs, found.context, name)


def assert_same(found: Both) -> None:
    """Counts are equal, means to 1e-9, the quantiles of every replication to half a bucket."""
    tallies = ((name, of_tallies(runs, found.context, name)) for name, runs in found.tallies.items())
    told = exact(summary_of(tallies, None, found.context))
    wanted = exact(summarise(found.requests, found.attempts, None, found.context))
    assert told.keys() == wanted.keys()
    assert len(wanted) > 500
    assert [path for path, value in wanted.items() if not same(value, told[path])] == []
    for _, rows, other in measured(found):
        for name, grid in rows.spread.items():
            np.testing.assert_allclose(other.spread[name], grid, rtol=HALF_BUCKET, err_msg=name)
        for name, grid in rows.series.items():
            np.testing.assert_allclose(other.series[name], grid, rtol=1e-12, err_msg=name)
        np.testing.assert_allclose(other.latency, rows.latency, rtol=HALF_BUCKET)


@pytest.mark.parametrize("first", range(0, 24, 6))
def test_generated_scenarios_are_measured_alike(first: int) -> None:
    for number in range(first, first + 6):
        assert_same(both(random_scenario(number), 2))


def test_a_scenario_full_of_ties_is_measured_alike() -> None:
    assert_same(both(tie_heavy(), 2))


@pytest.mark.parametrize("name", ["storm-503", "thundering-herd"])
def test_the_library_is_measured_alike(name: str) -> None:
    loaded = load(name)
    assert_same(both(loaded.scenario, 1, loaded.traces))


def test_who_used_what_a_refused_team_was_missing_is_nearly_the_same() -> None:
    scenario = load("isolation-ladder").scenario.model_copy(update={"duration": 12 * MINUTE})
    found = both(scenario, 1)
    seen = 0
    for name, _, other in measured(found):
        _, tried = series.tables(found.requests, found.attempts, found.context, name)
        assert tried is not None
        wanted = consumption(tried, found.context.configurations[name].limits, found.context)
        assert other.consumption.keys() == wanted.keys()
        for victim, shares in wanted.items():
            assert sum(other.consumption[victim].values()) == pytest.approx(1)
            for culprit, share in shares.items():
                assert other.consumption[victim].get(culprit, 0) == pytest.approx(share, abs=0.02)
                seen += share < 1
    assert seen > 5, "some limits must be shared, or it shows nothing"


@pytest.mark.parametrize("number", [0, 28, 57])
def test_the_compiled_loop_counts_the_same(number: int) -> None:
    scenario = random_scenario(number) if number else tie_heavy()
    plan = build_plan(scenario, 0, {})
    for setting in settings_of(scenario):
        _, wanted = run_tallied(scenario, setting, plan)
        tallies = fresh_tallies(scenario, setting)
        run = StreamRun(setting, plan.duration_ns, plan.horizon_ns, 0, tallies)
        run.feed(plan, plan.duration_ns, Nowhere())
        run.end(Nowhere())
        for name, value in arrays_of(wanted).items():
            if name != "cursor":  # at the horizon requests are told of in another order
                np.testing.assert_array_equal(arrays_of(tallies)[name], value, err_msg=name)


def test_rows_can_be_tallied_afterwards() -> None:
    scenario = random_scenario(28)
    plan = build_plan(scenario, 0, {})
    for setting in settings_of(scenario):
        result, wanted = run_tallied(scenario, setting, plan)
        found = arrays_of(tally_again(result, heard(setting, plan), fresh_tallies(scenario, setting)))
        for name, value in arrays_of(wanted).items():
            if name not in ("cursor", "used", "filled", "shares"):  # the order within an instant may move these
                np.testing.assert_array_equal(found[name], value, err_msg=name)
        assert np.abs(found["shares"] - wanted.shares).max() <= 1e-3 * wanted.shares.max()


def test_where_blocks_are_cut_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = random_scenario(28)
    plan, setting = build_plan(scenario, 0, {}), settings_of(scenario)[0]
    found, blocks = [], []
    for block in (2 * ROOM, 300, 1 << 13):
        monkeypatch.setattr(compiled_engine, "BLOCK", block)
        run = StreamRun(setting, plan.duration_ns, plan.horizon_ns, 0, fresh_tallies(scenario, setting))
        sink = Blocks()
        run.feed(plan, plan.duration_ns, sink)
        found.append((run.end(sink), run.tallies))
        blocks.append(sink.count)
    assert blocks[0] > 4 * blocks[1] > 4 * blocks[2]
    for told, tallies in found[1:]:
        assert told == found[0][0]
        for name, value in arrays_of(found[0][1]).items():
            np.testing.assert_array_equal(arrays_of(tallies)[name], value, err_msg=name)


def _latencies(found: Both, name: str) -> Any:
    rows, _ = series.tables(found.requests, found.attempts, found.context, name)
    return (rows.finish - rows.arrival)[rows.succeeded]


def test_replications_are_merged() -> None:
    found = both(random_scenario(28), 3)
    name = next(iter(found.tallies))
    runs = found.tallies[name]
    merged = sum(run.latency for run in runs).sum(axis=0)
    taken = _latencies(found, name)
    assert merged.sum() == len(taken) > 100
    whole = of_tallies(runs, found.context, name)
    wanted = np.quantile(taken / SECOND, series.LEVELS)
    np.testing.assert_allclose(whole.latency[:, -1], wanted, rtol=HALF_BUCKET)
    np.testing.assert_allclose(quantiles(merged[None], series.LEVELS)[:, 0] / SECOND, whole.latency[:, -1])
    assert whole.sums["offered"].shape[0] == 3
    assert sum(map(reported, runs)) * len(found.tallies) == len(found.requests)
    for at, run in enumerate(runs):
        offered, succeeded = offered_and_succeeded(run)
        assert sum(offered) == whole.sums["offered"][at, -1]
        assert sum(succeeded) == whole.sums["succeeded"][at, -1]


def test_too_few_replications_and_lost_attempts_are_told() -> None:
    found = both(random_scenario(28), 2)
    name = next(iter(found.tallies))
    readings = [read(run, found.context, name) for run in found.tallies[name]]
    assert of_readings(readings, found.context, name).sums["offered"].shape[0] == 2
    with pytest.raises(RunInvalid, match="2 replications planned, 1 tallied"):
        of_readings(readings[:1], found.context, name)
    found.tallies[name][0].counts[0, SENT] += 1
    with pytest.raises(RunInvalid, match="attempts"):
        read(found.tallies[name][0], found.context, name)


HAND = {"a": 1, "idle": 2}


def _hand(**more: Any) -> tuple[Scenario, Tallies]:
    """A scenario of 10 minutes after 1 of warm-up, whose runs are told by hand; ``idle`` sends nothing."""
    workload = {"arrivals": {"poisson": {"rate": "1/min"}}, "model": "gpt-4.1", "input_tokens": 1, "output_tokens": 1}
    scenario = Scenario.model_validate({
        "name": "made-by-hand", "duration": "11m", "warmup": "1m", "drain": "3m", "replications": 1,
        "teams": {name: {"services": services, "workload": workload} for name, services in HAND.items()},
        "configurations": {"shared": {"isolation": "shared", "limits": {"requests": "60/min"}}},
        **more,
    })  # fmt: skip
    return scenario, fresh_tallies(scenario, settings_of(scenario)[0])


def _told(tallies: Tallies, start_s: float, outcome: int = SUCCEEDED, status: int = STATUS_OK, origin: int = 0) -> None:
    """A request of team ``a`` with one attempt of a second."""
    at = round(start_s * SECOND)
    sent = tally.Ended(
        at=at, end=at + SECOND, status=status, refused_by=-1, output=0, team=0, key=0, model=0, arrival=at
    )
    request = tally.Over(
        origin=origin, team=0, arrival=at, attempts=1, outcome=outcome, finish=at + SECOND, status=status,
        cost=0, wasted=0, throttle=0, at=at,
    )  # fmt: skip
    tally.tally_sent(tallies, sent)
    tally.tally_request(tallies, request)


def _read(scenario: Scenario, tallies: Tallies) -> Measured:
    context = context_of(scenario, settings_of(scenario), 0)
    return of_tallies([tallies], context, next(iter(scenario.configurations)))


def test_teams_that_send_nothing_have_no_rates() -> None:
    scenario, tallies = _hand()
    _told(tallies, 70)
    found = _read(scenario, tallies)
    assert found.sums["offered"].tolist() == [[1, 0, 1]]
    assert found.values["success_rate"][0, 0] == 1
    assert np.isnan(found.values["success_rate"][0, 1])
    assert np.isnan(found.values["latency_p95_s"][0, 1])
    assert np.isnan(found.latency[:, 1]).all()
    assert found.recovery.tolist() == [[np.nan, np.nan]] or np.isnan(found.recovery).all()
    assert found.lost.tolist() == [[0, 0]]


def test_nothing_at_all_can_be_measured() -> None:
    scenario, tallies = _hand()
    tally.tally_close(tallies)
    found = _read(scenario, tallies)
    assert found.sums["offered"].tolist() == [[0, 0, 0]]
    assert found.series["offered"].shape == (3, 44)  # 11 minutes by 15 s
    assert found.consumption == {}


def test_a_minute_begins_with_its_first_nanosecond() -> None:
    scenario, tallies = _hand()
    for start_s in (60, 119.999999999, 120, 179.999999999, 180):
        _told(tallies, start_s, GAVE_UP, 429)
    assert tallies.own[0, :4, STARTED].tolist() == [0, 2, 2, 1]
    assert tallies.series[0, 4:13, S_OFFERED].tolist() == [1, 0, 0, 1, 1, 0, 0, 1, 1]
    assert _read(scenario, tallies).lost.tolist() == [[3, 0]]


def test_the_warm_up_and_what_a_fault_sends_do_not_count_as_the_teams_own() -> None:
    _, tallies = _hand()
    _told(tallies, 59.999999999)
    assert not tallies.counts.any()
    assert tallies.series[0, 3, S_OFFERED] == 1
    _told(tallies, 60, origin=1)
    assert tallies.counts[0, [SUCCEEDED, OWN, MADE]].tolist() == [1, 0, 1]
    assert not tallies.own.any()


def test_recovery_counts_its_minutes_from_the_end_of_the_last_fault() -> None:
    storm = [{"storm": {"status": 503, "at": "2m", "for": "90s"}}]
    scenario, tallies = _hand(chaos=storm)
    _told(tallies, 119)
    _told(tallies, 120)
    assert tallies.counts[0, BEFORE] == 1
    for start_s in (210, 269.999999999):  # the first minute after the fault
        _told(tallies, start_s, GAVE_UP, 503)
    for start_s in (270, 300, 340, 400):
        _told(tallies, start_s)
    assert tallies.after[0, :4, STARTED].tolist() == [2, 2, 1, 1]
    assert tallies.after[0, :4, GOOD].tolist() == [0, 2, 1, 1]
    assert _read(scenario, tallies).recovery.tolist() == [[60.0, 0.0]]


@given(st.one_of(st.integers(0, 2**62 - 1), st.integers(0, 62).map(lambda power: max(0, 2**power - 1))))
def test_a_bucket_is_no_farther_from_its_middle_than_a_256th(value: int) -> None:
    at = tally.bucket(value)
    assert 0 <= at < BUCKETS
    assert abs(middles()[at] - value) <= value * HALF_BUCKET
    assert tally.bucket(value + 1) >= at
    assert (at == tally.bucket(0)) == (value == 0)


def test_times_outside_the_buckets_go_into_the_last_ones() -> None:
    assert tally.bucket(-5) == 0
    assert tally.bucket(2**62) == tally.bucket(2**62 - 1) == BUCKETS - 1


LEVELS = st.lists(st.floats(0, 1), min_size=1, max_size=5)


@given(st.lists(st.integers(0, 2**61), min_size=1, max_size=60), LEVELS)
def test_quantiles_of_a_histogram_are_those_of_its_values(values: list[int], levels: list[float]) -> None:
    counts = np.zeros((2, BUCKETS), np.int64)
    for value in values:
        counts[0, tally.bucket(value)] += 1
    found = quantiles(counts, levels)
    np.testing.assert_allclose(found[:, 0], np.quantile(np.array(values, np.float64), levels), rtol=HALF_BUCKET)
    assert np.isnan(found[:, 1]).all()
    np.testing.assert_array_equal(unpacked(packed(counts), 2), counts)
    np.testing.assert_array_equal(quantiles(with_total(counts), levels)[:, 2], found[:, 0])


@given(st.lists(st.integers(0, 99), max_size=12).map(sorted), st.integers(0, 12), st.integers(-1, 100))
def test_places_are_found_from_any_hint(edges: list[int], hint: int, time: int) -> None:
    found = tally.place_of(edges, min(hint, len(edges)), time)
    assert found == int(np.searchsorted(np.array(edges, np.int64), time, side="left"))


@given(st.lists(st.integers(0, 2**62 - 1), max_size=20))
def test_sums_do_not_leave_their_two_words(values: list[int]) -> None:
    table = np.zeros((1, LOST + 2), np.int64)
    for value in values:
        tally.add_long(table, 0, LOST, value)
    low, high = int(table[0, LOST]), int(table[0, LOST + 1])
    assert (high << WORD_BITS) + low == sum(values)
    assert 0 <= low < 1 << WORD_BITS


def test_a_drain_far_longer_than_the_duration_takes_no_memory() -> None:
    axes = axes_of(0, 30 * SECOND, 365 * 24 * 60 * MINUTE, [(5, 9), (2, 7)])
    assert len(axes.edges) == WIDEST - 1
    assert (axes.first_fault, axes.recovery_from) == (2, 9)
    assert axes_of(0, 30 * SECOND, 0, ()).recovery_from == 30 * SECOND
