"""Which rows of a plan which process sends, and the fingerprint by which all know that they have the same plan.

A client that keeps state (places, a retry budget, rates, a breaker) must stand in one process, so all
rows of its team go to one. Sessions stay together, since a step starts when the one before has ended.
All other rows are dealt out in turn.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from sim.engine.world import Setting
from sim.policy.retry_budget import NO_BUDGET
from sim.policy.tables import ClientRule
from sim.scenario.plan import WORKLOAD, Plan

I64 = NDArray[np.int64]


def fingerprint(plan: Plan) -> str:
    """SHA-256 of every column of a plan."""
    found = hashlib.sha256(repr((plan.teams, plan.models, plan.duration_ns, plan.horizon_ns)).encode())
    for one in fields(plan):
        value = getattr(plan, one.name)
        if isinstance(value, np.ndarray):
            found.update(np.ascontiguousarray(value, np.int64).tobytes())
    return found.hexdigest()


def keeps_state(rule: ClientRule) -> bool:
    """Whether a client's requests must be sent by one process: they share something."""
    return rule.max_concurrent >= 0 or rule.budget != NO_BUDGET or rule.guards != 0


def first_steps(plan: Plan) -> I64:
    """For each row the first step of its session; itself for any other."""
    first = np.arange(len(plan))
    parents = np.flatnonzero(plan.child >= 0)
    for parent in parents[np.argsort(parents)]:
        first[plan.child[parent]] = first[parent]
    return first


def owners(plan: Plan, setting: Setting, workers: int) -> I64:
    """The number of the process that sends each row, ``(n,)`` from 0 to ``workers`` - 1."""
    found = np.full(len(plan), -1, np.int64)
    if workers == 1:
        return np.zeros_like(found)
    load = np.zeros(workers, np.int64)
    own = plan.origin == WORKLOAD
    bound = [team for team in range(len(plan.teams)) if keeps_state(setting.clients[team])]
    sizes = {team: int(np.count_nonzero(own & (plan.team == team))) for team in bound}
    for team in sorted(bound, key=lambda one: (-sizes[one], one)):
        place = int(np.argmin(load))
        found[own & (plan.team == team)] = place
        load[place] += sizes[team]
    _deal(plan, found, load)
    return found


def _deal(plan: Plan, found: I64, load: I64) -> None:
    """Give out what is free, session by session: to even the load first, then in turn."""
    first = first_steps(plan)
    free = found < 0
    roots, sizes = np.unique(first[free], return_counts=True)
    turn = _turns(load, sizes)
    place = np.full(len(plan), -1, np.int64)
    place[roots] = turn
    found[free] = place[first[free]]


def _turns(load: I64, sizes: I64) -> I64:
    """For each session, in their order, the process that has least to do so far."""
    if not load.any() and len(sizes) and sizes.max() == 1:
        return np.arange(len(sizes)) % len(load)
    counts, turn = load.tolist(), np.empty(len(sizes), np.int64)
    for at, size in enumerate(sizes.tolist()):
        place = min(range(len(counts)), key=lambda one: (counts[one], (one - at) % len(counts)))
        counts[place] += size
        turn[at] = place
    return turn
