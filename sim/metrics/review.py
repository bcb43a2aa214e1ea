"""Refused content that people look at: how much, by whom sent, how long it waits, how long the queue grows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.chaos.policy_violations import PolicyViolations
from sim.metrics.context import Context
from sim.metrics.series import interval_ns
from sim.metrics.stats import interval
from sim.metrics.tables import F64, I64, Attempts, Bool, Requests
from sim.units import SECOND

if TYPE_CHECKING:
    from sim.scenario.schema import Scenario

RULE = """\
## Review of refused content

Where `policy_violations` have a `review`, each request that was refused for its content is looked at
once, from its first refusal on, whoever of the team sent it; what strangers send with a leaked key is
not. Of several faults that send one category the first with a review has it. Reviewers work round the
clock, take items in the order of refusal and need `each` for one (a queue G/D/c). Items, waits and the
longest queue are of requests that start after the warm-up, items before them wait in the same queue.
`busy_share` is the reviewers' working time in the measured part, `open_at_end` what is not finished
when the duration is over.
"""
PREFIX = "policy:"


@dataclass(frozen=True)
class Desk:
    """The reviewers of one fault: how many, how long they need for an item, and which categories they look at."""

    label: str
    reviewers: int
    each_ns: int
    categories: tuple[str, ...]


@dataclass(frozen=True)
class Items:
    """What goes to one desk, ``(n,)`` each, in no order: replication, team, category and time of the refusal."""

    replication: I64
    team: I64
    category: I64
    at: I64
    counted: Bool


def desks(scenario: Scenario) -> tuple[Desk, ...]:
    """The desks of a scenario; a category goes to the first that takes it."""
    found, taken = [], set[str]()
    for entry in scenario.chaos:
        fault = entry.fault
        if isinstance(fault, PolicyViolations) and fault.review is not None:
            own = tuple(name for name in fault.shares if name not in taken)
            taken |= set(own)
            found.append(Desk(fault.summary, fault.review.reviewers, fault.review.each, own))
    return tuple(found)


def begins(arrivals: I64, reviewers: int, each_ns: int) -> I64:
    """When each item is taken up, ns ``(n,)``, by ``reviewers`` in parallel; ``arrivals`` are in order.

    All items take equally long, so they are finished in order and the reviewers take them in turn:
    item i begins when it is there and item i - reviewers is done.
    """
    found = np.empty_like(arrivals)
    for turn in range(reviewers):
        own = arrivals[turn::reviewers]
        done = each_ns * np.arange(len(own), dtype=np.int64)
        found[turn::reviewers] = np.maximum.accumulate(own - done) + done
    return found


def waiting(arrivals: I64, taken: I64, times: I64) -> I64:
    """How many wait at each of ``times``: arrived by then, and not taken up; both in order."""
    found: I64 = np.searchsorted(arrivals, times, "right") - np.searchsorted(taken, times, "right")
    return found


def items_of(requests: Requests, attempts: Attempts, desk: Desk) -> Items:
    """The first refusal of each request for content that a desk looks at."""
    place = {f"{PREFIX}{name}": at for at, name in enumerate(desk.categories)}
    # No refuser has code -1, which picks the last entry.
    category = np.array([*(place.get(name, -1) for name in attempts.refusers), -1], np.int64)[attempts.refused]
    own = (category >= 0) & ~requests.foreign[attempts.row]
    rows = np.flatnonzero(own)
    rows = rows[np.argsort(attempts.at[rows], kind="stable")]
    _, first = np.unique(attempts.row[rows], return_index=True)
    kept = rows[first]
    return Items(
        attempts.replication[kept], attempts.team[kept], category[kept], attempts.at[kept], attempts.counted[kept]
    )


def reviews(requests: Requests, attempts: Attempts | None, context: Context) -> list[dict[str, Any]] | None:
    """What ``summary.json`` says of each desk of a scenario; None without desks or without attempts."""
    found = desks(context.scenario)
    if not found or attempts is None:
        return None
    return [_told(desk, items_of(requests, attempts, desk), context) for desk in found]


def _told(desk: Desk, items: Items, context: Context) -> dict[str, Any]:
    step = interval_ns(context)
    times = np.arange(step, context.end_ns + step, step, dtype=np.int64)
    runs = [_run(desk, items, run, times, context) for run in range(context.replications)]
    numbers = {name: interval(np.array([one[name] for one, _ in runs])).json() for name in runs[0][0]}
    counts = [(items.replication[items.counted], part[items.counted]) for part in (items.team, items.category)]
    teams, categories = (
        _each(replication, part, names, context)
        for (replication, part), names in zip(counts, (context.teams, desk.categories), strict=True)
    )
    return {
        "label": desk.label, "reviewers": desk.reviewers, "each_s": desk.each_ns / SECOND, **numbers,
        "teams": teams, "categories": categories,
        "backlog": {"end_s": times / SECOND, "waiting": np.mean([line for _, line in runs], axis=0)},
    }  # fmt: skip


def _each(replication: I64, part: I64, names: tuple[str, ...], context: Context) -> dict[str, Any]:
    """Items of each team or category, a mean over replications each."""
    cells = np.bincount(replication * len(names) + part, minlength=context.replications * len(names))
    counts = cells.reshape(context.replications, len(names)).astype(np.float64)
    return {name: interval(counts[:, at]).json() for at, name in enumerate(names)}


def _run(desk: Desk, items: Items, run: int, times: I64, context: Context) -> tuple[Mapping[str, float], F64]:
    """One replication: its numbers, and how many wait at each of ``times``."""
    mine = np.flatnonzero(items.replication == run)
    mine = mine[np.argsort(items.at[mine], kind="stable")]
    arrivals, counted = items.at[mine], items.counted[mine]
    taken = begins(arrivals, desk.reviewers, desk.each_ns)
    wait = (taken - arrivals)[counted] / SECOND
    queue = waiting(arrivals, taken, arrivals)[counted]
    return dict(_numbers(desk, wait, queue, taken, counted, context)), waiting(arrivals, taken, times).astype(float)


def _numbers(
    desk: Desk, wait: F64, queue: I64, taken: I64, counted: Bool, context: Context
) -> Iterator[tuple[str, float]]:
    start, end = context.scenario.warmup, context.scenario.duration
    worked = np.clip(taken + desk.each_ns, start, end) - np.clip(taken, start, end)
    some = len(wait) > 0
    yield "items", float(len(wait))
    yield "wait_mean_s", float(wait.mean()) if some else np.nan
    yield "wait_p95_s", float(np.quantile(wait, 0.95)) if some else np.nan
    yield "wait_longest_s", float(wait.max()) if some else np.nan
    yield "longest_queue", float(queue.max(initial=0))
    yield "busy_share", float(worked.sum() / (desk.reviewers * (end - start)))
    yield "open_at_end", float(np.sum(counted & (taken + desk.each_ns > end)))
