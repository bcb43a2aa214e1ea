"""What a bill shows: the lines of each level, and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sim.metrics.context import Context, KeyInfo
from sim.metrics.stats import interval
from sim.metrics.tables import F64

RULE = """\
## Spend by project

All traffic of a team goes to one key, so a bill has a line for each account, each project and each
key. *Told apart* is the share of the cost (`cost_usd`) that stands on lines of a single team: what a
level of the bill can attribute. Behind a gateway the provider's own bill has the account's line
only; projects are told apart by the gateway's log.
"""
LEVELS = ("account", "project", "key")


def _line(key: KeyInfo, level: str) -> tuple[str, ...]:
    """The names of a key's line at a level, from the account down."""
    return (key.account, key.project, key.key)[: LEVELS.index(level) + 1]


def lines(keys: Sequence[KeyInfo], level: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    """The lines of a bill at a level, and the teams on each, in the order of the keys."""
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for key in keys:
        line = _line(key, level)
        found[line] = (*found.get(line, ()), *key.teams)
    return found


def spend(cost: F64, keys: Sequence[KeyInfo], context: Context) -> dict[str, Any]:
    """``by_account``, ``by_project`` and ``by_key``, and how much of it each can attribute to one team.

    ``cost`` is the metric ``cost_usd``, ``(replications, teams + 1)``.
    """
    shown: dict[str, Any] = {}
    apart: dict[str, Any] = {}
    for level in LEVELS:
        found = lines(keys, level)
        shown[f"by_{level}"] = [
            {
                **dict(zip(LEVELS, names, strict=False)),
                "teams": list(teams),
                "cost_usd": interval(_sum(cost, teams, context)).json(),
            }
            for names, teams in found.items()
        ]
        single = [team for teams in found.values() if len(teams) == 1 for team in teams]
        apart[level] = _share(_sum(cost, single, context), cost[:, -1])
    return {**shown, "told_apart": apart}


def _sum(cost: F64, teams: Sequence[str], context: Context) -> F64:
    total: F64 = cost[:, [context.teams.index(team) for team in teams]].sum(axis=1)
    return total


def _share(part: F64, whole: F64) -> float | None:
    total = float(whole.sum())
    return float(part.sum()) / total if total > 0 else None
