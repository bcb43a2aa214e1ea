"""What a configuration can let through in all, so that no comparison hides a larger side."""

from __future__ import annotations

from collections.abc import Sequence

from sim.scenario.keys import DIMENSIONS, Limits
from sim.scenario.limit_rows import IN_FLIGHT
from sim.scenario.topology import Node, Topology
from sim.units import MICRO, MINUTE, MONTH

Amounts = dict[str, float]


def _own(limits: Sequence[Limits]) -> Amounts:
    """The tightest of a level's own limits in each dimension; limits of some models carry their names."""
    found: Amounts = {}
    for one in limits:
        tail = "" if one.models is None else f" ({'+'.join(one.models)})"
        for name, amount in _amounts(one).items():
            found[name + tail] = min(amount, found.get(name + tail, amount))
    return found


def _amounts(limits: Limits) -> Amounts:
    found: Amounts = {}
    for name in DIMENSIONS:
        limit = getattr(limits, name)
        if limit is not None:
            found[f"{name}_per_min"] = float(limit.rate.count * MINUTE / limit.rate.period_ns)
    if limits.requests is not None and limits.algorithm == "token_bucket":
        burst = limits.burst or limits.requests.burst or int(limits.requests.rate.count)
        found["burst"] = float(burst)
    if limits.concurrency is not None:
        found[IN_FLIGHT] = float(limits.concurrency)
    return found


def _caps(node: Node) -> Amounts:
    """The tightest of a level's own caps, by the month; caps of some models carry their names."""
    found: Amounts = {}
    for cap in node.spend_caps:
        name = "spend_cap_usd_per_month" + ("" if cap.models is None else f" ({'+'.join(cap.models)})")
        amount = cap.amount.micro_usd / MICRO * MONTH / cap.amount.period_ns
        found[name] = min(amount, found.get(name, amount))
    return found


def _tightest(first: Amounts, second: Amounts) -> Amounts:
    both = first.keys() & second.keys()
    return {**first, **second, **{name: min(first[name], second[name]) for name in both}}


def _sum(parts: Sequence[Amounts]) -> Amounts:
    """The sum of the parts in each dimension that all of them limit; one free part frees the sum."""
    shared = set.intersection(*(set(part) for part in parts))
    return {name: sum(part[name] for part in parts) for name in parts[0] if name in shared}


def _of(node: Node) -> Amounts:
    own = {**_own(node.limits), **_caps(node)}
    return _tightest(own, _sum([_of(child) for child in node.children])) if node.children else own


def capacity(topology: Topology) -> dict[str, float]:
    """The total: at each level the tighter of its own limits and the sum of what is below it.

    Rates a minute, burst of requests, concurrency and monthly spend; a dimension that nothing
    limits is absent. Fixed and sliding windows have no burst of their own.
    """
    total = _sum([_of(account) for account in topology.accounts])
    return {name: round(total[name], 6) for name in sorted(total)}
