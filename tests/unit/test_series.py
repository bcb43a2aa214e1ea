"""Tables for figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.metrics import series
from sim.metrics.summary import all_values, summarise
from sim.units import DAY, HOUR, MINUTE, SECOND
from tests.unit.metric_tables import SHARED, Ask, Try, context, good, random_tables, refused, scenario, tables

TEAMS = {"a": 1, "b": 1}
ASKS = [
    good("a", 10),
    Ask("a", 65, (Try(65, 66, 503, "storm:503"), Try(130, 131, 429, SHARED), Try(190, 191)), throttle=59.0),
    refused("a", 70),
    Ask("b", 70, (Try(70, 71, 400),), "failed"),
    Ask("b", 650, (Try(650, 652, 499), Try(662, None, -1)), "unfinished"),
    Ask("b", None, outcome="not_started"),
]


def _cell(table: pd.DataFrame, team: str, start_s: float) -> dict[str, float]:
    row = table[(table["team"] == team) & (table["start_s"] == start_s)]
    assert len(row) == 1
    return {str(key): float(value) for key, value in row.iloc[0].drop(["configuration", "team"]).items()}


def test_outcomes_by_start_and_attempts_by_sending() -> None:
    table = series.over_time(*tables(ASKS), context(scenario(TEAMS)), MINUTE)
    assert set(table["team"]) == {"a", "b"}
    assert len(table) == 2 * 12  # the last attempt is sent in the twelfth minute, after the duration
    first = _cell(table, "a", 60)
    expected = {
        "start_s": 60, "end_s": 120, "offered": 2, "succeeded": 1, "refused": 1, "failed": 0, "unfinished": 0,
        "attempts_per_request": 2, "attempts": 2, "answers_429": 1, "answers_5xx": 1, "other_errors": 0,
        "amplification": 1,
    }  # fmt: skip
    assert first == expected
    assert _cell(table, "a", 120)["attempts"] == 1
    assert np.isnan(_cell(table, "a", 120)["amplification"])
    assert _cell(table, "a", 0)["succeeded"] == 1  # the warm-up is shown
    assert _cell(table, "b", 60)["failed"] == 1
    assert _cell(table, "b", 60)["other_errors"] == 1
    assert _cell(table, "b", 600)["unfinished"] == 1
    assert _cell(table, "b", 660)["attempts"] == 1
    assert table["offered"].sum() == 5  # the step that never started is nowhere


def test_total_rows_on_request_and_their_name() -> None:
    table = series.over_time(*tables(ASKS), context(scenario(TEAMS)), MINUTE, total=True)
    assert _cell(table, "total", 60)["offered"] == 3
    odd = context(scenario({"a": 1, "b": 1, "total": 1}))
    assert set(series.over_time(*tables(ASKS), odd, MINUTE, total=True)["team"]) == {"a", "b", "total", "(total)"}


def test_without_attempts_they_stand_where_their_request_started() -> None:
    requests, _ = tables(ASKS)
    table = series.over_time(requests, None, context(scenario(TEAMS)), MINUTE)
    assert _cell(table, "a", 60)["attempts"] == 4
    assert "answers_429" not in table.columns


def test_counts_are_means_over_replications_and_all_configurations_have_the_same_times() -> None:
    made = context(scenario(TEAMS, ("shared", "projects"), replications=2))
    asks = [good("a", 70), good("a", 71), good("a", 72, replication=1), good("b", 70, configuration="projects")]
    table = series.over_time(*tables(asks), made, MINUTE)
    assert _cell(table[table["configuration"] == "shared"], "a", 60)["offered"] == 1.5
    assert _cell(table[table["configuration"] == "projects"], "b", 60)["offered"] == 0.5
    assert len(table) == 2 * 2 * 11


@given(st.integers(0, 10**6), st.sampled_from([SECOND * 7, MINUTE, MINUTE * 5]))
@settings(max_examples=25, deadline=None)
def test_nothing_vanishes_from_the_series(seed: int, step: int) -> None:
    asks = random_tables(np.random.default_rng(seed), ("a", "b"), 2, 30)
    requests, attempts = tables(asks)
    table = series.over_time(requests, attempts, context(scenario(TEAMS, replications=2)), step)
    parts = table[["succeeded", "refused", "failed", "unfinished"]].sum(axis=1)
    assert np.allclose(parts, table["offered"])
    assert table["offered"].sum() * 2 == pytest.approx(len(requests))
    assert table["attempts"].sum() * 2 == pytest.approx(len(attempts))


def test_latency_quantiles() -> None:
    asks = [good("a", 70, 1.0), good("a", 71, 3.0), refused("a", 72), good("b", 70, 5.0), good("b", 10, 99.0)]
    made = context(scenario({"a": 1, "b": 1, "idle": 1}))
    table = series.latency_quantiles(tables(asks)[0], made, (0.0, 0.5, 1.0))
    found = {team: rows["latency_s"].tolist() for team, rows in table.groupby("team")}
    assert found == {"a": [1, 2, 3], "b": [5, 5, 5], "total": [1, 3, 5]}
    curve = series.latency_quantiles(tables(asks)[0], made)
    assert len(curve) == 3 * 201
    assert curve.groupby("team")["latency_s"].apply(lambda line: line.is_monotonic_increasing).all()
    nothing = series.latency_quantiles(tables([refused("a", 70)])[0], made)
    assert list(nothing.columns) == ["configuration", "team", "quantile", "latency_s"]
    assert len(nothing) == 0


def test_costs_with_intervals() -> None:
    made = context(scenario(TEAMS, replications=2))
    asks = [good("a", 70, cost=1_000_000), good("a", 70, cost=3_000_000, wasted=500_000, replication=1)]
    requests, attempts = tables(asks)
    table = series.costs(all_values(requests, attempts, made), made).set_index("team")
    assert table.loc[["a", "b", "total"], "cost_usd"].tolist() == [2, 0, 2]
    # t(1) * sd / sqrt(2) = 12.706 * 1.4142 / 1.4142
    assert table.loc["a", ["low", "high"]].tolist() == pytest.approx([2 - 12.7062, 2 + 12.7062], abs=1e-3)
    assert table.loc["a", "wasted_cost_usd"] == 0.25


def test_attempts_distribution() -> None:
    made = context(scenario(TEAMS))
    table = series.attempts_distribution(tables(ASKS)[0], made)
    found = {(row.team, row.attempts): (row.requests, row.share) for row in table.itertuples()}
    assert found == {
        ("a", 1): (1, 0.5), ("a", 3): (1, 0.5), ("b", 1): (1, 0.5), ("b", 2): (1, 0.5),
        ("total", 1): (2, 0.5), ("total", 2): (1, 0.25), ("total", 3): (1, 0.25),
    }  # fmt: skip
    assert table.groupby("team")["share"].sum().tolist() == pytest.approx([1, 1, 1])


@pytest.mark.parametrize(
    ("duration", "step"),
    [("30s", SECOND), ("1m", SECOND), ("61s", 2 * SECOND), ("2h", 2 * MINUTE), ("7d", 3 * HOUR), ("300d", DAY)],
)
def test_intervals_are_round(duration: str, step: int) -> None:
    made = context(scenario(TEAMS, duration=duration, warmup="0s"))
    assert series.interval_ns(made) == step


def test_the_summary_carries_the_same_series() -> None:
    made = context(scenario(TEAMS))
    summary = summarise(*tables(ASKS), None, made)["configurations"]["shared"]["series"]
    table = series.over_time(*tables(ASKS), made)
    assert summary["interval_s"] == 15
    assert summary["start_s"] == sorted(set(table["start_s"]))
    assert summary["teams"]["a"]["offered"] == table[table["team"] == "a"]["offered"].tolist()
    assert sum(summary["total"]["offered"]) == 5
