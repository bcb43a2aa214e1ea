"""Every metric on tables whose answers are computed by hand, and what holds for all of them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import RunInvalid
from sim.metrics import declared
from sim.metrics.compute import Values, compute, jain
from sim.metrics.context import Context
from sim.metrics.declared import DECLARED, NAMES
from sim.metrics.series import tables as taken
from sim.metrics.summary import all_values, json_safe, summarise
from sim.metrics.tables import grouped_quantiles
from sim.results.columns import STATUS_CIRCUIT, STATUS_QUEUE
from tests.unit.metric_tables import SHARED, Ask, Try, context, good, limit, random_tables, refused, scenario, tables

TEAMS = {"a": 3, "b": 1}


def _study() -> list[Ask]:
    """Team a: five requests counted, one before the warm-up ended, one step never sent. Team b: two."""
    return [
        good("a", 30, cost=1_000_000),  # warm-up: not counted
        good("a", 60, 2.0, cost=100),
        Ask("a", 100, (Try(100, 100, 429, SHARED), Try(104, 107)), cost=300, wasted=0, throttle=4.0),
        Ask("a", 200, (Try(200, 201, 503, "storm:503"), Try(202, 203, 499)), "gave_up", cost=50, wasted=50),
        Ask("a", 300, (Try(300, 301, 400),), "failed", held=1.5, asked="other"),
        Ask("a", 650, (Try(650, None, -1),), "unfinished"),
        Ask("a", None, (), "not_started"),
        good("b", 120, 10.0, cost=1000, asked="other", held=2.0),
        good("b", 600, 4.0, cost=1000, origin="runaway_job"),
    ]


def _values(asks: list[Ask], made: Context) -> Values:
    requests, attempts = tables(asks)
    return all_values(requests, attempts, made)["shared"]


A, B, TOTAL = 0, 1, 2
BY_HAND = {
    "offered": (5, 2, 7),
    "succeeded": (2, 2, 4),
    "success_rate": (0.4, 1, 4 / 7),
    "own_success_rate": (0.4, 1, 0.5),
    "goodput_per_min": (0.2, 0.2, 0.4),
    "attempts_per_request": (7 / 5, 1, 9 / 7),
    "rate_limited_share": (1 / 7, 0, 1 / 9),
    "server_error_share": (1 / 7, 0, 1 / 9),
    "other_error_share": (2 / 7, 0, 2 / 9),  # the 400 and the client timeout; not the unfinished one
    "gave_up": (1, 0, 1),
    "failed": (1, 0, 1),
    "unfinished": (1, 0, 1),
    "not_started": (1, 0, 1),
    "fallback_answers": (0, 1, 1),  # a failure of another model is no answer
    "stopped_by_client": (0, 0, 0),
    "client_wait_mean_s": (1.5 / 5, 2 / 2, 3.5 / 7),
    "latency_p50_s": (4.5, 7.0, 5.5),  # a: 2, 7; b: 10, 4
    "latency_p95_s": (6.75, 9.7, 9.55),
    "latency_p99_s": (6.95, 9.94, 9.91),
    "latency_mean_s": (4.5, 7.0, 5.75),
    "throttle_wait_p50_s": (0, 0, 0),
    "throttle_wait_p95_s": (3.2, 0, 2.8),  # a: 0 0 0 0 4, total: two more zeros
    "throttle_wait_p99_s": (3.84, 0, 3.76),
    "time_lost_s": (4 + 3 + 1 + 70, 0, 78),  # the unfinished one to the end of the run at 720 s
    "cost_usd": (450e-6, 2000e-6, 2450e-6),
    "cost_per_success_usd": (225e-6, 1000e-6, 612.5e-6),
    "wasted_cost_usd": (50e-6, 0, 50e-6),
    "overshoot_usd": (math.nan, math.nan, 0),
    "jain_index": (math.nan, math.nan, 1.4**2 / (2 * (0.4**2 + 1))),
}


@pytest.mark.parametrize("name", NAMES)
def test_each_metric_by_hand(name: str) -> None:
    values = _values(_study(), context(scenario(TEAMS)))
    assert values[name][0].tolist() == pytest.approx(BY_HAND[name], nan_ok=True)


def test_what_its_client_stopped_is_counted() -> None:
    asks = [good("a", 100), Ask("a", 101, (), "gave_up", status=STATUS_CIRCUIT),
            Ask("b", 102, (Try(102, 103, 503),), "gave_up", status=STATUS_CIRCUIT),
            Ask("b", 103, (), "gave_up", status=STATUS_QUEUE), Ask("b", 104, (), "gave_up")]  # fmt: skip
    values = _values(asks, context(scenario(TEAMS)))
    assert values["stopped_by_client"][0].tolist() == [1, 2, 3]


def test_all_declared_metrics_are_computed_and_nothing_else() -> None:
    values = _values(_study(), context(scenario(TEAMS)))
    assert set(values) == set(NAMES) == set(BY_HAND)
    assert all(grid.shape == (1, 3) for grid in values.values())


@pytest.mark.parametrize("metric", DECLARED, ids=lambda metric: metric.name)
def test_each_declaration_is_complete(metric: declared.Metric) -> None:
    assert metric.unit in ("requests", "share", "s", "USD", "1/min", "ratio")
    assert metric.better in ("higher", "lower", "none")
    assert len(metric.formula) > 10
    assert not metric.formula.endswith(".")
    assert metric.label[0] == metric.label[0].upper()
    assert metric.show(0.5) != metric.show(None) == "–"
    assert metric.name.endswith("_s") == (metric.unit == "s")


def test_names_are_unique_and_the_issue_has_its_own() -> None:
    asked = (
        "offered succeeded success_rate goodput_per_min attempts_per_request rate_limited_share server_error_share "
        "gave_up unfinished latency_p50_s latency_p95_s latency_p99_s throttle_wait_p95_s cost_usd wasted_cost_usd"
    )
    assert len(set(NAMES)) == len(DECLARED)
    assert set(asked.split()) <= set(NAMES)
    assert set(NAMES) - set(declared.TEAM_NAMES) == {"jain_index", "overshoot_usd"}


def test_values_are_shown_with_their_unit() -> None:
    show = declared.BY_NAME
    assert show["success_rate"].show(0.98765) == "98.77 %"
    assert show["success_rate"].show(-0.31, signed=True) == "-31.00 pp"
    assert show["cost_usd"].show(1234.5) == "$1,234.50"
    assert show["cost_usd"].show(-2, signed=True) == "-$2.00"
    assert show["cost_usd"].show(2, signed=True) == "+$2.00"
    assert show["latency_p95_s"].show(1.234) == "1.23 s"
    assert show["goodput_per_min"].show(59.95) == "60.0/min"
    assert show["offered"].show(12345, signed=True) == "+12,345"


def test_document_is_current() -> None:
    path = Path(__file__).parents[2] / "docs" / "metrics.md"
    assert path.read_text(encoding="utf-8") == declared.markdown(), "write declared.markdown() to docs/metrics.md"


def test_requests_that_start_in_the_drain_count_but_not_as_goodput() -> None:
    values = _values([good("a", 650), good("a", 665)], context(scenario(TEAMS)))
    assert values["offered"][0, A] == 2
    assert values["goodput_per_min"][0, A] == 0.1


def test_a_request_at_the_very_end_of_the_warm_up_counts() -> None:
    asks = [good("a", 59.999999999), good("a", 60)]
    assert _values(asks, context(scenario(TEAMS)))["offered"][0, A] == 1


def test_teams_without_requests_have_no_rates() -> None:
    values = _values([good("a", 70)], context(scenario(TEAMS)))
    assert values["offered"][0, B] == 0
    assert np.isnan([values[name][0, B] for name in ("success_rate", "latency_p50_s", "cost_per_success_usd")]).all()
    assert values["jain_index"][0, TOTAL] == 1.0


def test_without_a_table_of_attempts_what_needs_it_has_no_value() -> None:
    requests, _ = tables(_study())
    made = context(scenario(TEAMS))
    values = compute(*taken(requests, None, made, "shared"), made)
    missing = {name for name, grid in values.items() if np.isnan(grid).all()}
    assert missing == {"rate_limited_share", "server_error_share", "other_error_share", "time_lost_s", "overshoot_usd"}
    assert values["attempts_per_request"][0, A] == 1.4


def test_tables_that_contradict_the_scenario_or_each_other_are_refused() -> None:
    made = context(scenario(TEAMS))
    requests, attempts = tables(_study())
    with pytest.raises(RunInvalid, match="team"):
        all_values(*tables([good("stranger", 70)]), made)
    with pytest.raises(RunInvalid, match="replication"):
        all_values(*tables([good("a", 70, replication=1)]), made)
    with pytest.raises(RunInvalid, match="not in the requests table"):
        all_values(requests[requests["request"] != 4], attempts, made)
    with pytest.raises(RunInvalid, match="no attempt of it"):
        all_values(requests, attempts[attempts["request"] != 1], made)


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_totals_are_sums_of_teams_and_shares_are_shares(seed: int, replications: int, size: int) -> None:
    asks = random_tables(np.random.default_rng(seed), ("a", "b", "c"), replications, size)
    made = context(scenario({"a": 1, "b": 2, "c": 3}, replications=replications))
    values = _values(asks, made)
    for metric in DECLARED:
        grid = values[metric.name]
        if metric.unit == "requests" or metric.name in (
            "time_lost_s",
            "cost_usd",
            "wasted_cost_usd",
            "goodput_per_min",
        ):
            assert grid[:, -1] == pytest.approx(grid[:, :-1].sum(axis=1))
        if metric.unit == "share":
            known = grid[~np.isnan(grid)]
            assert ((known >= 0) & (known <= 1)).all()
    ended = sum(values[name] for name in ("succeeded", "failed", "gave_up", "unfinished"))
    assert np.array_equal(ended, values["offered"])
    index = values["jain_index"][:, -1]
    assert ((index > 0) & (index <= 1 + 1e-12) | np.isnan(index)).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_jain_lies_between_one_nth_and_one(shares: list[float]) -> None:
    found = float(jain(np.array([shares]))[0])
    if sum(share**2 for share in shares) > 0:
        assert 1 / len(shares) - 1e-9 <= found <= 1 + 1e-9
    else:
        assert math.isnan(found)


def test_jain_by_hand() -> None:
    rows = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0], [0.5, 1.0, np.nan, np.nan]])
    assert jain(rows).tolist() == pytest.approx([1.0, 0.25, 1.5**2 / (2 * 1.25)])


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(-1e9, 1e9)), max_size=60),
    st.lists(st.floats(0, 1), min_size=1, max_size=4),
)
def test_grouped_quantiles_are_numpys(pairs: list[tuple[int, float]], quantiles: list[float]) -> None:
    group = np.array([pair[0] for pair in pairs], np.int64)
    values = np.array([pair[1] for pair in pairs], np.float64)
    found = grouped_quantiles(group, values, 4, quantiles)
    for index in range(4):
        chosen = values[group == index]
        expected = np.quantile(chosen, quantiles) if len(chosen) else np.full(len(quantiles), np.nan)
        assert found[index] == pytest.approx(expected, rel=1e-9, abs=1e-6, nan_ok=True)


def _two_sides() -> tuple[list[Ask], Context]:
    rng = np.random.default_rng(8)
    first = random_tables(rng, ("a", "b"), 4, 30)
    second = [replace(ask, configuration="projects") for ask in random_tables(rng, ("a", "b"), 4, 25)]
    made = scenario(TEAMS, ("shared", "projects"), replications=4, slos=[{"*": "success_rate >= 99%"}])
    return first + second, context(made, [limit()])


def test_summary_has_the_interface_that_stays() -> None:
    asks, made = _two_sides()
    summary = summarise(*tables(asks), None, made)
    assert summary["scenario"]["name"] == "made-by-hand"
    assert summary["scenario"]["sha256"] == made.sha256
    assert (summary["seed"], summary["replications"], summary["engine"]) == (1, 4, "plain")
    assert list(summary["configurations"]) == ["shared", "projects"]
    for entry in summary["configurations"].values():
        assert entry["capacity"] == {"requests_per_min": 60.0}
        assert {"isolation", "blast_radius", "load", "limits", "series"} <= set(entry)
        assert list(entry["total"]) == list(NAMES)
        assert list(entry["teams"]) == ["a", "b"]
        assert all(tuple(row) == declared.TEAM_NAMES for row in entry["teams"].values())
        assert all(set(one) == {"mean", "ci95"} and len(one["ci95"]) == 2 for one in entry["total"].values())
    assert list(summary["paired"]) == ["projects - shared"]
    assert set(summary["contention"]["shared"]) == {"consumption", "counterfactual", "counterfactual_ci95"}
    assert len(summary["slos"]) == 4
    assert summary["checks"] == {"rows_planned": 3, "rows_reported": 3, "digest": made.digest}


def test_summary_is_plain_json_and_survives_it() -> None:
    asks, made = _two_sides()
    summary = summarise(*tables(asks), None, made)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_paired_means_in_the_summary_are_differences_of_means() -> None:
    asks, made = _two_sides()
    summary = summarise(*tables(asks), None, made)
    sides, pair = summary["configurations"], summary["paired"]["projects - shared"]
    for team in "ab":
        for name in declared.TEAM_NAMES:
            means = [sides[side]["teams"][team][name]["mean"] for side in ("shared", "projects")]
            assert pair["teams"][team][name]["mean"] == pytest.approx(means[1] - means[0], rel=1e-9, abs=1e-9)


def test_one_replication_has_no_interval() -> None:
    summary = summarise(*tables(_study()), None, context(scenario(TEAMS)))
    assert summary["configurations"]["shared"]["teams"]["a"]["offered"] == {"mean": 5.0, "ci95": [None, None]}
    assert summary["paired"] == {}


def test_summary_without_attempts_and_without_any_row() -> None:
    made = context(scenario(TEAMS), [limit()])
    summary = summarise(tables(_study())[0], None, None, made)
    assert summary["contention"]["shared"]["consumption"] == {}
    assert summary["configurations"]["shared"]["limits"][0]["utilization"]["mean"] is None
    nothing = summarise(*tables([]), None, made)
    assert nothing["configurations"]["shared"]["total"]["offered"]["mean"] == 0.0
    assert nothing["configurations"]["shared"]["total"]["success_rate"]["mean"] is None


def test_the_order_of_rows_does_not_matter() -> None:
    asks, made = _two_sides()
    requests, attempts = tables(asks)
    shuffled = requests.sample(frac=1, random_state=1), attempts.sample(frac=1, random_state=2)
    assert summarise(*shuffled, None, made) == summarise(requests, attempts, None, made)


def test_regimes_stand_in_the_summary() -> None:
    asks = [
        one
        for r in range(8)
        for one in ([good("a", 70, replication=r)] if r < 6 else [refused("a", 70, replication=r)])
    ]
    summary = summarise(*tables(asks), None, context(scenario(TEAMS, replications=8)))
    expected = {"stuck_share": 0.25, "stuck_mean": 0.0, "well_mean": 1.0, "replications": 8}
    assert summary["configurations"]["shared"]["regimes"] == {"a": expected, "total": expected}


def test_json_safe() -> None:
    value = {1: (np.float64("nan"), np.int32(3), True, np.bool_(False), float("inf"), 0.1 + 0.2), "x": np.array([1.5])}
    assert json_safe(value) == {"1": [None, 3, True, False, None, 0.3], "x": [1.5]}
