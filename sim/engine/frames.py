"""One run as the two tables: a plan and what became of it → data frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.results.columns import ATTEMPTS, ORIGINS, OUTCOMES, REQUESTS, Column

if TYPE_CHECKING:
    import pandas as pd

    from sim.engine.tables import RunResult
    from sim.scenario.plan import Plan


@dataclass(frozen=True)
class Names:
    """The categories of a study: every name that a column may hold, the same in every run.

    ``refusers`` begins with the empty name: refused by nothing.
    """

    configurations: tuple[str, ...]
    teams: tuple[str, ...]
    keys: tuple[str, ...]
    models: tuple[str, ...]
    refusers: tuple[str, ...]


@dataclass(frozen=True)
class Labels:
    """How one configuration's numbers map into the study's names."""

    configuration: str
    replication: int
    key_of_team: Sequence[int]
    """For each team of the plan, its key's place in :attr:`Names.keys`."""
    refuser: Sequence[int]
    """For each refuser's code, its place in :attr:`Names.refusers`."""


def _frame(columns: Sequence[Column], values: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    made: dict[str, Any] = {}
    for column in columns:
        value = values[column.name]
        if column.type == "category":
            codes, names = value
            made[column.name] = pd.Categorical.from_codes(codes, pd.Index(names, dtype=str))
        else:
            made[column.name] = np.asarray(value).astype(column.type)
    return pd.DataFrame(made)


def _refusers(codes: Any, labels: Labels, names: Names) -> tuple[Any, tuple[str, ...]]:
    """Codes with -1 for nothing → places in the study's names, of which 0 is nothing."""
    places = np.concatenate(([0], np.asarray(labels.refuser, np.int64)))
    return places[codes + 1], names.refusers


def request_frame(plan: Plan, result: RunResult, labels: Labels, names: Names) -> pd.DataFrame:
    """The ``requests`` table of one run."""
    count = len(plan)
    constant = np.full(count, names.configurations.index(labels.configuration))
    keys = np.asarray(labels.key_of_team)[plan.team]
    return _frame(REQUESTS, {
        "configuration": (constant, names.configurations),
        "replication": np.full(count, labels.replication),
        "request": np.arange(count),
        "team": (plan.team, names.teams),
        "key": (keys, names.keys),
        "model": (plan.model, names.models),
        "origin": (plan.origin, ORIGINS),
        "arrival_ns": result.arrival,
        "finish_ns": result.finish,
        "outcome": (result.outcome, OUTCOMES),
        "status": result.status,
        "attempts": result.attempts,
        "input_tokens": plan.input_tokens,
        "cached_tokens": plan.cached_tokens,
        "output_tokens": plan.output_tokens,
        "cost_microusd": result.cost,
        "wasted_microusd": result.wasted,
        "throttle_wait_ns": result.throttle,
        "refused_by": _refusers(result.refused_by, labels, names),
    })  # fmt: skip


def attempt_frame(plan: Plan, result: RunResult, labels: Labels, names: Names) -> pd.DataFrame:
    """The ``attempts`` table of one run, sorted by (request, attempt)."""
    request, attempt, at, end, status, refused_by, retry_after, output, cost = result.log.T
    team = plan.team[request]
    configuration = names.configurations.index(labels.configuration)
    return _frame(ATTEMPTS, {
        "configuration": (np.full(len(request), configuration), names.configurations),
        "replication": np.full(len(request), labels.replication),
        "request": request,
        "attempt": attempt,
        "team": (team, names.teams),
        "key": (np.asarray(labels.key_of_team)[team], names.keys),
        "model": (plan.model[request], names.models),
        "at_ns": at,
        "end_ns": end,
        "status": status,
        "refused_by": _refusers(refused_by, labels, names),
        "retry_after_ns": retry_after,
        "input_tokens": (plan.input_tokens - plan.cached_tokens)[request],
        "output_tokens": output,
        "cost_microusd": cost,
    })  # fmt: skip
