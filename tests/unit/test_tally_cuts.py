"""Where a fault cuts limits, what is tallied says what the rows say: a cut's refusals are the limit's own."""

from __future__ import annotations

from typing import Any

import pytest

from sim.engine.stream import Nowhere, StreamRun
from sim.engine.tables import LOG
from sim.engine.tally_tables import fresh_tallies
from sim.results.tallies import REFUSALS
from sim.scenario.plan import build_plan
from sim.scenario.schema import Scenario
from tests.agreement.generated import random_timeline
from tests.unit.tally_runs import arrays_of, both, run_tallied, settings_of
from tests.unit.test_tally import assert_same

CUT = {"at": "20s", "for": "40s"}
LIMITS: tuple[dict[str, Any], ...] = (
    {"requests": "2/s", "burst": 4},
    {"requests": "90/min", "algorithm": "fixed_window"},
    {"requests": "90/min", "algorithm": "sliding_window", "charge_rejected": True},
    {"input_tokens": "80k/min", "output_tokens": "9k/min", "charge_output": "reserved"},
    {"tokens": "90k/min", "count_cached_input": True},
    {"concurrency": 4},
)


def cut_scenario(limits: dict[str, Any]) -> Scenario:
    """Two teams that want more than a limit lets pass, and a limit that is cut twice."""
    work = {"model": "gpt-4.1", "input_tokens": {"median": 600, "p95": 1500}, "output_tokens": 90, "max_tokens": 300}
    teams = {
        name: {"workload": {"arrivals": {"poisson": {"rate": rate}}, **work}, "client": {"retry": "openai-sdk"}}
        for name, rate in (("a", "2/s"), ("b", "1/s"))
    }
    return Scenario.model_validate({
        "name": "cut", "duration": "90s", "drain": "1m", "seed": 9, "teams": teams,
        "configurations": {"shared": {"isolation": "shared", "limits": limits},
                           "projects": {"isolation": "projects", "limits": limits}},
        "chaos": [{"limits_cut": {**CUT, "to": "50%"}},
                  {"limits_cut": {"at": "35s", "for": "40s", "to": "20%", "project": "a"}}],
    })  # fmt: skip


def refusals_of_cuts(scenario: Scenario) -> int:
    """How many attempts rows beside the limits of a scenario refuse."""
    plan, seen = build_plan(scenario, 0, {}), 0
    for setting in settings_of(scenario):
        result, _ = run_tallied(scenario, setting, plan)
        by = result.log[:, LOG.index("refused_by")]
        seen += int(((by >= len(setting.rows.limits)) & (by < len(setting.rows.all_limits))).sum())
    return seen


@pytest.mark.parametrize("limits", LIMITS, ids=lambda one: "+".join(one))
def test_cut_limits_are_measured_alike(limits: dict[str, Any]) -> None:
    scenario = cut_scenario(limits)
    assert refusals_of_cuts(scenario) > 20, "a cut must refuse, or it shows nothing"
    assert_same(both(scenario, 2))


def test_timelines_with_cuts_are_measured_alike() -> None:
    numbers = [at for at in range(60) if any(one.kind == "limits_cut" for one in random_timeline(at).chaos)][:8]
    assert sum(map(refusals_of_cuts, map(random_timeline, numbers))) > 50
    for number in numbers:
        assert_same(both(random_timeline(number), 1))


def test_the_compiled_loop_folds_a_cut_into_its_limit_too() -> None:
    scenario = cut_scenario(LIMITS[0])
    plan = build_plan(scenario, 0, {})
    for setting in settings_of(scenario):
        _, wanted = run_tallied(scenario, setting, plan)
        tallies = fresh_tallies(scenario, setting)
        run = StreamRun(setting, plan.duration_ns, plan.horizon_ns, 0, tallies)
        run.feed(plan, plan.duration_ns, Nowhere())
        run.end(Nowhere())
        for name, value in arrays_of(wanted).items():
            assert (arrays_of(tallies)[name] == value).all(), name
        assert len(tallies.limits) == len(setting.rows.limits), "a cut has no refusals of its own"
        assert all(tallies.limits[row.cut_of, REFUSALS] > 0 for row in setting.rows.cuts)
