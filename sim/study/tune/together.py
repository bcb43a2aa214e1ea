"""Everybody together: each project's limits, the account above them, all traffic and all faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.metrics.compute import Values
from sim.metrics.context import Context
from sim.metrics.slo import verdicts
from sim.metrics.stats import paired
from sim.scenario.schema import Scenario
from sim.study.tune.details import shown
from sim.study.tune.goals import Objective, Reading
from sim.study.tune.lab import reading


@dataclass(frozen=True)
class One:
    """One replication of one arrangement: metrics ``(1, teams + 1)``, and what refused beside the tuned limits."""

    values: Values
    refused: Mapping[str, float]
    digest: str


@dataclass(frozen=True)
class Joint:
    """The metrics of one arrangement with everybody in it, ``(replications, teams + 1)`` each."""

    context: Context
    values: Values
    refused: Mapping[str, float]
    """Share of all attempts that each of the accounts' own limits refused, and each model for want of a slot."""
    digests: tuple[str, ...]

    def verdicts(self) -> list[dict[str, Any]]:
        """Every objective as in the summary of a comparison, but for the name of the configuration."""
        found = verdicts(self.context, {"": self.values})
        return [{key: value for key, value in one.items() if key != "configuration"} for one in found]

    def reading(self, objective: Objective) -> Reading:
        """What an objective of a team is judged by."""
        return reading(self.values, objective, self.context.teams)

    def told(self, names: Sequence[str]) -> dict[str, Any]:
        """The metrics that are told of each of ``names`` (teams)."""
        return shown(self.values, self.context.teams, names)


def joined(scenario: Scenario, parts: Sequence[One]) -> Joint:
    """One arrangement from its replications, in order. ``scenario`` has the objectives that are judged."""
    runs = scenario.model_copy(update={"replications": len(parts)})
    values = {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values}
    refused = {name: float(np.mean([part.refused[name] for part in parts])) for name in parts[0].refused}
    return Joint(Context(runs, "", "", {}, 0, 0, ""), values, refused, tuple(part.digest for part in parts))


def difference(before: Joint, after: Joint, metric: str, team: str) -> dict[str, Any]:
    """``after`` minus ``before`` in one metric of a team, replication by replication: the same draws."""
    column = before.context.teams.index(team)
    return paired(before.values[metric][:, [column]], after.values[metric][:, [column]]).json(0)
