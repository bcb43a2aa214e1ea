"""In which order projects leave the shared key: the one that lowers risk fastest. Pure.

A *state* is the set of projects that have moved; its risk is a number that somebody else works out. All
steps last equally long, so what an order costs is the mean risk from the first state to the last but
one (:func:`exposure`): every order starts and ends alike. Few projects are ordered exactly, over all
sets of them; more are ordered greedily, each step the move after which least risk is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from math import inf

State = frozenset[str]
Risks = Callable[[Sequence[State]], list[float]]
"""The risk of each of some states; asked for many at a time, so that they can be worked out together."""

EXACT = 5
"""Projects up to which every set of them is looked at (32 sets)."""
FULL = 10
"""Projects up to which a greedy step looks at every move; beyond, at the most promising (:func:`_lazy`)."""
BATCH = 6
"""Moves that are looked at again at a time where there are many."""
EQUAL = 1e-12

NOTHING: State = frozenset()


def states_of(order: Sequence[Sequence[str]]) -> list[State]:
    """The state before the first wave and after each."""
    found = [NOTHING]
    for wave in order:
        found.append(found[-1] | frozenset(wave))
    return found


def exposure(order: Sequence[Sequence[str]], risks: Risks) -> float:
    """The mean risk while the waves of ``order`` happen: of the states before each."""
    before = states_of(order)[:-1]
    return sum(risks(before)) / len(before) if before else 0.0


def best(names: Sequence[str], risks: Risks, done: State = NOTHING) -> list[str]:
    """The order of least :func:`exposure`, one project a step, by dynamic programming over all sets.

    Of equally good orders the one that takes earlier ``names`` first.
    """
    sets = [done | frozenset(some) for size in range(len(names) + 1) for some in combinations(names, size)]
    risk = dict(zip(sets, risks(sets), strict=True))
    cost: dict[State, float] = {done | frozenset(names): 0.0}
    move: dict[State, str] = {}
    for state in reversed(sets):
        for name in names:
            if name in state:
                continue
            found = risk[state] + cost[state | {name}]
            if found < cost.get(state, inf) - EQUAL:
                cost[state], move[state] = found, name
    order, state = [], done
    while state in move:
        order.append(move[state])
        state |= {move[state]}
    return order


def greedy(names: Sequence[str], risks: Risks, done: State = NOTHING) -> list[str]:
    """Each step the move after which the risk is least; of equal ones the earlier of ``names``."""
    left, order, state = list(names), list[str](), done
    stale: dict[str, float] = {}
    while left:
        if len(names) <= FULL:
            found = dict(zip(left, risks([state | {name} for name in left]), strict=True))
            chosen = _least(left, found)
        else:
            (before,) = risks([state])
            chosen = _lazy(left, state, before, stale, risks)
        order.append(chosen)
        left.remove(chosen)
        state |= {chosen}
    return order


def _least(names: Sequence[str], risk: dict[str, float]) -> str:
    least = min(risk.values())
    return next(name for name in names if risk[name] <= least + EQUAL)


def _lazy(left: Sequence[str], state: State, before: float, stale: dict[str, float], risks: Risks) -> str:
    """The move with the largest gain, if no move gains more now than it did in an earlier state.

    ``stale`` holds each move's latest known gain. Those with the largest are looked at again, a few at a
    time, until one of them gains at least what any other did before. Moves that help more once others
    have moved may come later than they could: they are looked at again only when few are left.
    """
    fresh: dict[str, float] = {}
    while True:
        known = sorted((name for name in left if name not in fresh), key=lambda name: -stale.get(name, inf))
        if fresh:
            top = max(fresh.values())
            if not known or top >= stale.get(known[0], inf) - EQUAL:
                return next(name for name in left if fresh.get(name, -inf) >= top - EQUAL)
        unknown = [name for name in known if name not in stale]
        batch = unknown or known[:BATCH]
        for name, risk in zip(batch, risks([state | {name} for name in batch]), strict=True):
            fresh[name] = stale[name] = before - risk


def wave_sizes(count: int, most: int) -> list[int]:
    """How many projects each wave has: one each where there are few, else a canary and waves that grow."""
    if count <= most:
        return [1] * count
    if most == 1:
        return [count]
    waves = most - 1
    extra, whole = count - 1 - waves, max(1, waves * (waves - 1) // 2)
    ends = [extra * (at * (at - 1) // 2) // whole for at in range(1, waves + 1)]
    sizes = [1] + [1 + after - before for before, after in pairwise(ends)]
    sizes[-1] += count - 1 - sum(sizes)
    return [1, *sizes]


def in_waves(order: Sequence[str], most: int) -> tuple[tuple[str, ...], ...]:
    """An order cut into at most ``most`` waves."""
    found, at = list[tuple[str, ...]](), 0
    for size in wave_sizes(len(order), most):
        found.append(tuple(order[at : at + size]))
        at += size
    return tuple(found)
