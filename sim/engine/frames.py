"""One run, or a block of a stream, as the two tables: numbers → data frames with names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.engine.tables import LOG, RunResult
from sim.results.columns import ATTEMPTS, ORIGINS, OUTCOMES, REQUESTS, Column

if TYPE_CHECKING:
    import pandas as pd


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
    keys: Sequence[int]
    """For each key of the configuration, its place in :attr:`Names.keys`."""
    refuser: Sequence[int]
    """For each refuser's code, its place in :attr:`Names.refusers`."""


def _frame(columns: Sequence[Column], values: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    made: dict[str, Any] = {}
    for column in columns:
        value = values[column.name]
        if column.type == "category":
            codes, names = value
            made[column.name] = pd.Categorical.from_codes(codes, dtype=_categories(names))
        else:
            made[column.name] = np.asarray(value).astype(column.type)
    return pd.DataFrame(made)


@cache
def _categories(names: tuple[str, ...]) -> Any:
    """The type of a column of these names: all runs of a study have the same."""
    import pandas as pd

    return pd.CategoricalDtype(pd.Index(names, dtype=str))


def _refusers(codes: Any, labels: Labels, names: Names) -> tuple[Any, tuple[str, ...]]:
    """Codes with -1 for nothing → places in the study's names, of which 0 is nothing."""
    places = np.concatenate(([0], np.asarray(labels.refuser, np.int64)))
    return places[codes + 1], names.refusers


def request_frame(result: RunResult, labels: Labels, names: Names) -> pd.DataFrame:
    """The ``requests`` table of one run, or of a block of it."""
    count = len(result.number)
    constant = np.full(count, names.configurations.index(labels.configuration))
    return _frame(REQUESTS, {
        "configuration": (constant, names.configurations),
        "replication": np.full(count, labels.replication),
        "request": result.number,
        "team": (result.team, names.teams),
        "key": (np.asarray(labels.keys)[result.key], names.keys),
        "model": (result.model, names.models),
        "origin": (result.origin, ORIGINS),
        "arrival_ns": result.arrival,
        "finish_ns": result.finish,
        "outcome": (result.outcome, OUTCOMES),
        "status": result.status,
        "attempts": result.attempts,
        "last_model": (result.last_model, names.models),
        "input_tokens": result.uncached + result.cached,
        "cached_tokens": result.cached,
        "output_tokens": result.output,
        "cost_microusd": result.cost,
        "wasted_microusd": result.wasted,
        "throttle_wait_ns": result.throttle,
        "client_wait_ns": result.held,
        "refused_by": _refusers(result.refused_by, labels, names),
    })  # fmt: skip


def attempt_frame(result: RunResult, labels: Labels, names: Names) -> pd.DataFrame:
    """The ``attempts`` table of the same."""
    log = dict(zip(LOG, result.log.T, strict=True))
    configuration = names.configurations.index(labels.configuration)
    return _frame(ATTEMPTS, {
        "configuration": (np.full(len(result.log), configuration), names.configurations),
        "replication": np.full(len(result.log), labels.replication),
        "request": log["request"],
        "attempt": log["attempt"],
        "team": (log["team"], names.teams),
        "key": (np.asarray(labels.keys)[log["key"]], names.keys),
        "model": (log["model"], names.models),
        "at_ns": log["at"],
        "end_ns": log["end"],
        "status": log["status"],
        "refused_by": _refusers(log["refused_by"], labels, names),
        "retry_after_ns": log["retry_after"],
        "input_tokens": log["uncached"],
        "output_tokens": log["output"],
        "cost_microusd": log["cost"],
    })  # fmt: skip
