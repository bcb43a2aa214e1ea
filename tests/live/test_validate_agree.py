"""Agreement of two runs, a pure function of their tables: what agrees, what does not, and by which tolerance."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import RunInvalid
from sim.study.validate.agree import EVERYBODY, STRICT, Agreement, Line, Tolerances, compare, worst
from tests.live.sender import Tables, run_of, tables

TEXT = """
name: small
duration: 5m
drain: 1m
seed: 3
teams:
  shop: &team
    workload: {arrivals: {poisson: {rate: 60/min}}, model: claude-haiku-4-5, input_tokens: 900, output_tokens: 90}
  batch: *team
configurations: {shared: {isolation: shared, limits: {requests: 60/min, burst: 10}}}
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    found = Path(tmp_path_factory.mktemp("agree")) / "small.yaml"
    found.write_text(TEXT, "utf-8")
    return str(found)


@pytest.fixture
def run(path: str) -> Tables:
    return tables(run_of(path, "shared"))


def test_a_run_agrees_with_itself(run: Tables) -> None:
    found = compare(run, run)
    assert found.agrees
    assert found.share == 1.0
    assert found.differing == ()
    assert {line.difference for line in found.lines} == {0.0}
    assert {line.team for line in found.lines} == {"shop", "batch", EVERYBODY}
    assert [line.metric for line in found.lines if line.within is None] == ["p50", "p99"] * 3


def test_the_order_of_rows_does_not_matter(run: Tables) -> None:
    requests, attempts = run
    assert compare(run, (requests.sample(frac=1, random_state=1), attempts.sample(frac=1, random_state=2))).agrees


def test_runs_of_other_seeds_are_not_of_one_plan(path: str, run: Tables) -> None:
    with pytest.raises(RunInvalid, match="not of one plan"):
        compare(run, tables(run_of(path, "shared", seed=4)))


def test_the_same_requests_with_other_luck_do_not_agree(path: str, run: Tables) -> None:
    """Arrivals moved by up to ten seconds: the same rows, other refusals."""
    found = compare(run, tables(run_of(path, "shared", late_ns=10_000_000_000)))
    assert not found.agrees
    assert found.share < 0.98
    assert len(found.differing) == found.requests - found.same


def line_of(found: Agreement, team: str, metric: str) -> Line:
    return next(line for line in found.lines if (line.team, line.metric) == (team, metric))


@pytest.mark.parametrize(("shift", "within"), [(0.019, True), (0.021, False)])
def test_a_latency_that_is_shifted_fails_by_its_own_tolerance_only(run: Tables, shift: float, within: bool) -> None:
    requests, attempts = run
    late = requests.copy()
    late.loc[late["finish_ns"] >= 0, "finish_ns"] += int(shift * 1e9)
    found = compare(run, (late, attempts), Tolerances(latency=0.0))
    assert {line.metric for line in found.failed} == (set() if within else {"p95"})
    assert found.agrees is within


@pytest.mark.parametrize(("factor", "within"), [(1.049, True), (1.051, False)])
def test_a_long_latency_may_be_five_percent_off(run: Tables, factor: float, within: bool) -> None:
    requests, attempts = run
    late = requests.copy()
    late["finish_ns"] = (late["arrival_ns"] + (late["finish_ns"] - late["arrival_ns"]) * factor).astype("int64")
    assert line_of(compare(run, (late, attempts)), EVERYBODY, "p95").within is within


@pytest.mark.parametrize(("factor", "within"), [(1.0099, True), (1.0101, False), (0.98, False)])
def test_cost_may_be_one_percent_off(run: Tables, factor: float, within: bool) -> None:
    requests, attempts = run
    dear = requests.copy()
    dear["cost_microusd"] = (dear["cost_microusd"] * factor).round().astype("int64")
    found = compare(run, (dear, attempts))
    assert line_of(found, EVERYBODY, "cost").within is within
    assert {line.metric for line in found.failed} <= {"cost"}


@pytest.mark.parametrize(("flips", "within"), [(2, True), (8, False)])
def test_success_of_each_team_may_be_a_percentage_point_off(run: Tables, flips: int, within: bool) -> None:
    requests, attempts = run
    worse = requests.copy()
    own = worse.index[(worse["team"] == "shop") & (worse["outcome"] == "succeeded")][:flips]
    worse.loc[own, "outcome"] = "gave_up"
    found = compare(run, (worse, attempts))
    assert found.differing == tuple(worse.loc[own, "request"])
    assert line_of(found, "shop", "success rate").within is within
    assert line_of(found, "batch", "success rate").within is True


def test_counts_are_held_to_two_percent_of_the_attempts(run: Tables) -> None:
    requests, attempts = run
    few = attempts[: -len(attempts) // 20]
    assert "attempts" in {line.metric for line in compare(run, (requests, few)).failed}


def test_exchanged_outcomes_hide_in_sums_and_not_in_the_match(run: Tables) -> None:
    """As many of each team succeed, but they are others: only matching request by request sees that."""
    requests, attempts = run
    other = requests.copy()
    for team in ("shop", "batch"):
        won = other.index[(other["team"] == team) & (other["outcome"] == "succeeded")][:20]
        lost = other.index[(other["team"] == team) & (other["outcome"] != "succeeded")][:20]
        other.loc[won, "outcome"], other.loc[lost, "outcome"] = "gave_up", "succeeded"
        other.loc[lost, "finish_ns"] = other.loc[lost, "arrival_ns"] + 1_000_000_000
    found = compare(run, (other, attempts))
    assert "success rate" not in {line.metric for line in found.failed}
    assert found.share < 0.98
    assert not found.agrees


def test_a_team_that_never_succeeds_in_both_has_no_latency_and_agrees(run: Tables) -> None:
    requests, attempts = run
    lost = requests.copy()
    lost["outcome"] = lost["outcome"].where(lost["outcome"] != "succeeded", "gave_up")
    both = compare((lost, attempts), (lost, attempts))
    assert both.agrees
    one = compare(run, (lost, attempts))
    assert line_of(one, "shop", "p95").within is False


def test_twice_as_wide() -> None:
    wide = STRICT.times(2)
    assert wide.outcomes == pytest.approx(0.96)
    assert (wide.success, wide.cost) == (0.02, 0.02)
    assert (wide.latency, wide.latency_s, wide.counts) == (0.1, 0.04, 0.04)


def test_the_worst_line_is_the_one_furthest_beyond(run: Tables) -> None:
    requests, attempts = run
    dear = requests.copy()
    dear["cost_microusd"] *= 2
    found = worst(compare(run, (dear, attempts)).lines)
    assert found is not None
    assert found.metric == "cost"
