"""Incidents: from a rate to timelines of faults, and every mistake in the sections for ``keystorm cost``."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from sim.chaos.catalogue import FaultEntry
from sim.chaos.incidents import INCIDENTS, Incident, IncidentEntry, Occurrence, Rates, faults, occurrences, specimen
from sim.scenario.loader import load_text
from sim.scenario.plan import Plan, build_plan
from sim.scenario.schema import Scenario
from sim.units import DAY, HOUR, MINUTE, MONTH
from tests.unit.bad_incidents import CASES, GOOD
from tests.unit.bad_scenarios import Bad
from tests.unit.test_bad_scenarios import line_of, problems


def entry(kind: str, **said: object) -> IncidentEntry:
    return IncidentEntry.model_validate({kind: {"per_month": 2, **said}})


STORM = entry("storm", **{"for": {"median": "10m", "p95": "1h"}})
LOOP = entry("runaway_job", **{"team": ["a", "b", "c"], "for": "2h", "rate": {"median": "60/min", "p95": "240/min"}})


def drawn(one: IncidentEntry, months: int, rate: float = 2.0, length: float = 1.0) -> list[list[Occurrence]]:
    return [list(occurrences(one, Rates(rate, length), 7, month, MONTH)) for month in range(months)]


def test_the_table_starts_from_a_good_scenario(tmp_path: Path) -> None:
    loaded = load_text(GOOD, tmp_path / "good.yaml")
    assert [one.title for one in loaded.scenario.incidents] == ["runaway_job", "overload"]
    assert any("keystorm cost only" in note for note in loaded.notes)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_mistake(case: Bad, tmp_path: Path) -> None:
    assert case.old in GOOD
    text = GOOD.replace(case.old, case.new, 1)
    found = problems(text, tmp_path)
    place = f"bad.yaml:{line_of(text, case.marker)}"
    fitting = [problem for problem in found if case.message in problem.message and problem.place.endswith(place)]
    assert fitting, "\n".join(map(str, found))
    assert any(case.value in one.value and case.hint in one.hint for one in fitting), "\n".join(map(str, fitting))


def test_every_fault_has_its_incident() -> None:
    assert set(INCIDENTS) == set(faults()) == set(FaultEntry.model_fields)
    for name, kind in INCIDENTS.items():
        assert issubclass(kind, Incident)
        assert "at" not in kind.model_fields, name
        assert set(kind.model_fields) - set(Incident.model_fields) == set(faults()[name].model_fields) - {"at"}


def test_counts_are_poisson() -> None:
    counts = np.array([len(month) for month in drawn(STORM, 4000)])
    # Mean and variance of a Poisson count are its rate; five standard errors.
    assert abs(counts.mean() - 2) < 5 * np.sqrt(2 / 4000)
    assert abs(counts.var(ddof=1) - 2) < 5 * np.sqrt((2 + 2 * 4) / 4000)


def test_times_are_uniform_and_durations_lognormal() -> None:
    found = [one.fault for month in drawn(STORM, 3000) for one in month]
    at = np.array([fault.at for fault in found]) / MONTH
    assert abs(at.mean() - 0.5) < 5 * np.sqrt(1 / 12 / len(at))
    whole = np.array([fault.for_ for fault in found if fault.at < MONTH - 5 * DAY]) / MINUTE
    assert np.quantile(whole, 0.5) == pytest.approx(10, rel=0.05)
    assert np.quantile(whole, 0.95) == pytest.approx(60, rel=0.1)


def test_teams_take_turns_and_rates_vary() -> None:
    found = [one.fault for month in drawn(LOOP, 1500) for one in month]
    teams = [getattr(fault, "team") for fault in found]  # noqa: B009
    for team in "abc":
        assert teams.count(team) / len(teams) == pytest.approx(1 / 3, abs=0.05)
    rates = np.array([getattr(fault, "rate").per_minute for fault in found])  # noqa: B009
    assert np.quantile(rates, 0.5) == pytest.approx(60, rel=0.06)
    assert np.quantile(rates, 0.95) == pytest.approx(240, rel=0.12)


def test_a_fault_ends_with_the_month() -> None:
    long = entry("storm", **{"for": "29d"})
    for month in drawn(long, 50):
        for one in month:
            start, end = one.fault.window
            assert 0 <= start < end <= MONTH


def test_length_multiplies_what_is_drawn() -> None:
    short = [one.fault for month in drawn(STORM, 40) for one in month]
    twice = [one.fault for month in drawn(STORM, 40, length=2.0) for one in month]
    assert [one.at for one in short] == [one.at for one in twice]
    whole = [(a.for_, b.for_) for a, b in zip(short, twice, strict=True) if a.at < MONTH - 20 * DAY]
    assert all(b == pytest.approx(2 * a) for a, b in whole)


def test_a_lower_rate_keeps_some_of_the_same() -> None:
    ranged = entry("storm", **{"for": "10m", "per_month": {"low": 1, "mode": 2, "high": 4}})
    few, many = drawn(ranged, 300, 1.0), drawn(ranged, 300, 4.0)
    for less, more in zip(few, many, strict=True):
        assert {one.stream(0): one.fault for one in less}.items() <= {one.stream(0): one.fault for one in more}.items()
    assert sum(map(len, many)) == pytest.approx(1200, rel=0.1)
    assert sum(map(len, few)) == pytest.approx(300, rel=0.2)


def test_the_same_month_is_drawn_twice_and_another_one_differs() -> None:
    first, second = drawn(LOOP, 2), drawn(LOOP, 2)
    assert [[one.fault for one in month] for month in first] == [[one.fault for one in month] for month in second]
    assert first[0] != first[1]


def test_an_occurrence_travels() -> None:
    (month, *_) = (month for month in drawn(LOOP, 20) if month)
    copy = pickle.loads(pickle.dumps(month[0]))
    assert (copy.fault, copy.title, copy.stream(9)) == (month[0].fault, "runaway_job", month[0].stream(3))


def _scenario(chaos: tuple[FaultEntry, ...]) -> Scenario:
    work = {
        "arrivals": {"poisson": {"rate": "6/h"}},
        "model": "gpt-4.1",
        "input_tokens": {"median": 90, "p95": 900},
        "output_tokens": 9,
    }
    base = Scenario.model_validate(
        {
            "name": "one",
            "duration": "2d",
            "teams": {name: {"workload": work} for name in "abc"},
            "configurations": {"shared": {"isolation": "shared"}},
        }
    )
    return base.model_copy(update={"chaos": chaos})  # fmt: skip


def test_an_incident_sends_the_same_whatever_else_happens() -> None:
    loops = tuple(
        Occurrence.of("runaway_job", {"team": "a", "rate": "6/min", "at": f"{at}h", "for": "1h"}, "loop", at)
        for at in (3, 9)
    )
    alone = build_plan(_scenario(loops[1:]), 0, {})
    both = build_plan(_scenario(loops), 0, {})
    first, second = (_sent(plan) for plan in (alone, both))
    assert len(first) > 200
    assert first < second


def _sent(plan: Plan) -> set[tuple[int, int, int]]:
    """When, with which luck and how large is what faults send."""
    columns = (plan.arrival_ns, plan.draw_key, plan.input_tokens, plan.origin)
    return {row[:3] for row in zip(*(column.tolist() for column in columns), strict=True) if row[3]}


def test_a_specimen_is_at_its_medians() -> None:
    fault = specimen(LOOP, MONTH).fault
    assert (fault.at, fault.for_) == (0, 2 * HOUR)
