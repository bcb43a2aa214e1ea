"""Who took what a refused team was missing: both forms, on tables worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.metrics import contention
from sim.metrics.contention import consumption, counterfactual
from sim.metrics.context import LimitInfo
from sim.metrics.limits import describe, use
from sim.metrics.series import tables as taken
from sim.scenario.keys import Ladder
from sim.scenario.limit_rows import rows_of
from sim.scenario.topology import build_topology
from sim.workload.rows import Expected
from tests.unit.metric_tables import SHARED, Ask, Try, context, good, limit, random_tables, refused, scenario, tables

TEAMS = {"a": 1, "b": 1, "c": 1}
Matrix = dict[str, dict[str, float]]


def _shares(asks: Sequence[Ask], *limits: LimitInfo, replications: int = 1) -> Matrix:
    made = context(scenario(TEAMS, replications=replications), limits)
    _, attempts = taken(*tables(asks), made, "shared")
    assert attempts is not None
    return consumption(attempts, made.configurations["shared"].limits, made)


def _used(team: str, at: float, end: float | None = None, input: int = 0, output: int = 0, **more: Any) -> Ask:
    tokens = Try(at, at + 1 if end is None else end, input=input, output=output)
    return Ask(team, at, (tokens,), **more)


def test_shares_of_admitted_requests_in_the_last_minute() -> None:
    asks = [
        good("b", 130), good("b", 140), good("a", 150), good("b", 189),
        good("c", 129.999999999),  # a minute and a nanosecond ago: out
        good("b", 191),  # later
        refused("a", 190),
    ]  # fmt: skip
    # (130, 190]: 130 itself is 60 s ago and out; b has 140 and 189, a has 150.
    assert _shares(asks, limit(teams="abc")) == {"a": {"a": 1 / 3, "b": 2 / 3}}


def test_a_victims_row_is_the_mean_over_its_refusals() -> None:
    asks = [good("b", 100), good("a", 101), good("b", 200), refused("a", 110), refused("a", 210), refused("c", 210)]
    assert _shares(asks, limit(teams="abc")) == {"a": {"a": 0.25, "b": 0.75}, "c": {"b": 1.0}}


def test_replications_and_refused_attempts_do_not_mix_in() -> None:
    asks = [
        good("b", 100),
        good("c", 100, replication=1),
        refused("b", 105),
        refused("a", 110),
        refused("a", 110, replication=1),
    ]
    expected = {"a": {"b": 0.5, "c": 0.5}, "b": {"b": 1.0}}
    assert _shares(asks, limit(teams="abc"), replications=2) == expected


def test_batches_of_replications_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asks = random_tables(np.random.default_rng(4), "abc", 5, 60)
    whole = _shares(asks, limit(teams="abc"), replications=5)
    monkeypatch.setattr(contention, "_SAFE", 1)
    found = _shares(asks, limit(teams="abc"), replications=5)
    assert set(found) == set("abc")
    assert all(found[victim] == pytest.approx(row) for victim, row in whole.items())


def test_only_limits_count_and_only_their_own_teams_and_models() -> None:
    mine = limit("project:x:requests", teams="ab")
    asks = [
        good("a", 100), good("b", 100), good("c", 100),
        Ask("b", 101, (Try(101, 102, model="other"),)),
        refused("a", 110, "project:x:requests"),
        refused("b", 110, "storm:429"),
        Ask("b", 111, (Try(111, 111, 529, "slots:m"),), "failed"),
    ]  # fmt: skip
    assert _shares(asks, mine, limit(teams="abc")) == {"a": {"a": 1 / 3, "b": 2 / 3}}
    only_m = limit("project:x:requests", teams="ab", models=("m",))
    assert _shares(asks, only_m) == {"a": {"a": 0.5, "b": 0.5}}


def test_refusals_during_the_warm_up_do_not_count_but_what_was_used_then_does() -> None:
    asks = [good("b", 30), refused("a", 40), refused("c", 61)]
    assert _shares(asks, limit(teams="abc")) == {"c": {"b": 1.0}}


def test_a_refusal_with_nothing_used_before_says_nothing() -> None:
    assert _shares([good("b", 100), refused("a", 161)], limit(teams="abc")) == {}


def test_same_instant_counts_as_before() -> None:
    asks = [*(good("b", 100) for _ in range(3)), good("a", 100), refused("a", 100)]
    assert _shares(asks, limit(teams="abc")) == {"a": {"a": 0.25, "b": 0.75}}


@pytest.mark.parametrize(
    ("dimension", "more", "expected"),
    [
        ("input_tokens", {}, {"a": 100 / 400, "b": 300 / 400}),
        ("output_tokens", {}, {"a": 1.0}),  # b's answer ends after the refusal
        ("output_tokens", {"output_reserved": True}, {"a": 10 / 60, "b": 50 / 60}),
        ("tokens", {}, {"a": 110 / 410, "b": 300 / 410}),
        ("tokens", {"output_reserved": True}, {"a": 110 / 460, "b": 350 / 460}),
    ],
)
def test_tokens(dimension: str, more: dict[str, Any], expected: dict[str, float]) -> None:
    name = f"account:shared:{dimension}"
    asks = [
        _used("a", 100, 105, input=100, output=10), _used("b", 100, 130, input=300, output=50),
        Ask("c", 100, (Try(100, None, -1, output=7),), "unfinished"),
        refused("c", 120, name),
    ]  # fmt: skip
    if more:  # reserved output of an unfinished answer is charged from the start
        asks[2] = good("c", 100)
    assert _shares(asks, limit(name, dimension, "abc", **more)) == {"c": pytest.approx(expected)}


def test_concurrency_counts_what_is_in_flight() -> None:
    name = "key:k:concurrency"
    asks = [
        _used("a", 100, 130), _used("b", 110, 120), _used("b", 119, 140), _used("b", 80, 90),
        Ask("c", 40, (Try(40, None, -1),), "unfinished"),  # in flight for more than a minute
        _used("a", 121, 130),
        refused("c", 120, name),  # b's first has just ended
        _used("b", 100, None, replication=1),
        refused("a", 100.5, name, replication=1),
    ]  # fmt: skip
    found = _shares(asks, limit(name, "concurrency", "abc", per_minute=0, burst=3), replications=2)
    assert found == {"c": pytest.approx({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}), "a": {"b": 1.0}}


def test_where_refused_attempts_are_charged_they_count_but_not_against_themselves() -> None:
    charging = limit(teams="abc", charge_rejected=True)
    asks = [good("b", 100), refused("b", 101), refused("a", 102), refused("c", 103, "storm:429")]
    # a's refusal sees b's admitted and b's refused request, not itself; b's sees only the admitted one.
    assert _shares(asks, charging) == {"a": {"b": 1.0}, "b": {"b": 1.0}}
    again = [*asks, refused("b", 104)]
    # b's second refusal sees b, b and a.
    assert _shares(again, charging)["b"] == pytest.approx({"b": (1 + 2 / 3) / 2, "a": 1 / 6})


def test_the_limits_own_period() -> None:
    asks = [good("b", 100), good("a", 300), refused("c", 340)]
    assert _shares(asks, limit(teams="abc", period_s=3600.0)) == {"c": {"a": 0.5, "b": 0.5}}


@given(st.integers(0, 10**6), st.sampled_from(["requests", "input_tokens", "output_tokens", "tokens", "concurrency"]))
@settings(max_examples=40, deadline=None)
def test_rows_sum_to_one(seed: int, dimension: str) -> None:
    rng = np.random.default_rng(seed)
    asks = [
        Ask(a.team, a.at, tuple(Try(t.at, t.end, t.status, t.refused_by, 5, 3) for t in a.tries), a.outcome,
            replication=a.replication)
        for a in random_tables(rng, "abc", 2, 40)
    ]  # fmt: skip
    for row in _shares(asks, limit(SHARED, dimension, "abc"), replications=2).values():
        assert sum(row.values()) == pytest.approx(1.0)
        assert all(0 < share <= 1 for share in row.values())


def _brute_force(asks: Sequence[Ask], period: float) -> Matrix:
    """The definition for a requests limit, request by request."""
    tries = [(a.replication, a.team, a.at, t) for a in asks for t in a.tries if a.at is not None]
    rows: dict[str, list[dict[str, float]]] = {}
    for replication, victim, start, one in tries:
        if one.refused_by != SHARED or start < 60:
            continue
        window = [
            t for r, t, _, o in tries if r == replication and not o.refused_by and one.at - period < o.at <= one.at
        ]
        if window:
            rows.setdefault(victim, []).append({team: window.count(team) / len(window) for team in "abc"})
    return {v: {t: sum(row[t] for row in found) / len(found) for t in "abc"} for v, found in rows.items()}


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_equals_the_definition_request_by_request(seed: int) -> None:
    asks = random_tables(np.random.default_rng(seed), "abc", 2, 40)
    expected = _brute_force(asks, 60)
    found = _shares(asks, limit(teams="abc"), replications=2)
    assert set(found) == set(expected)
    for victim, row in expected.items():
        assert {team: found[victim].get(team, 0.0) for team in "abc"} == pytest.approx(row)


def _limits_of(**configuration: Any) -> list[LimitInfo]:
    made = Ladder.model_validate({"isolation": "shared", "limits": configuration})
    expected = {team: Expected(10.0, 10.0, 10.0) for team in TEAMS}
    rows = rows_of(build_topology("shared", made, expected))
    return [LimitInfo.of(row) for row in rows.limits]


def test_limits_come_from_the_topology() -> None:
    (found,) = _limits_of(requests="60/min", burst=10, charge_rejected=True)
    assert (found.name, found.level, found.dimension) == ("account:shared:requests", "account", "requests")
    assert (found.per_minute, found.burst, found.period_s) == (60.0, 10, 60.0)
    assert (set(found.teams), found.models, found.charge_rejected) == ({"a", "b", "c"}, None, True)
    (daily,) = _limits_of(output_tokens="1440/day", charge_output="reserved")
    assert (daily.per_minute, daily.period_s, daily.output_reserved) == (1.0, 86_400.0, True)
    (places,) = _limits_of(concurrency=7, models=["claude-sonnet-4-5"])
    assert (places.per_minute, places.burst, places.models) == (0.0, 7, ("claude-sonnet-4-5",))


@pytest.mark.parametrize(("burst", "period_s"), [(5, 1.0), (50, 10.0), (5000, 60.0)])
def test_a_fast_bucket_remembers_as_long_as_it_takes_to_fill_up_to_a_minute(burst: int, period_s: float) -> None:
    (found,) = _limits_of(requests="5/s", burst=burst)
    assert found.period_s == period_s


def _table(rows: Sequence[tuple[int, str, str, int, int]], configuration: str = "shared") -> pd.DataFrame:
    columns = ["replication", "left_out", "victim", "offered", "succeeded"]
    table = pd.DataFrame(list(rows), columns=columns)
    return table.assign(configuration=configuration)


COUNTERFACTUAL = [
    # a loses 20 and 40 of 100 with everybody, 5 and 10 without b, 20 and 40 without c; b loses nothing
    (0, "", "a", 100, 80), (1, "", "a", 100, 60), (0, "", "b", 50, 50), (1, "", "b", 50, 50),
    (0, "b", "a", 100, 95), (1, "b", "a", 100, 90),
    (0, "c", "a", 100, 80), (1, "c", "a", 100, 60), (0, "c", "b", 50, 50), (1, "c", "b", 50, 50),
    (0, "a", "b", 50, 50), (1, "a", "b", 50, 50),
]  # fmt: skip


def test_counterfactual_is_the_share_of_the_loss_that_vanishes() -> None:
    made = context(scenario(TEAMS, replications=2))
    shares, bounds = counterfactual(_table(COUNTERFACTUAL), "shared", made)
    assert shares == {"a": pytest.approx({"b": 0.75, "c": 0.0})}
    assert bounds["a"]["b"] == pytest.approx([0.75, 0.75])  # the same share in both replications
    assert counterfactual(_table(COUNTERFACTUAL), "other", made) == ({}, {})
    assert counterfactual(None, "shared", made) == ({}, {})


def test_counterfactual_interval_and_negative_shares() -> None:
    made = context(scenario(TEAMS, replications=2))
    rows = [(0, "", "a", 10, 8), (1, "", "a", 10, 8), (0, "b", "a", 10, 7), (1, "b", "a", 10, 10)]
    shares, bounds = counterfactual(_table(rows), "shared", made)
    # loss 0.2 and 0.2; without b 0.3 and 0: vanished -0.1 and 0.2, mean 0.05 of 0.2
    assert shares["a"]["b"] == pytest.approx(0.25)
    # half = t(1) * sd(-0.15, 0.15) / sqrt(2) / 0.2 = 12.706 * 0.15 / 0.2
    assert bounds["a"]["b"] == pytest.approx([0.25 - 9.5297, 0.25 + 9.5297], abs=1e-3)


def test_counterfactual_of_fewer_replications_than_the_study() -> None:
    made = context(scenario(TEAMS, replications=9))
    shares, bounds = counterfactual(_table(COUNTERFACTUAL[:1] + COUNTERFACTUAL[4:5]), "shared", made)
    assert shares == {"a": {"b": pytest.approx(0.75)}}
    assert np.isnan(bounds["a"]["b"]).all()


def test_utilization_and_refusals_of_a_limit() -> None:
    asks = [*(good("a", 60 + n) for n in range(30)), good("b", 119), good("b", 120), good("a", 30), refused("b", 130)]
    made = context(scenario(TEAMS), [limit(teams="ab", per_minute=10.0)])
    _, attempts = taken(*tables(asks), made, "shared")
    one = made.configurations["shared"].limits[0]
    found = describe(one, use(one, attempts, made))
    assert found["utilization"]["mean"] == pytest.approx(32 / (10 * 10))  # 32 in 10 measured minutes
    assert found["peak"]["mean"] == pytest.approx(31 / 10)  # the second minute
    assert found["refusals"]["mean"] == 1.0
    assert found["refused_share"]["mean"] == pytest.approx(1 / 33)
    assert (found["name"], found["teams"]) == (SHARED, ["a", "b"])


def test_utilization_of_places() -> None:
    asks = [
        _used("a", 30, 90), _used("a", 100, 110), _used("b", 110, 120), _used("b", 105, 115),
        Ask("b", 600, (Try(600, None, -1),), "unfinished"),
        _used("b", 100, 130, replication=1),
    ]  # fmt: skip
    places = limit("key:k:concurrency", "concurrency", "ab", per_minute=0.0, burst=4)
    made = context(scenario(TEAMS, replications=2), [places])
    _, attempts = taken(*tables(asks), made, "shared")
    found = describe(places, use(places, attempts, made))
    # first replication: 30 + 10 + 10 + 10 + 60 place-seconds, the second 30, of 4 * 600
    assert found["utilization"]["mean"] == pytest.approx((120 + 30) / 2 / 2400)
    assert found["peak"]["mean"] == pytest.approx((2 / 4 + 1 / 4) / 2)  # one starts as another ends: still two
