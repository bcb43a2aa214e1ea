"""Spend caps told from the rows of attempts: overshoot, alerts, refusals and the curve of spend."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from sim.metrics.budgets import LISTED, Budget, budget, describe, overshoot, worst_overshoot
from sim.metrics.context import CapInfo, Context
from sim.metrics.summary import json_safe, summarise
from sim.metrics.tables import Attempts, Requests
from sim.units import SECOND
from tests.unit.metric_tables import Ask, Try, cap, context, good, refused, scenario, tables

TEAMS = {"a": 1, "b": 1}


def paid(team: str, at: float, dollars: float, seconds: float = 1.0, **more: Any) -> Ask:
    """A request that succeeds at once and is billed."""
    model = more.pop("model", "m")
    return Ask(team, at, (Try(at, at + seconds, cost=round(dollars * 1e6), model=model),), **more)


def found(asks: list[Ask], one: CapInfo, replications: int = 1) -> tuple[Budget, Context]:
    made = context(scenario(TEAMS, replications=replications), (), [one])
    requests, attempts = tables(asks)
    rows = Requests.of(requests, made, "shared")
    return budget(one, Attempts.of(attempts, rows, made, "shared"), made), made


def test_spend_stands_in_the_window_in_which_an_attempt_ended() -> None:
    seen, _ = found([paid("a", 10, 0.5), paid("b", 299, 0.25, 1.0), paid("a", 300, 0.125)], cap())
    assert seen.spend.tolist() == [[500_000, 375_000, 0]]  # 12 minutes with the drain are three windows of 5


def test_the_warm_up_is_on_the_bill() -> None:
    """The metrics leave the first minute out; a cap doesn't."""
    seen, made = found([paid("a", 5, 2.0)], cap())
    assert made.scenario.warmup == 60 * SECOND
    assert overshoot(cap(), seen).tolist() == [[1_000_000, 0, 0]]


def test_reached_and_alerts_are_told_to_the_nanosecond() -> None:
    asks = [paid("a", 10, 0.79), paid("a", 20, 0.01), paid("b", 30, 0.2), paid("b", 40, 5)]
    seen, _ = found(asks, cap())
    assert seen.alerts[0][0].tolist()[0] == 21  # 0.80 of 1.00: at the share, not above it
    assert seen.reached[0].tolist()[0] == 31
    assert np.isnan(seen.reached[0, 1:]).all()
    assert overshoot(cap(), seen)[0, 0] == 5_000_000


def test_a_cap_that_is_not_reached_does_not_overshoot() -> None:
    seen, made = found([paid("a", 10, 0.999999)], cap())
    told = describe(cap(), seen, made)
    assert np.isnan(seen.reached).all()
    assert (told["overshoot_usd"]["mean"], told["reached_share"]) == (0, 0)
    assert [event["kind"] for event in told["events"]] == ["alert"]


def test_other_teams_and_models_do_not_count() -> None:
    only = cap(teams=("a",), models=("m",))
    seen, _ = found([paid("a", 1, 0.25), paid("b", 2, 9), paid("a", 3, 9, model="cheap")], only)
    assert seen.spend[0, 0] == 250_000


def test_refusals_count_attempts_and_the_requests_behind_them() -> None:
    mine, other = "budget:account:shared", "budget:project:x"
    twice = Ask("a", 10, (Try(10, 10, 400, mine), Try(299, 299, 400, mine), Try(301, 301, 400, mine)), "gave_up")
    seen, made = found([twice, refused("b", 20, mine), refused("b", 21, other), good("a", 30)], cap())
    assert seen.refusals.tolist() == [[3, 1, 0]]
    assert seen.refused.tolist() == [[2, 1, 0]]  # the first is refused in both windows
    assert seen.requests.tolist() == [2]
    assert seen.first_refusal[0, :2].tolist() == [10, 301]
    told = describe(cap(), seen, made)
    assert told["requests_refused"]["mean"] == 2
    assert [event["at_s"] for event in told["events"] if event["kind"] == "refusing"] == [10, 301]


def test_the_curve_starts_anew_with_each_window() -> None:
    seen, _ = found([paid("a", 100, 0.5), paid("a", 200, 0.75), paid("a", 400, 0.25)], cap())
    level = dict(zip(seen.points.tolist(), (seen.level[0] / 1e6).tolist(), strict=True))
    assert (level[0.0], level[90.0], level[105.0], level[210.0]) == (0, 0, 0.5, 1.25)
    assert [level[at] for at in (299.999999999, 300.0, 405.0)] == [1.25, 0, 0.25]


