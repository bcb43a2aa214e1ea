"""From flags and configurations to what is tuned: options, settings, subjects, accounts."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from sim.errors import BadInput
from sim.scenario.keys import Limits, RateLimit
from sim.scenario.limit_rows import rows_of
from sim.scenario.plan import expected_by_team
from sim.scenario.topology import Topology
from sim.study.tune.arrange import BUILT, accounts_of, arrangement, with_capacity
from sim.study.tune.options import CSV, LIMITS_YAML, capacity, dimensions, exports
from sim.study.tune.settings import AS_CONFIGURED, Base, Settings
from sim.study.tune.subjects import alone, free, splits, subjects_of
from sim.units import MINUTE, Rate
from tests.unit.tune_cases import Body, scenario, topology_of, workload

TEAM: Body = {"workload": workload({"poisson": {"rate": "6/min"}}), "client": {"retry": "none"}}
TEAMS: Body = {"a": TEAM, "b": TEAM}
LIMITS: Body = {"requests": "60/min", "burst": 20}
SPELLED: Body = {
    "accounts": {
        "main": {
            "limits": {"requests": "60/min"},
            "projects": {
                "first": {"teams": ["a"], "limits": {"requests": "30/min", "burst": 10}},
                "second": {"keys": {"k": {"teams": ["b"], "limits": {"concurrency": 3}}}},
            },
        }
    }
}


def of(configuration: Body) -> Topology:
    return topology_of(scenario(TEAMS, configuration))


# Options


def test_dimensions_are_read_in_the_order_of_the_search() -> None:
    assert dimensions("burst, rpm,input_tokens") == ("rpm", "burst", "input_tokens")


@pytest.mark.parametrize(
    ("text", "said"), [("rpm,bursts", 'did you mean "burst"'), ("speed", "some of rpm, burst"), (" , ", "some of rpm")]
)
def test_other_dimensions_are_refused_with_what_is_possible(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        dimensions(text)


def test_a_capacity_is_a_rate_of_requests() -> None:
    assert capacity("600/min") == Rate(Fraction(600), MINUTE)
    assert capacity("2k/h").per_minute == pytest.approx(33.33, abs=0.01)


@pytest.mark.parametrize("text", ["600", "600/mn", "10/day", "10/h", "-5/min"])
def test_other_capacities_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInput, match=r"--account-capacity: .*\n.*/min") as raised:
        capacity(text)
    assert raised.value.exit_code == 2


def test_exports_are_the_ones_asked_for_or_the_two_that_cost_nothing() -> None:
    assert exports([]) == (LIMITS_YAML, CSV)
    assert exports(["litellm", "csv", "litellm"]) == ("litellm", "csv")
    with pytest.raises(BadInput, match=r'did you mean "limits\.yaml"'):
        exports(["limit.yaml"])


# Settings


def rate(count: int) -> RateLimit:
    return RateLimit.model_validate({"rate": f"{count}/min"})


def test_chosen_values_replace_and_the_rest_stays() -> None:
    base = Base.of([Limits.model_validate({**LIMITS, "input_tokens": "10k/min", "charge_rejected": True})])
    (found,) = base.limits(Settings.of({"rpm": 12, "burst": 7}))
    assert (found.requests, found.burst) == (rate(12), 7)
    assert found.input_tokens == rate(10_000)
    assert found.charge_rejected
    assert base.limits(AS_CONFIGURED) == (base.tuned,)


def test_none_takes_a_limit_away_and_nothing_left_is_no_limit() -> None:
    base = Base.of([Limits.model_validate(LIMITS)])
    assert base.limits(Settings.of({"rpm": None, "burst": None})) == ()
    assert Base.of([]).limits(Settings.of({"rpm": 5, "burst": 2}))[0].burst == 2


def test_a_burst_that_is_not_chosen_stays_wherever_it_is_written() -> None:
    inside = Base.of([Limits.model_validate({"requests": {"rate": "60/min", "burst": 9}})])
    (found,) = inside.limits(Settings.of({"rpm": 30}))
    assert (found.requests, found.burst) == (rate(30), 9)
    assert inside.current() == {"rpm": 60.0, "burst": 9.0}


def test_limits_of_some_models_and_of_whole_days_are_kept_as_they_are() -> None:
    day = Limits.model_validate({"requests": "1000/day"})
    some = Limits.model_validate({"requests": "5/min", "models": ["m"]})
    minute = Limits.model_validate(LIMITS)
    base = Base.of([day, some, minute])
    assert base.tuned == minute
    assert base.fixed == (day, some)
    assert base.limits(Settings.of({"rpm": None, "burst": None})) == (day, some)


def test_a_window_has_no_burst_to_tune() -> None:
    base = Base.of([Limits.model_validate({"requests": "60/min", "algorithm": "fixed_window"})])
    assert not base.has_burst
    assert base.limits(Settings.of({"rpm": 14, "burst": 9}))[0].burst is None


# Subjects


@pytest.mark.parametrize(
    ("configuration", "names", "apart"),
    [
        ({"isolation": "projects", "limits": LIMITS}, ["a", "b"], True),
        ({"isolation": "gateway", "limits": LIMITS}, ["a", "b"], True),
        ({"isolation": "accounts", "limits": LIMITS}, ["a", "b"], True),
        ({"isolation": "projects"}, ["a", "b"], True),
        ({"isolation": "shared", "limits": LIMITS}, ["shared"], False),
        ({"isolation": "keys", "limits": LIMITS}, ["shared"], False),
        (SPELLED, ["first", "k"], True),
    ],
)
def test_the_lowest_limited_node_of_each_team_is_tuned(configuration: Body, names: list[str], apart: bool) -> None:
    topology = of(configuration)
    assert [one.name for one in subjects_of(topology)] == names
    assert sorted(team for one in subjects_of(topology) for team in one.teams) == ["a", "b"]
    assert splits(topology) is apart


def test_a_project_without_limits_beside_one_with_limits_is_tuned_itself_not_the_account() -> None:
    topology = of(
        {
            "accounts": {
                "main": {
                    "limits": {"requests": "60/min"},
                    "projects": {"x": {"teams": ["a"], "limits": LIMITS}, "y": {"teams": ["b"]}},
                }
            }
        }
    )
    found = subjects_of(topology)
    assert [one.path for one in found] == [("main", "x"), ("main", "y")]
    assert found[1].base == Base(None)


def test_projects_of_one_name_in_two_accounts_are_told_apart() -> None:
    project = {"p": {"teams": ["a"], "limits": LIMITS}}
    other = {"p": {"teams": ["b"], "limits": LIMITS}}
    topology = of({"accounts": {"one": {"projects": project}, "two": {"projects": other}}})
    assert [one.name for one in subjects_of(topology)] == ["one/p", "two/p"]


def test_alone_nothing_else_limits_and_free_nothing_does() -> None:
    topology = of({**SPELLED})
    first = subjects_of(topology)[0]
    assert [row.name for row in rows_of(alone(topology, first)).limits] == ["project:main/first:requests"]
    assert rows_of(free(topology)).limits == ()
    assert len(rows_of(topology).limits) == 3


# Arrangements and accounts


def arranged(configurations: Body, name: str | None = None, **more: Any) -> Any:
    given = scenario(TEAMS, configurations["first"], **more).model_copy(
        update={
            "configurations": scenario(TEAMS, {"isolation": "shared"}, configurations=configurations).configurations
        }
    )
    return arrangement(given, expected_by_team(given, {}), name)


def test_the_first_configuration_that_splits_is_tuned() -> None:
    shared, parts = {"isolation": "shared", "limits": LIMITS}, {"isolation": "projects", "limits": LIMITS}
    found = arranged({"first": shared, "second": parts, "third": parts})
    assert (found.topology.name, found.built) == ("second", False)
    assert arranged({"first": shared, "second": parts}, "first").topology.name == "first"


def test_without_one_that_splits_projects_are_made_of_the_first() -> None:
    found = arranged({"first": {"isolation": "shared", "limits": LIMITS}})
    assert found.built
    assert (found.topology.name, found.today.name) == (BUILT, "first")
    assert [one.base.current() for one in found.subjects] == [{"rpm": 30.0, "burst": 10.0}] * 2


def test_an_unknown_configuration_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadInput, match='did you mean "first"'):
        arranged({"first": {"isolation": "shared", "limits": LIMITS}}, "frist")


def test_an_account_gives_what_its_tightest_limits_say() -> None:
    two = [LIMITS, {"requests": "2/s"}, {"requests": "1/min", "models": ["m"]}]
    configuration = {"accounts": {"main": {"limits": two, "projects": SPELLED["accounts"]["main"]["projects"]}}}
    found = arranged({"first": configuration})
    (account,) = accounts_of(found, ("rpm", "burst"), None)
    assert account.gives == {"rpm": 60, "burst": 2}
    assert account.subjects == ("first", "k")


def test_separate_accounts_divide_nothing_unless_a_capacity_is_given() -> None:
    found = arranged({"first": {"isolation": "accounts", "limits": LIMITS}})
    assert accounts_of(found, ("rpm", "burst"), None) == ()
    (account,) = accounts_of(found, ("rpm", "burst"), capacity("90/min"))
    assert account.gives == {"rpm": 90, "burst": None}
    assert account.subjects == ("a", "b")


def test_a_capacity_replaces_the_rate_of_the_only_account() -> None:
    found = arranged({"first": {"isolation": "projects", "limits": {**LIMITS, "input_tokens": "9k/min"}}})
    changed = with_capacity(found.topology, capacity("600/min"))
    assert (changed.accounts[0].limits[0].requests, changed.accounts[0].limits[0].burst) == (rate(600), 20)
    assert changed.accounts[0].limits[0].input_tokens == rate(9_000)
    assert with_capacity(found.topology, None) == found.topology
    bare = arranged({"first": {"isolation": "projects"}})
    assert with_capacity(bare.topology, capacity("600/min")).accounts[0].limits[0].requests == rate(600)
