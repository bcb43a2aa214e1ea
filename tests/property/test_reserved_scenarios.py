"""Over whole random scenarios: a cap that reserves is never passed, in any window, whatever happens around it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from pydantic import TypeAdapter

from sim.engine.run import run_world
from sim.engine.tables import LOG
from sim.engine.world import build_setting, build_world
from sim.scenario.keys import Configuration
from sim.scenario.plan import build_plan, expected_by_team, model_names
from sim.scenario.schema import Scenario
from sim.scenario.topology import build_topology
from tests.agreement.generated import MODELS, random_scenario

SCENARIOS = 60
ARRANGEMENTS: TypeAdapter[Any] = TypeAdapter(dict[str, Configuration])


def cap(r: random.Random, mode: str) -> dict[str, Any]:
    """Small enough to be reached within 90 seconds of traffic; now and then of some models only."""
    amount = r.choice(["$0.04/hour", "$0.1/hour", "$0.2/day"])
    return {"amount": amount, "mode": mode} | ({"models": r.sample(MODELS, 2)} if r.random() < 0.3 else {})


def capped(number: int, mode: str) -> Scenario:
    """Random scenario ``number`` with a cap of this mode at every level that has room for one."""
    r = random.Random(f"reserved {number}")
    scenario = random_scenario(number)
    data = {name: one.model_dump(mode="json", by_alias=True, exclude_none=True)
            for name, one in scenario.configurations.items()}  # fmt: skip
    data["ladder"]["spend_cap"] = cap(r, mode)
    if data["ladder"]["isolation"] in ("projects", "gateway", "accounts"):
        data["ladder"]["project_spend_cap"] = cap(r, mode)
    account = data["spelled"]["accounts"]["main"]
    for level in (account, *account["projects"].values()):
        level["spend_cap"] = [cap(r, mode)]
        for key in (level.get("keys") or {}).values():
            key["spend_cap"] = []
    return scenario.model_copy(update={"configurations": ARRANGEMENTS.validate_python(data)})


def passed_and_refused(number: int, mode: str) -> tuple[int, int]:
    """Micro-dollars by which the windows of all caps were passed, and attempts that caps refused."""
    scenario = capped(number, mode)
    plan = build_plan(scenario, 0, {})
    over = refused = 0
    for name, configuration in scenario.configurations.items():
        topology = build_topology(name, configuration, expected_by_team(scenario, {}))
        setting = build_setting(scenario, topology, tuple(sorted(scenario.teams)), model_names(scenario))
        log = [
            dict(zip(LOG, line, strict=True)) for line in run_world("compiled", build_world(setting, plan)).log.tolist()
        ]
        for row in setting.rows.caps:
            code = setting.refusers.index(f"budget:{row.name}")
            refused += sum(line["refused_by"] == code for line in log)
            spent: dict[int, int] = {}
            for line in log:
                team, model = setting.teams[line["team"]], setting.models[line["model"]]
                if team in row.teams and line["end"] >= 0 and (row.cap.models is None or model in row.cap.models):
                    window = line["end"] // row.cap.amount.period_ns
                    spent[window] = spent.get(window, 0) + line["cost"]
            over += sum(max(0, one - row.cap.amount.micro_usd) for one in spent.values())
    return over, refused


@pytest.mark.parametrize("number", range(SCENARIOS))
def test_a_cap_that_reserves_is_never_passed(number: int) -> None:
    assert passed_and_refused(number, "reserve")[0] == 0


def test_these_scenarios_do_reach_their_caps() -> None:
    """Booked afterwards, the same caps are passed in many of them: the test above is no walk in the park."""
    found = [passed_and_refused(number, "postpaid") for number in range(SCENARIOS)]
    assert sum(over > 0 for over, _ in found) > SCENARIOS / 3
    assert sum(refused > 0 for _, refused in found) > SCENARIOS / 3
