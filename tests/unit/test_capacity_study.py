"""What a capacity study grows, and which arrangements it looks at: all before anything runs."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.errors import BadInput
from sim.scenario.keys import Ladder, SpelledOut
from sim.scenario.loader import load, load_text
from sim.scenario.plan import build_plan, expected_by_team
from sim.study.capacity.arrange import Today, topology_of, with_team
from sim.study.capacity.capacity import JUST, grid
from sim.study.capacity.growth import Base, factor, grown
from sim.study.capacity.options import Growth, NewTeam, Options, growth_of, start_of
from sim.study.capacity.what_if import Case, cases_of, multiplied
from sim.units import MINUTE, Rate
from tests.unit.capacity_sample import scenario

KINDS = {
    "constant": "{constant: {rate: 60/min}}",
    "poisson": "{poisson: {rate: 60/min}}",
    "gamma": "{gamma: {rate: 60/min, cv: 3}}",
    "weibull": "{weibull: {rate: 60/min, cv: 2}}",
    "bursts": "{bursts: {rate: 90/min, on: 1m, off: 2m}}",
    "random": "{bursts: {rate: 90/min, on: 1m, off: 2m, random: true}}",
    "herd": "{herd: {size: 500, at: 1m, every: 2m}}",
    "sessions": "{sessions: {rate: 6/min, steps: 4, think: 1s}}",
}
SHARED = "  shared: {isolation: shared, limits: {requests: 60/min}}"


def base_of(arrivals: str, **more: Any) -> Base:
    loaded = scenario({"a": arrivals}, SHARED, **more)
    return Base(loaded.scenario, dict(loaded.traces))


def expected(base: Base) -> float:
    return expected_by_team(base.scenario, base.traces)["a"].requests


# Growth


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("month", [1, 2.5, 12])
def test_growth_scales_expected_requests_exactly(kind: str, month: float) -> None:
    base = base_of(KINDS[kind])
    by = 1.1**month
    more = expected(grown(base, Growth(), month))
    if kind == "herd":  # whole requests at each of its instants
        assert more == 5 * round(500 * by)
    elif kind == "constant":  # the arrival at the very end falls out
        assert more == math.ceil(600 * by - 1e-6) - 1
    else:
        assert more == pytest.approx(expected(base) * by, rel=1e-9)


def test_growth_scales_a_trace(tmp_path: Path) -> None:
    rows = "".join(f"2023-11-16 18:00:{at:02d}.0,100,10\n" for at in range(60))
    (tmp_path / "rows.csv").write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + rows)
    loaded = scenario({"a": "{poisson: {rate: 1/min}}"}, SHARED)
    text = loaded.text.replace("{poisson: {rate: 1/min}}", "{trace: {file: rows.csv, scale: 0.5, loop: true}}")
    traced = load_text(text, tmp_path / "sample.yaml")
    base = Base(traced.scenario, dict(traced.traces))
    assert expected(base) == pytest.approx(300, rel=1e-6)
    assert expected(grown(base, Growth(), 3)) == pytest.approx(300 * 1.1**3, rel=1e-3)
    assert len(build_plan(grown(base, Growth(), 9).scenario, 0, grown(base, Growth(), 9).traces)) > 600


def test_month_0_is_the_scenario_itself() -> None:
    base = base_of(KINDS["gamma"])
    month = grown(base, Growth(new_teams=(NewTeam("b", "a", 3),)), 0)
    first, again = build_plan(base.scenario, 0, {}), build_plan(month.scenario, 0, month.traces)
    assert month.scenario == base.scenario
    assert np.array_equal(first.arrival_ns, again.arrival_ns)
    assert np.array_equal(first.draw_key, again.draw_key)


@pytest.mark.parametrize("kind", ["poisson", "gamma", "weibull", "bursts", "random"])
def test_a_month_sends_the_requests_of_the_month_before_and_more(kind: str) -> None:
    base = base_of(KINDS[kind].replace("60/min", "600/min"), tokens="{median: 900, p95: 4000}")
    plans = []
    for month in (0, 1, 2):
        later = grown(base, Growth(), month)
        plans.append(build_plan(later.scenario, 0, later.traces))
    for before, after in pairwise(plans):
        assert len(after) > len(before)
        drawn = [dict(zip(one.draw_key.tolist(), one.input_tokens.tolist(), strict=True)) for one in (before, after)]
        assert drawn[0].items() <= drawn[1].items()


def test_each_team_grows_at_its_own_rate_and_joins_in_its_month() -> None:
    growth = Growth(Fraction(1, 10), (("b", Fraction(-1, 2)),), (NewTeam("c", "a", 3),))
    assert float(factor(growth, "a", 2)) == pytest.approx(1.21)
    assert float(factor(growth, "b", 2)) == pytest.approx(0.25)
    assert [factor(growth, "c", month) for month in (2.9, 3)] == [0, 1]
    assert float(factor(growth, "c", 5)) == pytest.approx(1.21)


def test_a_team_that_joins_is_a_copy_with_luck_and_objectives_of_its_own() -> None:
    loaded = scenario({"a": KINDS["poisson"]}, SHARED, more="slos: [{a: success_rate >= 95%}]")
    base = Base(loaded.scenario, {})
    growth = Growth(new_teams=(NewTeam("b", "a", 2),))
    assert "b" not in grown(base, growth, 1.999).scenario.teams
    later = grown(base, growth, 2).scenario
    assert expected_by_team(later, {})["b"].requests == pytest.approx(expected(base))
    assert [slo.team for slo in later.slos] == ["a", "b"]
    plan = build_plan(later, 0, {})
    times = [plan.arrival_ns[plan.team == at].tolist() for at in (0, 1)]
    assert not set(times[0]) & set(times[1])


def test_the_grid_has_every_month_of_a_year_and_both_sides_of_a_joining() -> None:
    assert list(grid(Options(months=4))) == [0, 1, 2, 3, 4]
    joined = grid(Options(months=3, growth=Growth(new_teams=(NewTeam("b", "a", 2),))))
    assert list(joined) == [0, 1, 2 - JUST, 2, 3]
    long = grid(Options(months=50))
    assert len(long) <= 14
    assert long[0] == 0
    assert long[-1] == 50


# The flags of growth

TEAMS = load("noisy-neighbour").scenario


def test_growth_is_read_from_its_flags() -> None:
    growth = growth_of(["8%", "analytics = 0.2", "new=-5%"], ["new=checkout:4", "other=checkout"], TEAMS, 12)
    assert growth.overall == Fraction(8, 100)
    assert growth.of("analytics") == Fraction(1, 5)
    assert growth.of("new") == Fraction(-1, 20)
    assert growth.of("other") == Fraction(8, 100)
    assert growth.new_teams == (NewTeam("new", "checkout", 4), NewTeam("other", "checkout", 1))
    assert growth_of([], [], TEAMS, 12).overall == Fraction(1, 10)


@pytest.mark.parametrize(
    ("rates", "joining", "told"),
    [
        (["ten"], [], "not a growth rate (found 'ten')"),
        (["5000%"], [], "growth out of range"),
        (["-100%"], [], "growth out of range"),
        (["checkot=5%"], [], 'did you mean "checkout"'),
        ([], ["x"], "NAME=LIKE:MONTH"),
        ([], ["x=checkot:2"], 'did you mean "checkout"'),
        ([], ["checkout=analytics:2"], "there is a team of this name"),
        ([], ["total=analytics:2"], "not a team's name"),
        ([], ["x=checkout:0"], "a whole month from 1 to 12"),
        ([], ["x=checkout:13"], "a whole month from 1 to 12"),
        ([], ["x=checkout:soon"], "found 'soon'"),
        ([], ["x=checkout:1", "x=analytics:2"], "a team joins twice"),
    ],
)
def test_bad_growth_is_told_with_a_hint(rates: list[str], joining: list[str], told: str) -> None:
    with pytest.raises(BadInput) as caught:
        growth_of(rates, joining, TEAMS, 12)
    assert told in str(caught.value)
    assert "hint:" in str(caught.value)


def test_a_start_is_a_month() -> None:
    assert start_of(None) is None
    assert start_of("2026-12") == (2026, 12)
    for text in ("2026", "2026-13", "12-2026", "2026-1"):
        with pytest.raises(BadInput, match="a year and a month"):
            start_of(text)


# What if

BASIC = scenario(
    {"a": KINDS["poisson"], "b": KINDS["poisson"]},
    """
  shared: {isolation: shared, limits: {requests: 60/min, burst: 30}, spend_cap: $1000/month}
  projects: {isolation: projects, limits: {requests: 60/min, input_tokens: {rate: 2M/min, burst: 5k}}, split: equal}
  mine:
    accounts:
      one: {limits: {requests: 60/min}, projects: {p: {teams: [a], limits: {requests: 20/min}}, q: {teams: [b]}}}
