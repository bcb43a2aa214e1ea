"""What faults did to whom: refusals by cause, how many teams and services they reached, what strangers spent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sim.metrics.compute import ratio
from sim.metrics.context import Context
from sim.metrics.stats import interval
from sim.metrics.tables import F64, Attempts, Bool, Requests, picked
from sim.results.columns import STATUS_CONNECTION, STATUS_OK, SUCCEEDED
from sim.units import MICRO, MINUTE

RULE = """\
## Incidents

Refusals by cause (the first word of `refused_by`): `ban` (403), `credential` (401, a key that is revoked,
expired or does not work yet), `policy` (400, content), `connection` (no status), `budget`, `storm`. All
counts are of the measured part, per replication.

- *attempts*: refused for this cause. *lost*: own requests that met the cause and did not succeed.
- *teams hit*, *services hit*: teams that lost at least one request so, and the services behind them.
- *outage*: minutes between refusals of the cause with no answer in between, of the team for which they sum to
  most; 0 where nobody was refused.
- *unit cost*: what an answered request cost that started before the first price change, and after the last.
- *foreign* and *fault*: requests that strangers sent with a leaked key, or a fault sent in a team's name, how
  many were answered, and what they cost.
"""
CAUSES = ("ban", "credential", "policy", "connection", "budget", "storm")


def incidents(requests: Requests, attempts: Attempts | None, context: Context) -> dict[str, Any]:
    """The entry ``incidents`` of one configuration; causes and origins that never occur are absent."""
    found: dict[str, Any] = {
        name: _sent(requests, mask)
        for name, mask in (("foreign", requests.foreign), ("fault", ~requests.own & ~requests.foreign))
        if np.any(mask & requests.counted)
    }
    changes = [window.start_ns for window in context.chaos if window.kind == "price_change"]
    if changes:
        found["unit_cost_usd"] = _unit_costs(requests, min(changes), max(changes), context)
    if attempts is not None:
        causes = {cause: _refused(requests, attempts, cause, context) for cause in CAUSES}
        found["causes"] = {cause: entry for cause, entry in causes.items() if entry is not None}
    return found


def _sent(requests: Requests, mask: Bool) -> dict[str, Any]:
    counted = mask & requests.counted
    grids = {
        "requests": requests.per_cell(counted),
        "answered": requests.per_cell(counted & requests.succeeded),
        "cost_usd": requests.per_cell(counted, requests.cost) / MICRO,
    }
    return {name: interval(grid).json(-1) for name, grid in grids.items()}


def _unit_costs(requests: Requests, first: int, last: int, context: Context) -> dict[str, Any]:
    """Dollars an answered own request that started before ``first`` and from ``last`` on, and their difference."""
    good = requests.succeeded & requests.own
    sides = []
    for side in (requests.arrival < first, requests.arrival >= last):
        count = requests.per_cell(good & side)
        sides.append(ratio(requests.per_cell(good & side, requests.cost) / MICRO, count))
    before, after, change = interval(sides[0]), interval(sides[1]), interval(ratio(sides[1], sides[0]) - 1)
    names = {"before": before, "after": after, "change_share": change}
    return {
        **{name: part.json(-1) for name, part in names.items()},
        "teams": {team: {name: part.json(at) for name, part in names.items()} for at, team in enumerate(context.teams)},
    }


def _cause(attempts: Attempts, cause: str) -> Bool:
    """Which counted attempts were refused for this cause."""
    named = np.array([name.split(":")[0] == cause for name in attempts.refusers] + [False])
    hit = picked(named, attempts.refused)
    if cause == "connection":
        hit = hit | (attempts.status == STATUS_CONNECTION)
    return hit & attempts.counted


def _refused(requests: Requests, attempts: Attempts, cause: str, context: Context) -> dict[str, Any] | None:
    hit = _cause(attempts, cause)
    if not hit.any():
        return None
    met = np.zeros(len(requests.arrival), bool)
    met[attempts.row[hit]] = True
    lost = requests.per_cell(met & requests.own & (requests.outcome != SUCCEEDED))
    refused = requests.per_cell(met, np.bincount(attempts.row[hit], minlength=len(met)))
    reached = lost[:, :-1] > 0
    outage = _outage_min(attempts, hit, requests)
    services = reached @ np.array(context.services, np.float64)
    whole = interval(np.column_stack([refused[:, -1], lost[:, -1], reached.sum(axis=1), services, outage.max(axis=1)]))
    names = ("attempts", "lost", "teams_hit", "services_hit", "outage_min")
    parts = {"attempts": interval(refused), "lost": interval(lost), "outage_min": interval(outage)}
    return {
        **{name: whole.json(at) for at, name in enumerate(names)},
        "teams": {
            team: {name: part.json(at) for name, part in parts.items()} | {"reached_share": float(share)}
            for at, (team, share) in enumerate(zip(context.teams, reached.mean(axis=0), strict=True))
        },
    }


def _outage_min(attempts: Attempts, hit: Bool, requests: Requests) -> F64:
    """Minutes in which a team had refusals only, ``(replications, teams)``: from one to the next, answers apart."""
    told = hit | (attempts.counted & (attempts.status == STATUS_OK))
    cell, at, bad = (attempts.replication * requests.teams + attempts.team)[told], attempts.at[told], hit[told]
    order = np.lexsort((at, cell))
    cell, at, bad = cell[order], at[order], bad[order]
    out = (cell[1:] == cell[:-1]) & bad[1:] & bad[:-1]
    spans = np.bincount(cell[1:][out], (at[1:] - at[:-1])[out], minlength=requests.replications * requests.teams)
    return np.asarray(spans.reshape(requests.replications, requests.teams) / MINUTE)


def cause_of(found: Mapping[str, Any], cause: str) -> Mapping[str, Any]:
    """One cause of a configuration's ``incidents``; empty where it never occurred."""
    entry: Mapping[str, Any] = (found.get("causes") or {}).get(cause) or {}
    return entry
