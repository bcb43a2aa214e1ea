"""Which teams become which project, the drills that states are judged by, and names of keys."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from sim.catalogue import unfixed
from sim.scenario.plan import build_plan, expected_by_team
from sim.study.migrate.boundaries import GROUP, MOST_IN_GROUP, boundaries
from sim.study.migrate.drills import ACCOUNT_BAN, AS_IT_IS, CALM, KEY_BAN, LEAK, PROBES, RUNAWAY, situations
from sim.study.migrate.history import Facts
from sim.study.migrate.hybrid import RUNGS
from sim.study.migrate.keys import key_names, variable
from sim.study.migrate.warn import _SHOWN
from tests.unit.migrate_sample import TEXT, loaded

ONE = Fraction(1, 100)


def fact(team: str, share: float, *, objectives: int = 0, hurts: tuple[tuple[str, float], ...] = ()) -> Facts:
    return Facts(team, 1, share, share, 60 * share, 1.0, 120 * share, 100 * share, 0.0, objectives, hurts)


def many(count: int) -> dict[str, Facts]:
    """A pool with a long tail: a few large teams and ``count`` - 6 of a tenth of a per cent."""
    large = {f"large-{at}": fact(f"large-{at}", share) for at, share in enumerate((0.4, 0.2, 0.15, 0.1, 0.06, 0.05))}
    return large | {f"t{at:02d}": fact(f"t{at:02d}", 0.04 / (count - 6)) for at in range(count - 6)}


def test_a_long_tail_becomes_a_few_groups() -> None:
    found = boundaries(many(47), ONE, None)
    assert len(found) == 6 + 5 and [one.name for one in found][:2] == ["large-0", "large-1"]
    groups = [one for one in found if one.name.startswith(GROUP)]
    assert sum(len(one.teams) for one in groups) == 41 and max(len(one.teams) for one in groups) <= MOST_IN_GROUP
    assert sorted(team for one in found for team in one.teams) == sorted(many(47))


def test_nothing_is_grouped_where_nobody_is_small_or_alone_in_it() -> None:
    assert all(one.kind == "team" for one in boundaries(many(47), Fraction(0), None))
    single = {"a": fact("a", 0.995), "b": fact("b", 0.005)}
    assert [one.name for one in boundaries(single, ONE, None)] == ["a", "b"]


@pytest.mark.parametrize("more", [{"objectives": 1}, {"hurts": (("a", 0.3),)}])
def test_who_has_an_objective_or_hurts_others_gets_a_project_however_small(more: dict[str, object]) -> None:
    small = fact("b", 0.004, **more)  # type: ignore[arg-type]
    teams = {"a": fact("a", 0.99), "b": small, "c": fact("c", 0.003), "d": fact("d", 0.003)}
    found = {one.name: one.teams for one in boundaries(teams, ONE, None)}
    assert found == {"a": ("a",), "b": ("b",), GROUP: ("c", "d")}


def test_a_mapping_in_csv_and_the_more_exact_name_wins(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("name,team\nlarge-*,big\nlarge-3,front\n")
    found = {one.name: one.teams for one in boundaries(many(12), ONE, tmp_path / "map.csv")}
    assert found["front"] == ("large-3",) and len(found["big"]) == 5 and found[GROUP]


# Drills


def test_a_drill_has_each_incident_once_and_ends_in_time() -> None:
    given = loaded().scenario
    expected = expected_by_team(given, {})
    made = situations(given, given.configurations["shared"].limits, expected, ["batch", "checkout"])  # type: ignore[union-attr]
    assert [one.name for one in made] == [AS_IT_IS, "drill of batch", "drill of checkout"]
    assert sum(one.weight for one in made) == pytest.approx(1) and made[0].weight == 0.5
    assert made[1].weight > made[2].weight
    drill = made[1]
    assert [probe.name for probe in drill.probes] == list(PROBES) == [RUNAWAY, KEY_BAN, ACCOUNT_BAN, LEAK]
    ends = [given.warmup, *(probe.end_ns for probe in drill.probes)]
    assert all(before <= probe.start_ns for before, probe in zip(ends, drill.probes, strict=False))
    assert ends[-1] < given.duration
    # The loop calls 1.5 times as often as the account lets through; everybody's own requests are the same.
    job = next(entry.fault for entry in drill.scenario.chaos if entry.kind == "runaway_job")
    assert job.rate.per_minute == 90
    plain, with_drill = build_plan(given, 0, {}), build_plan(drill.scenario, 0, {})
    own = with_drill.arrival_ns[with_drill.origin == 0]
    offences = [probe.start_ns for probe in drill.probes if probe.name in (KEY_BAN, ACCOUNT_BAN)]
    assert sorted(own.tolist()) == sorted([*plain.arrival_ns.tolist(), *offences]) and len(own) < len(with_drill)


def test_incidents_that_the_scenario_has_are_not_made_up_again() -> None:
    text = TEXT + "chaos:\n  - runaway_job: {team: batch, at: 3m, for: 2m, rate: 300/min}\n"
    given = loaded(text).scenario
    made = situations(given, (), expected_by_team(given, {}), ["batch"])
    assert [one.name for one in made] == [AS_IT_IS, "drill of batch", CALM]
    assert RUNAWAY not in [probe.name for probe in made[1].probes]
    assert (made[2].weight, made[2].scenario.chaos) == (0.0, ()) and len(made[0].scenario.chaos) == 1


# Names and warnings


def test_names_of_keys_and_variables_are_different_and_plain() -> None:
    found = key_names(["Checkout EU", "checkout-eu", "Größe", "$$"], {"claude-sonnet-4-5"})
    assert [one.name for one in found.values()] == ["checkout-eu", "checkout-eu-2", "gr-e", "project"]
    assert found["Checkout EU"].env == "ANTHROPIC_API_KEY__CHECKOUT_EU"
    assert len({one.env for one in found.values()}) == 4
    assert variable(["gpt-4.1"]) == "OPENAI_API_KEY" and variable(["gpt-4.1", "claude-opus-5"]) == "LLM_API_KEY"


def test_every_warning_has_a_rung_a_source_and_a_figure_that_exists() -> None:
    for name, one in unfixed().items():
        assert one.rungs and set(one.rungs) <= set(RUNGS), name
        assert one.source and one.date and one.says.endswith("."), name
        assert not one.shown or one.shown in _SHOWN, name
    assert {one.shown for one in unfixed().values() if one.shown} == set(_SHOWN)
    assert all(any(rung in one.rungs for one in unfixed().values()) for rung in RUNGS)
