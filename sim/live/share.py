"""What one process of a run reads before it sends: scenario, plan, and which rows are its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sim.engine.world import Setting, build_setting
from sim.errors import BadInput
from sim.live.order import LiveOrder
from sim.live.schedule import I64, fingerprint, owners
from sim.policy.service import KNOTS, WIDTH
from sim.scenario.loader import Loaded, load
from sim.scenario.plan import Plan, build_plan, expected_by_team, model_names
from sim.scenario.topology import build_topology


@dataclass(frozen=True)
class Share:
    """An order with its plan: the same in every process."""

    order: LiveOrder
    loaded: Loaded
    setting: Setting
    plan: Plan

    @cached_property
    def sha256(self) -> str:
        """The fingerprint of the plan, by which processes know that they have the same one."""
        return fingerprint(self.plan)

    def rows(self, number: int, workers: int) -> I64:
        """The rows of process ``number`` of ``workers``."""
        return np.flatnonzero(owners(self.plan, self.setting, workers) == number)

    def secrets(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The secret of each key, by the key's name. Raises BadInput when one is missing."""
        found = {}
        for key in self.setting.keys:
            variable = self.order.secrets.get(key)
            if variable is None or not environment.get(variable):
                place = f"key {key}"
                hint = f"set {variable}" if variable else "name the environment variable that holds it in the order"
                raise BadInput("a key has no secret", place=place, value=variable or "no variable", hint=hint)
            found[key] = environment[variable].strip()
        return found


def share_of(order: LiveOrder) -> Share:
    """Read everything that an order speaks of. Raises BadScenario and BadInput."""
    overrides = {} if order.seed is None else {"seed": order.seed}
    loaded = load(order.scenario, skip_bad_rows=order.skip_bad_rows, overrides=overrides)
    if loaded.sha256 != order.scenario_sha256:
        hint = "the file has changed since the run was ordered, or differs between machines"
        raise BadInput(
            "another scenario than the ordered one", place=order.scenario, value=loaded.sha256[:12], hint=hint
        )
    scenario = loaded.scenario
    if order.configuration not in scenario.configurations:
        names = ", ".join(scenario.configurations)
        value = repr(order.configuration)
        raise BadInput("no such configuration", place="configuration", value=value, hint=f"one of {names}")
    topology = build_topology(
        order.configuration, scenario.configurations[order.configuration], expected_by_team(scenario, loaded.traces)
    )
    setting = build_setting(scenario, topology, tuple(sorted(scenario.teams)), model_names(scenario))
    return Share(order, loaded, setting, build_plan(scenario, order.replication, loaded.traces))


def expected_in_flight(setting: Setting, plan: Plan, rows: I64) -> int:
    """Most requests under way at once if each were answered at once, after the median time of its model."""
    rows = rows[plan.arrival_ns[rows] >= 0]
    if not len(rows):
        return 0
    table = plan.model[rows] * 2 * WIDTH + KNOTS // 2
    start = plan.arrival_ns[rows]
    end = start + setting.knots[table] + setting.knots[table + WIDTH] * plan.output_tokens[rows]
    times = np.concatenate((start, end))
    change = np.repeat((1, -1), len(rows))
    order = np.lexsort((-change, times))
    return int(np.cumsum(change[order]).max())