def test_intervals_are_over_replications() -> None:
    asks = [paid("a", 10, dollars, replication=at) for at, dollars in enumerate((0.5, 2.0, 3.0))]
    seen, made = found(asks, cap(), replications=3)
    told = describe(cap(), seen, made)
    assert told["overshoot_usd"]["mean"] == pytest.approx(1.0)
    assert told["overshoot_share"]["mean"] == pytest.approx(1.0)
    assert told["reached_share"] == pytest.approx(2 / 3)
    (window,) = told["by_window"]
    assert window["reached_s"]["mean"] == 11
    assert (told["series"]["least_usd"][-1], told["series"]["most_usd"][-1]) == (0, 0)
    assert max(told["series"]["spend_usd"]) == pytest.approx(5.5 / 3)
    assert [event["replications"] for event in told["events"] if event["kind"] == "reached"] == [pytest.approx(2 / 3)]


def test_many_windows_are_told_by_the_fullest() -> None:
    asks = [paid("a", at * 5, 0.001 * (1 + at % 7), 1.0) for at in range(130)]
    short = cap(period_s=5)
    seen, made = found(asks, short)
    told = describe(short, seen, made)
    assert len(told["by_window"]) == LISTED
    assert min(window["spend_usd"]["mean"] for window in told["by_window"]) >= 0.004
    assert told["windows"] == 145
    assert seen.level.max() == 7000


def test_against_sums_by_hand() -> None:
    """Random requests, added up one by one in the order in which they end."""
    draws = np.random.default_rng(4)
    for _ in range(30):
        asks = [paid("ab"[int(draws.integers(2))], float(draws.uniform(0, 600)), float(draws.integers(0, 300)) / 1000,
                     float(draws.exponential(20))) for _ in range(40)]  # fmt: skip
        one = cap(dollars=0.9, period_s=float(draws.choice([60, 100, 450])), alerts=(Fraction(1, 2), Fraction(9, 10)))
        seen, made = found(asks, one)
        spent: dict[int, int] = {}
        first: dict[tuple[int, float], float] = {}
        ends = sorted((round((ask.tries[0].end or 0) * SECOND), ask.tries[0].cost) for ask in asks)
        for end, cost in ends:
            window = end // one.period_ns
            spent[window] = spent.get(window, 0) + cost
            for share in (*one.alerts, 1):
                if spent[window] >= one.amount * share:
                    first.setdefault((window, float(share)), end / SECOND)
        for window in range(seen.spend.shape[1]):
            assert seen.spend[0, window] == spent.get(window, 0)
            for share, times in [(1.0, seen.reached), *zip(map(float, one.alerts), seen.alerts, strict=True)]:
                wanted = first.get((window, share), float("nan"))
                assert times[0, window] == pytest.approx(wanted, nan_ok=True, abs=0)
        for place, point in enumerate(np.rint(seen.points * SECOND).astype(int).tolist()):
            inside = [cost for end, cost in ends if end <= point and end // one.period_ns == point // one.period_ns]
            assert seen.level[0, place] == sum(inside)
        rows = Attempts.of(tables(asks)[1], Requests.of(tables(asks)[0], made, "shared"), made, "shared")
        assert worst_overshoot([one], rows, made)[0] == max(0, max(spent.values()) - one.amount) / 1e6


def test_the_summary_has_the_caps_and_the_metric() -> None:
    made = context(scenario(TEAMS), (), [cap(), cap("project:x", 0.25, teams=("b",))])
    requests, attempts = tables([paid("a", 70, 0.5), paid("b", 80, 0.75), paid("b", 90, 0.5)])
    side = summarise(requests, attempts, None, made)["configurations"]["shared"]
    assert [one["name"] for one in side["budgets"]] == ["account:shared", "project:x"]
    assert [one["overshoot_usd"]["mean"] for one in side["budgets"]] == [0.75, 1.0]
    assert side["total"]["overshoot_usd"]["mean"] == 1.0
    assert json_safe(side) == side
    without = summarise(requests, None, None, made)["configurations"]["shared"]
    assert [one["known"] for one in without["budgets"]] == [False, False]
    assert without["total"]["overshoot_usd"]["mean"] is None


def test_without_caps_nothing_overshoots() -> None:
    made = context(scenario(TEAMS))
    requests, attempts = tables([paid("a", 70, 0.5)])
    side = summarise(requests, attempts, None, made)["configurations"]["shared"]
    assert side["budgets"] == []
    assert side["total"]["overshoot_usd"]["mean"] == 0
