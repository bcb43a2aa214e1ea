"""When what breaks: curves and their crossings, and studies whose dates follow by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import pytest

from sim.errors import BadInput
from sim.scenario.loader import load_text
from sim.study.capacity.breaks import midpoints, order
from sim.study.capacity.capacity import capacity, prepare, run_all
from sim.study.capacity.curves import NEVER, Curve, Date, Table
from sim.study.capacity.measure import Measured
from sim.study.capacity.options import Growth, NewTeam, Options
from sim.study.pool import open_pool
from sim.study.progress import Silent
from tests.unit.capacity_sample import Here, only, run, scenario

T = TypeVar("T")
R = TypeVar("R")
MONTH_MINUTES = 30 * 24 * 60


def months_to(factor: float, growth: float = 0.1) -> float:
    """How long it takes to grow to ``factor``."""
    return math.log(factor) / math.log(1 + growth)


# Curves


def curve(*rows: list[float]) -> Curve:
    """One row a month, one number a replication."""
    return Curve.of(range(len(rows)), np.array(rows))


def test_a_crossing_is_where_the_straight_line_reaches_the_bound() -> None:
    rising = curve([0.0], [0.5], [1.5], [2.0])
    assert rising.crosses(1.0) == Date(1.5)
    assert rising.crosses(0.0) == Date(0.0)
    assert rising.crosses(2.5) == NEVER
    falling = curve([1.0], [0.9], [0.5])
    assert falling.crosses(0.7, upward=False).at == pytest.approx(1.5)


def test_reaching_and_passing_a_bound_differ_where_it_is_only_touched() -> None:
    touching = curve([0.0], [1.0], [1.0])
    assert touching.crosses(1.0) == Date(1.0)
    assert touching.crosses(1.0, strict=True) == NEVER


def test_the_interval_is_where_the_edges_of_the_band_cross() -> None:
    found = curve([0.0, 0.2], [1.0, 1.2], [2.0, 2.2], [3.0, 3.2])
    half = 12.706 * 0.1  # t(0.975, 1) × the standard error of two values 0.2 apart
    date = found.crosses(2.1)
    assert date.at == pytest.approx(2.0)
    assert date.early == pytest.approx(2.0 - half, abs=1e-3)
    assert date.late is None  # 3.1 - 1.27 is below the bound
    assert found.crosses(5.0) == NEVER
    later = found.crosses(4.0)
    assert (later.at, later.late) == (None, None)
    assert later.early == pytest.approx(2.63, abs=0.01)


def test_what_begins_over_the_bound_is_dated_to_its_first_month() -> None:
    joined = Curve.of((0.0, 1.999, 2.0, 3.0), np.array([[np.nan], [np.nan], [5.0], [6.0]]))
    assert joined.crosses(1.0) == Date(2.0)


def test_the_interval_covers_the_true_date() -> None:
    draws = np.random.default_rng(4)
    covered = 0
    for _ in range(300):
        months = np.arange(9)
        values = 0.1 * months[:, None] + draws.normal(0, 0.15, (1, 8)) + draws.normal(0, 0.02, (9, 8))
        date = Curve.of(months, values).crosses(0.42)
        early = -1 if date.early is None else date.early
        covered += early <= 4.2 <= (99 if date.late is None else date.late)
    assert 0.91 <= covered / 300 <= 0.99


def test_later_dates_come_later() -> None:
    dates = [NEVER, Date(None, 3.0), Date(2.0, 1.0), Date(2.0, 0.5), Date(0.0)]
    assert sorted(dates, key=order) == [Date(0.0), Date(2.0, 0.5), Date(2.0, 1.0), Date(None, 3.0), NEVER]


def table(months: Iterable[float]) -> Table:
    return Table(Measured("a", month, 0, {("x",): month}, "", 1) for month in months)


def test_gaps_around_dates_are_halved_the_earliest_first() -> None:
    dates = [Date(2.3, 1.9, 2.9), Date(5.5)]
    assert midpoints(table(range(8)), dates, 0.125, 9) == (1.5, 2.5, 5.5)
    assert midpoints(table(range(8)), dates, 0.125, 2) == (1.5, 2.5)
    assert midpoints(table((0, 2.25, 2.5, 3)), [Date(2.3, 2.26, 2.27)], 0.125, 9) == (2.375,)
    assert midpoints(table(range(8)), [Date(0.0), NEVER], 0.125, 9) == ()


def test_a_table_knows_what_is_missing() -> None:
    both = table((0, 1))
    both.add(Measured("a", 1, 0, {("x",): 5.0, ("y",): 7.0}, "", 1))
    assert both.values(("x",)).tolist() == [[0.0], [5.0]]
    assert np.isnan(both.values(("y",))[0, 0])
    assert both.values(("y",), 0.0).tolist() == [[0.0], [7.0]]
    assert np.isnan(both.values(("z",))).all()
    assert both.keys == (("x",), ("y",))


# Dates by hand: constant arrivals, no retries

CONSTANT = {"a": "{constant: {rate: 120/min}}"}
LIMITED = "  shared: {isolation: shared, limits: {requests: 144/min, burst: 10}}"


def limit_of(case: dict[str, Any], at: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = case["limits"][at]
    return found


def test_the_break_of_a_constant_rate_follows_by_hand() -> None:
    # Of r a minute, 144 and once 10 pass in 10 minutes; 99 % of them are no longer served when
    # 0.99 × 10 r = 1440 + 10. The busiest minute is full when r = 144.
    case = only(run(scenario(CONSTANT, LIMITED, replications=2), months=4))
    by = (1440 + 10) / 9.9 / 120
    limit = limit_of(case)
    assert limit["breaks"]["month"] == pytest.approx(months_to(by), abs=0.03)
    assert limit["full"]["month"] == pytest.approx(months_to(1.2), abs=0.06)
    assert limit["bears"] == pytest.approx(by, rel=0.005)
    assert limit["harms"] == {"team": "a", "objective": "a: own_success_rate >= 99%"}
    assert limit["now"]["asked"]["mean"] == pytest.approx(120 / 144, rel=0.002)
    assert limit["now"]["refusals"]["mean"] == 0
    # Nothing is left to chance, so the interval is a point.
    assert limit["breaks"]["early"] == pytest.approx(limit["breaks"]["month"])
    assert limit["breaks"]["late"] == pytest.approx(limit["breaks"]["month"])
    assert case["first"]["name"] == limit["name"]
    assert case["objectives"][0]["missed"]["month"] == pytest.approx(limit["breaks"]["month"], abs=0.01)
    assert case["objectives"][0]["cause"] == limit["name"]
    # What is asked for grows on, what is used does not.
    series = case["series"]["limits"][limit["name"]]
    assert series["asked"]["mean"][-1] == pytest.approx(120 * 1.1**4 / 144, rel=0.002)
    assert series["used"]["mean"][-1] == pytest.approx(1 + 10 / 1440, rel=0.002)


def test_what_a_limit_bears_does_not_depend_on_the_speed_of_growth() -> None:
    study = run(scenario(CONSTANT, LIMITED), months=6, what_ifs=("growth=5%", "growth=20%", "requests=160/min"))
    found = {name: limit_of(case) for name, case in study.summary["cases"].items()}
    dates = {name: limit["breaks"]["month"] for name, limit in found.items()}
    for growth in (0.05, 0.2):
        name = f"growth={growth:.0%}"
        assert found[name]["bears"] == pytest.approx(found["shared"]["bears"], rel=0.005)
        assert dates[name] == pytest.approx(months_to(found["shared"]["bears"], growth), abs=0.04)
    assert dates["growth=20%"] < dates["shared"] < dates["requests=160/min"]


def test_a_stated_objective_moves_the_date() -> None:
    loose = only(run(scenario(CONSTANT, LIMITED, more="slos: [{a: success_rate >= 80%}]"), months=6))
    by = (1440 + 10) / 8.0 / 120
    assert limit_of(loose)["breaks"]["month"] == pytest.approx(months_to(by), abs=0.03)


def test_a_cap_is_reached_when_its_price_says() -> None:
    usd = 1000 * 3e-6 + 100 * 15e-6  # a request: 1,000 tokens in, 100 out
    capped = "  shared: {isolation: shared, spend_cap: $30000/month}"
    case = only(run(scenario(CONSTANT, capped), months=6))
    month = usd * 1199 / 10 * MONTH_MINUTES  # the 1,200th constant arrival falls on the end
    (cap,) = case["caps"]
    assert cap["now"]["mean"] == pytest.approx(month, rel=1e-6)
    assert cap["reached"]["month"] == pytest.approx(months_to(30_000 / month), abs=0.02)
    assert case["first"] == {"kind": "cap", "name": "account:shared", "date": cap["reached"]}
    assert case["cost"]["total"]["now"]["mean"] == pytest.approx(month, rel=1e-6)
    assert case["cost"]["total"]["last"]["mean"] == pytest.approx(month * 1.1**6, rel=2e-3)
    sums = [month * 1.1**at for at in range(7)]
    assert case["cost"]["total"]["together"]["mean"] == pytest.approx(sum(sums) - (sums[0] + sums[-1]) / 2, rel=0.01)


def test_a_cap_by_the_day_is_compared_with_a_day() -> None:
    case = only(run(scenario(CONSTANT, "  shared: {isolation: shared, spend_cap: $1000/day}"), months=6))
    day = 0.0045 * 119.9 * 24 * 60
    assert case["caps"][0]["now"]["mean"] == pytest.approx(day, rel=1e-4)
    assert case["caps"][0]["reached"]["month"] == pytest.approx(months_to(1000 / day), abs=0.02)


def test_a_cap_that_refuses_is_reached_whatever_the_spend_says() -> None:
    # 500 requests in the warm-up take the $2 of the day; of the measured part nothing is left to bill.
    capped = "  shared: {isolation: shared, spend_cap: {amount: $2/day, mode: reserve}}"
    given = scenario({"a": "{herd: {size: 500, at: 0s}}", "b": "{constant: {rate: 30/min}}"}, capped)
    text = given.text.replace("warmup: 0s", "warmup: 1m").replace(
        "output_tokens: 100", "output_tokens: 100, max_tokens: 100"
    )
    case = only(run(load_text(text, given.path), months=1))
    assert case["caps"][0]["now"]["mean"] == 0
    assert case["caps"][0]["reached"]["month"] == 0
    assert {one["text"][0]: one["cause"] for one in case["objectives"]}["b"] == "budget:account:shared"


def test_a_limit_of_a_day_is_looked_at_by_the_day() -> None:
    # 7,200 a day, fifty at one instant: 72 % of the day's 10,000, seven times what a minute of it is.
    daily = "  shared: {isolation: shared, limits: {requests: {rate: 10000/day, burst: 10k}}}"
    case = only(run(scenario({"a": "{herd: {size: 50, at: 1m, every: 10m}}"}, daily, minutes=20), months=1))
    assert limit_of(case)["now"]["peak"]["mean"] == pytest.approx(0.72)
    assert limit_of(case)["full"]["month"] is None


def test_places_are_full_when_all_are_taken() -> None:
    # An answer takes 100 ms: at 600 a minute exactly one is in flight, at all times.
    taken = "  shared: {isolation: shared, limits: {concurrency: 4}}"
    herd = scenario({"a": "{herd: {size: 3, at: 0s, every: 1m}}"}, taken, minutes=5)
    case = only(run(herd, Growth(Fraction(1, 3)), months=2))
    limit = limit_of(case)
    assert limit["now"]["peak"]["mean"] == pytest.approx(3 / 4)
    assert limit["now"]["asked"]["mean"] == pytest.approx(3 * 0.1 / 60 / 4, rel=1e-3)
    assert limit["full"]["month"] == pytest.approx(1.0)
    assert limit["breaks"]["month"] is not None


# Who is to blame


def test_only_the_limit_that_refuses_breaks() -> None:
    limits = "{requests: 200/min, burst: 10, input_tokens: {rate: 144k/min, burst: 10k}, output_tokens: 100k/min}"
    both = f"  shared: {{isolation: shared, limits: {limits}}}"
    case = only(run(scenario(CONSTANT, both), months=4))
    breaks = {limit["dimension"]: limit["breaks"]["month"] for limit in case["limits"]}
    assert breaks["input_tokens"] == pytest.approx(months_to(1450 / 9.9 / 120), abs=0.03)
    assert breaks["requests"] is None
    assert breaks["output_tokens"] is None


def test_faults_are_left_out_unless_they_are_asked_for() -> None:
    storm = "chaos: [{storm: {status: 503, at: 0s, for: 10m, probability: 0.5}}]"
    stormy = scenario(CONSTANT, LIMITED, more=storm)
    assert only(run(stormy, months=1))["first"] is None
    kept = run(stormy, months=1, faults=True)
    assert only(kept)["first"]["kind"] == "objective"
    assert only(kept)["first"]["date"]["month"] == 0
    assert only(kept)["objectives"][0]["cause"] == "storm:503"
    assert limit_of(only(kept))["breaks"]["month"] is None


PATIENT = "client: {retry: {max_attempts: 60, base: 1s, multiplier: 1, cap: 1s, jitter: none, obey_retry_after: false}}"


def waiting(rate: int, first_token: str) -> dict[str, Any]:
    """A team whose client waits for as long as it takes, with an objective of latency."""
    arrivals = {"a": f"{{constant: {{rate: {rate}/min}}}}"}
    given = scenario(arrivals, LIMITED, minutes=20, more="slos: [{a: latency_p95_s <= 5}]")
    text = given.text.replace("client: {retry: none}", PATIENT).replace("100ms", first_token)
    return only(run(load_text(text.replace("drain: 1m", "drain: 3m"), given.path), months=3))


def test_a_limit_breaks_an_objective_of_time_through_its_waits() -> None:
    case = waiting(120, "100ms")
    limit, missed = limit_of(case), case["objectives"][0]
    assert missed["text"] == "a: latency_p95_s <= 5"
    assert missed["cause"] == limit["name"]
    assert 1.8 < limit["breaks"]["month"] == pytest.approx(missed["missed"]["month"])
    assert limit["harms"]["objective"] == missed["text"]


def test_no_limit_is_blamed_for_slow_answers() -> None:
    case = waiting(150, "9s")  # refused and late, but late without refusals too
    assert limit_of(case)["now"]["refusals"]["mean"] > 100
    assert case["objectives"][0]["missed"]["month"] == 0
    assert case["objectives"][0]["cause"] == ""
    assert limit_of(case)["harms"]["objective"] != "a: latency_p95_s <= 5"


# Runs


POISSON = {"a": "{poisson: {rate: 60/min}}", "b": "{poisson: {rate: 60/min}}"}
TIGHT = "  shared: {isolation: shared, limits: {requests: 150/min, burst: 20}}"


class Backwards:
    """A pool that does the last item first."""

    workers = 1

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        return iter([work(item) for item in list(items)[::-1]][::-1])


def test_neither_the_order_of_runs_nor_threads_nor_the_engine_change_anything() -> None:
    given, options = scenario(POISSON, TIGHT, minutes=3, replications=2), Options(months=2)
    found = [capacity(given, options, pool, Silent()).summary for pool in (Here(), Backwards())]
    with open_pool("threads", 2) as pool:
        found.append(capacity(given, options, pool, Silent()).summary)
    plain = capacity(given, replace(options, engine="plain"), Here(), Silent()).summary
    assert plain.pop("engine") == "plain"
    assert found[0] == found[1] == found[2]
    assert {name: value for name, value in found[0].items() if name != "engine"} == plain


def test_growth_moves_dates_forward_and_cases_share_their_draws() -> None:
    study = run(scenario(POISSON, TIGHT, minutes=5, replications=4), months=4, what_ifs=("requests=x10", "growth=0%"))
    cases = study.summary["cases"]
    assert study.summary["paired"]["requests=x10"]["usd_now"]["mean"] == pytest.approx(0, abs=1e-9)
    success = cases["shared"]["series"]["total"]["success"]["mean"]
    assert all(after <= before + 0.002 for before, after in pairwise(success))
    asked = cases["shared"]["series"]["total"]["asked_usd"]["mean"]
    assert asked == sorted(asked)
    assert cases["growth=0%"]["first"] is None
    assert len(set(cases["growth=0%"]["series"]["total"]["usd"]["mean"])) == 1


def test_the_interval_of_a_random_study_covers_its_date() -> None:
    given = scenario(POISSON, TIGHT, minutes=10, replications=32)
    options = Options(months=4)
    work = prepare(given, options)
    (whole,) = run_all(work, options, Here(), Silent()).values()
    key = ("lost", "account:shared:requests", "a")
    truth = whole.curve(key).crosses(0.01, strict=True).at
    assert truth is not None
    parts = np.split(whole.values(key), 4, axis=1)  # eight replications each
    found = [Curve.of(whole.months, part).crosses(0.01, strict=True) for part in parts]
    covered = [(date.early or 0) <= truth <= (9 if date.late is None else date.late) for date in found]
    assert sum(covered) >= 3
    assert len({date.at for date in found}) == 4
    assert all(date.early is not None and date.at is not None and date.early <= date.at for date in found)


def test_a_team_that_joins_may_break_what_growth_would_not() -> None:
    growth = Growth(Fraction(0), (), (NewTeam("c", "a", 3),))
    case = only(run(scenario(CONSTANT, LIMITED), growth, months=5))
    limit = limit_of(case)
    assert limit["breaks"]["month"] == pytest.approx(3, abs=0.01)
    assert case["teams"] == ["a", "c"]
    assert [one["since"] for one in case["objectives"]] == [0, 3]
    assert case["cost"]["teams"]["c"]["now"]["mean"] == 0


def test_too_many_requests_are_refused_before_anything_runs() -> None:
    with pytest.raises(BadInput, match="more than 20,000,000 requests") as caught:
        run(scenario(CONSTANT, LIMITED), Growth(Fraction(10)), months=12)
    assert "a shorter --duration" in str(caught.value)