""",
).scenario


def changed(text: str, **options: Any) -> Case:
    return cases_of(BASIC, Options(what_ifs=(text,), **options))[-1]


def ladder(text: str) -> Ladder:
    found = changed(text).configuration
    assert isinstance(found, Ladder)
    return found


def test_a_what_if_names_a_configuration_or_changes_one() -> None:
    assert changed("projects").configuration == BASIC.configurations["projects"]
    assert ladder("requests=120/min").limits[0].requests.rate == Rate(Fraction(120), MINUTE)  # type: ignore[union-attr]
    assert ladder("requests=120/min").limits[0].burst == 30
    assert ladder("requests=x1.5, burst=x2").limits[0].requests.rate.per_minute == 90  # type: ignore[union-attr]
    assert ladder("requests=x1.5, burst=x2").limits[0].burst == 60
    assert [str(cap.amount) for cap in ladder("spend_cap=x2").spend_cap] == ["$2000/month"]
    assert [str(cap.amount) for cap in ladder("spend_cap=$3/day").spend_cap] == ["$3/day"]
    assert ladder("spend_cap=none").spend_cap == ()
    assert ladder("requests=none").limits == ()
    assert ladder("concurrency=7").limits[0].concurrency == 7
    assert ladder("projects: split=by-traffic").split == "by-traffic"
    assert ladder("projects: overcommit=1.5, split=none").overcommit == Fraction(3, 2)
    kept = ladder("projects: input_tokens=1,000k/min").limits[0].input_tokens
    assert kept is not None
    assert (kept.rate.per_minute, kept.burst) == (1_000_000, 5000)


def test_a_what_if_may_change_growth_only() -> None:
    case = changed("growth=20%")
    assert case.configuration == BASIC.configurations["shared"]
    assert case.growth.overall == Fraction(1, 5)
    assert changed("projects: growth=0%").base == "projects"


def test_a_what_if_takes_a_tier_of_the_catalogue() -> None:
    case = ladder("tier=anthropic/build")
    (limits,) = case.limits
    assert limits.models is None  # one class covers all that is asked for
    assert limits.requests.rate.per_minute == 5000  # type: ignore[union-attr]
    assert [str(cap.amount) for cap in case.spend_cap] == ["$1000/month"]


def test_a_factor_reaches_every_limit_of_a_configuration_that_is_spelled_out() -> None:
    case = changed("mine: requests=x2").configuration
    assert isinstance(case, SpelledOut)
    account = case.accounts["one"]
    assert account.limits[0].requests.rate.per_minute == 120  # type: ignore[union-attr]
    assert account.projects["p"].limits[0].requests.rate.per_minute == 40  # type: ignore[index, union-attr]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("project", 'did you mean "projects"'),
        ("nothing at all", "neither a configuration nor a change"),
        ("request=60/min", 'did you mean "requests"'),
        ("proj: split=equal", 'did you mean "projects"'),
        ("requests=60/mn", "not a rate"),
        ("requests=xx", "x and a number"),
        ("tokens=x2", "there is nothing to multiply"),
        ("split=equal", "shared has nothing to split"),
        ("projects: split=fair", "not a split"),
        ("mine: requests=60/min", "multiplies all of them"),
        ("mine: concurrency=x2", "there is nothing to multiply"),
        ("mine: tier=anthropic/build", "spelled out"),
        ("tier=anthropic/bild", 'did you mean "anthropic/build"'),
        ("growth=lots", "not a growth rate"),
        ("shared", "the same arrangement twice"),
    ],
)
def test_a_bad_what_if_is_told_with_a_hint(text: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        changed(text)
    assert told in str(caught.value)
    assert "--what-if" in str(caught.value) or "growth" in str(caught.value)


def test_what_stands_behind_a_number_stays_when_it_is_multiplied() -> None:
    assert multiplied("60/min", "x1.5") == "90/min"
    assert multiplied("$1000/month", "x0.25") == "$250/month"
    assert multiplied("2M/min", "x0.5") == "1M/min"
    assert multiplied("5", "x3") == "15"


def test_configurations_come_first_in_the_order_of_the_flags() -> None:
    cases = cases_of(BASIC, Options(configurations=("mine", "shared"), what_ifs=("requests=x2",)))
    assert [case.name for case in cases] == ["mine", "shared", "requests=x2"]
    assert cases[2].base == "mine"
    with pytest.raises(BadInput, match='did you mean "shared"'):
        cases_of(BASIC, Options(configurations=("shard",)))


# Keys for teams that join


def limits_by_month(configuration: str, month: float, growth: Growth) -> dict[str, float]:
    from sim.scenario.limit_rows import rows_of

    loaded = scenario({"a": KINDS["poisson"], "b": "{poisson: {rate: 30/min}}"}, f"  it: {configuration}")
    base = Base(loaded.scenario, {})
    case = Case("it", "it", loaded.scenario.configurations["it"], growth)
    rows = rows_of(topology_of(case, loaded.scenario, Today.of(base), month))
    return {row.name: row.per_minute or 0.0 for row in rows.limits}


JOINING = Growth(Fraction(1, 10), (("a", Fraction(1)),), (NewTeam("c", "a", 2),))
SPLIT = "{isolation: projects, limits: {requests: 90/min}, split: %s}"


def test_a_split_by_traffic_stays_what_it_is_today() -> None:
    now = limits_by_month(SPLIT % "by-traffic", 0, JOINING)
    assert now["project:shared/a:requests"] == 60
    assert limits_by_month(SPLIT % "by-traffic", 1.9, JOINING) == now


def test_a_split_total_is_divided_anew_when_a_team_joins() -> None:
    for split, parts in (
        ("by-traffic", (36, 18, 36)),
        ("equal", (30, 30, 30)),
        ("{a: 50%, b: 50%}", (30, 30, 30)),
        ("{a: 40%, b: 20%}", (22, 10, 22)),
    ):
        later = limits_by_month(SPLIT % split, 2, JOINING)
        found = tuple(later[f"project:shared/{team}:requests"] for team in "abc")
        assert found == pytest.approx(parts, abs=1)
        assert sum(found) <= 90
        assert later["account:shared:requests"] == 90


def teams_of(level: Any) -> Any:
    if level.teams is not None:
        return list(level.teams)
    below = getattr(level, "projects", None) or level.keys
    return {name: teams_of(child) for name, child in below.items()}


@pytest.mark.parametrize(
    ("accounts", "after"),
    [
        ("one: {teams: [a, b]}", {"one": ["a", "b", "c"]}),
        ("one: {teams: [a]}, two: {teams: [b]}", {"one": ["a"], "c": ["a-copy"], "two": ["b"]}),
        (
            "one: {projects: {p: {teams: [a]}, q: {teams: [b]}}}",
            {"one": {"p": ["a"], "c": ["a-copy"], "q": ["b"]}},
        ),
        (
            "one: {projects: {p: {keys: {k: {teams: [a]}, c: {teams: [b]}}}}}",
            {"one": {"p": {"k": ["a"], "c-2": ["a-copy"], "c": ["b"]}}},
        ),
        ("one: {projects: {p: {keys: {k: {teams: [a, b]}}}}}", {"one": {"p": {"k": ["a", "b", "c"]}}}),
    ],
)
def test_a_joining_team_gets_a_copy_of_what_its_model_has_alone(accounts: str, after: Any) -> None:
    loaded = scenario({"a": KINDS["poisson"], "b": KINDS["poisson"]}, f"  it: {{accounts: {{{accounts}}}}}")
    found = with_team(loaded.scenario.configurations["it"], NewTeam("c", "a", 2))
    assert isinstance(found, SpelledOut)
    told = {name: teams_of(account) for name, account in found.accounts.items()}
    assert str(told) == str(after).replace("a-copy", "c")
