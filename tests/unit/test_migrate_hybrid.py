"""The keys between today and the target: nothing is given twice, nobody is lost, and every step can be undone."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import combinations
from typing import Any

import pytest

from sim.errors import BadInput
from sim.scenario.keys import DIMENSIONS, Limits
from sim.scenario.limit_rows import rows_of
from sim.scenario.topology import Topology
from sim.study.migrate.exports import Plan, arrangement, read_back
from sim.study.migrate.hybrid import RUNGS, Grant, Rung, Target, check, differences, in_minutes, residual, sums
from sim.study.migrate.order import State
from sim.workload.rows import Expected
from tests.unit.tune_cases import Body, scenario, topology_of, workload

ACCOUNT: Body = {"requests": "120/min", "burst": 40, "output_tokens": "40k/min"}
TEAMS = ("a", "b", "c", "d")


def today(limits: Any = ACCOUNT, isolation: str = "shared", **more: Any) -> Topology:
    teams: Body = {name: {"workload": [workload({"poisson": {"rate": "6/min"}})]} for name in TEAMS}
    return topology_of(scenario(teams, {"isolation": isolation, "limits": limits, **more}))


def grants(seed: int = 0, *, tokens: bool = True) -> tuple[Grant, ...]:
    """Projects of one or two teams whose limits sum to at most the account's."""
    r = random.Random(seed)
    sizes = r.choice([(1, 1, 1, 1), (2, 1, 1), (2, 2)])
    found, at = [], 0
    for number, size in enumerate(sizes):
        said: Body = {"requests": f"{r.randint(1, 120 // len(sizes))}/min", "burst": r.randint(1, 40 // len(sizes))}
        if tokens:
            said["output_tokens"] = f"{r.randint(1, 40_000 // len(sizes))}/min"
        found.append(Grant(f"p{number}", TEAMS[at : at + size], ("m",), (Limits.model_validate(said),)))
        at += size
    return tuple(found)


def states(target: Target) -> list[State]:
    names = [grant.name for grant in target.grants]
    return [frozenset(some) for size in range(len(names) + 1) for some in combinations(names, size)]


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("seed", range(4))
def test_every_team_has_one_key_in_every_state(rung: Rung, seed: int) -> None:
    target = Target(today(), rung, grants(seed))
    for state in states(target):
        paths = target.topology(state, "x").paths()
        assert sorted(team for path in paths for team in path[-1].teams) == list(TEAMS)
        together = [set(path[-1].teams) for path in paths]
        assert all(set(grant.teams) in together for grant in target.moved(state))
        stay = set(target.remaining(state))
        assert not stay or stay in together
        rows_of(target.topology(state, "x"))  # every limit is one that engines can hold


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("tokens", [True, False])
def test_on_projects_all_limits_sum_to_at_most_the_accounts_in_every_state(seed: int, tokens: bool) -> None:
    target = Target(today(), "projects", grants(seed, tokens=tokens))
    for state in states(target):
        for one in sums(target, state):
            assert one["fits"], (state, one)
        # The same worked out from the tree itself.
        account = target.topology(state, "x").accounts[0]
        if len(account.children) < 2:
            continue
        for name in ("requests", *(("output_tokens",) if tokens else ())):
            parts = [getattr(child.limits[-1], name).rate.per_minute for child in account.children]
            assert sum(parts) <= getattr(account.limits[0], name).rate.per_minute


@pytest.mark.parametrize("seed", range(10))
def test_what_stays_on_the_shared_key_keeps_what_is_left(seed: int) -> None:
    """The rates of the moved and of the rest are the whole account: nothing is lost on the way."""
    target = Target(today(), "projects", grants(seed))
    for state in states(target):
        if not state or not target.remaining(state):
            continue
        taken = sum(grant.limits[0].requests.rate.count for grant in target.moved(state) if grant.limits[0].requests)
        (left,) = target.shared_limits(state)
        assert left.requests is not None and left.requests.rate.count == 120 - taken
        share = Fraction(left.requests.rate.count, 120)
        assert left.burst is not None and 40 * share - 1 <= left.burst <= 40


@pytest.mark.parametrize("rung", ["keys", "gateway", "accounts"])
def test_elsewhere_the_shared_key_keeps_the_accounts_limits(rung: Rung) -> None:
    target = Target(today(), rung, grants(1))
    for state in states(target):
        assert target.shared_limits(state) == ()
        if target.remaining(state):
            assert target.topology(state, "x").accounts[0].limits == target.account.limits


def test_what_a_rung_shares_and_what_it_bans() -> None:
    made = {rung: Target(today(), rung, grants(0)).topology(frozenset({"p0"}), "x") for rung in RUNGS}
    assert [len(made[rung].accounts) for rung in RUNGS] == [1, 1, 1, 2]
    assert [len(made[rung].accounts[0].children) for rung in RUNGS] == [1, 2, 2, 1]
    assert [made[rung].accounts[0].gateway for rung in RUNGS] == [False, False, True, False]
    assert made["accounts"].accounts[1].limits == made["accounts"].accounts[0].limits


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("rung", RUNGS)
def test_a_state_survives_its_export(rung: Rung, seed: int) -> None:
    """What an operator pastes is the state itself: limit by limit, key by key."""
    target = Target(today(spend_cap="$500/month"), rung, grants(seed))
    expected = {team: Expected(1, 1, 1) for team in TEAMS}
    for at, state in enumerate(states(target)):
        again = read_back(arrangement(Plan(target, {}, {}, "s"), at, state), expected)
        assert again.accounts == target.topology(state, again.name).accounts


def test_a_rollback_is_the_state_before() -> None:
    target = Target(today(), "projects", grants(2))
    names = [grant.name for grant in target.grants]
    for at in range(len(names)):
        before, after = frozenset(names[:at]), frozenset(names[: at + 1])
        moved = differences(target.topology(before, "x"), target.topology(after, "x"))
        assert f"shared/{names[at]}" in moved["new"]
        back = differences(target.topology(after, "x"), target.topology(before, "x"))
        assert sorted(back["gone"]) == sorted(moved["new"]) and sorted(back["new"]) == sorted(moved["gone"])


# What is left of one set of limits


def left(account: Body, *given: Body) -> Limits | None:
    moved = [Grant(f"p{at}", (), ("m",), (Limits.model_validate(one),)) for at, one in enumerate(given)]
    return residual(Limits.model_validate(account), moved)


def test_shorter_periods_are_counted_by_the_minute() -> None:
    found = left({"requests": "10/s"}, {"requests": "90/min"})
    assert found is not None and found.requests is not None and str(found.requests.rate) == "510/min"
    longer = left({"requests": "1000/day"}, {"requests": "30/h"})
    assert longer is not None and longer.requests is not None and str(longer.requests.rate) == "280/day"


def test_a_dimension_that_somebody_has_no_limit_in_stays_the_accounts() -> None:
    found = left({"requests": "60/min", "output_tokens": "9k/min"}, {"requests": "20/min"})
    assert found is not None and found.output_tokens is None and found.requests is not None
    assert left({"output_tokens": "9k/min"}, {"requests": "20/min"}) is None


def test_limits_of_some_models_count_projects_that_use_them() -> None:
    account = Limits.model_validate({"requests": "60/min", "models": ["opus"]})
    own = (Limits.model_validate({"requests": "20/min"}),)
    user, other = Grant("u", (), ("opus", "haiku"), own), Grant("o", (), ("haiku",), own)
    found = residual(account, [user, other])
    assert found is not None and found.models == ("opus",) and found.requests is not None
    assert in_minutes(found.requests).count == 40


def test_windows_have_no_burst_and_places_are_shared_out() -> None:
    found = left({"requests": "60/min", "algorithm": "fixed_window"}, {"requests": "20/min"})
    assert found is not None and found.burst is None and found.algorithm == "fixed_window"
    places = left({"concurrency": 10}, {"concurrency": 3}, {"concurrency": 4})
    assert places is not None and places.concurrency == 3


def test_all_dimensions_are_looked_at() -> None:
    assert set(DIMENSIONS) == {"requests", "input_tokens", "output_tokens", "tokens"}
    found = left(dict.fromkeys(DIMENSIONS, "100/min"), dict.fromkeys(DIMENSIONS, "30/min"))
    assert found is not None and all(getattr(found, name).rate.count == 70 for name in DIMENSIONS)


# Where nothing can be migrated


@pytest.mark.parametrize(
    ("isolation", "rung", "says"),
    [("accounts", "projects", "not a key that teams share"), ("projects", "gateway", "not a key that teams share"),
     ("keys", "keys", "every team has a key of its own already")],
)  # fmt: skip
def test_keys_that_nobody_shares_are_refused(isolation: str, rung: Rung, says: str) -> None:
    with pytest.raises(BadInput) as error:
        check(today(isolation=isolation), rung)
    assert says in str(error.value) and error.value.problem.hint


def test_from_a_key_a_team_to_projects() -> None:
    check(today(isolation="keys"), "projects")
    target = Target(today(isolation="keys"), "projects", grants(0))
    for state in states(target):
        assert sorted(team for path in target.topology(state, "x").paths() for team in path[-1].teams) == list(TEAMS)
