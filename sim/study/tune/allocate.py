"""Dividing what an account can give among projects that together need more.

First as many objectives met as possible; then the fairest for who falls short: the worst shortfall
as small as possible; then the least given in all. A shortfall is the missing part of whatever a
project lacks most of. Amounts are whole numbers; an account has several (rate, burst, tokens), and a
project may have several ways to meet its objectives (a slower rate with a larger burst).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from math import ceil
from operator import add, le

Amounts = tuple[int, ...]
"""One number for each thing that is divided, the rate first."""

EXACT = 20_000
"""Combinations of levels that are all looked at; beyond, a good one is climbed to (:func:`_climb`)."""
EFFORT = 1_200
"""Changes that a climb looks at before it is content."""
MANY, FEW = 1 << 30, 24
"""Sums of uses that are kept while looking: all of them, or a few on a climb."""


@dataclass(frozen=True)
class Level:
    """A way to be served: what the objectives that it meets count, and what it may use, each enough by itself.

    ``whole``: the project has all that it needs.
    """

    met: int
    uses: tuple[Amounts, ...]
    whole: bool = False


@dataclass(frozen=True)
class Claim:
    """What a project asks for: its levels, without the one of getting next to nothing, and its need."""

    name: str
    levels: tuple[Level, ...]
    need: Amounts


@dataclass(frozen=True)
class Share:
    """What a project gets. ``shortfall`` is the largest part of a need that is missing; 0 for a whole level."""

    name: str
    met: int
    amounts: Amounts
    shortfall: float


@dataclass(frozen=True)
class Division:
    """Everybody's share, in the order of the claims; ``exact``: nothing better exists."""

    shares: tuple[Share, ...]
    exact: bool

    @property
    def key(self) -> tuple[float, ...]:
        """Smaller is better: objectives met, worst shortfall, all shortfalls, all that is given."""
        falls = [one.shortfall for one in self.shares]
        given = sum(sum(one.amounts) for one in self.shares)
        return (-sum(one.met for one in self.shares), max(falls, default=0.0), sum(falls), given)


def divide(claims: Sequence[Claim], capacity: Sequence[int | None]) -> Division | None:
    """The best division; ``capacity`` has no bound where it is None. None when not even 1 each fits."""
    combinations = 1
    for claim in claims:
        combinations *= len(claim.levels) + 1
    found = _search(claims, capacity) if combinations <= EXACT else _climb(claims, capacity)
    return None if found is None else Division(found.shares, combinations <= EXACT)


# Sums of uses

_Sums = list[tuple[Amounts, tuple[Amounts, ...]]]
"""Sums of uses, each with the use that was picked for every claim so far."""


def _fits(use: Amounts, capacity: Sequence[int | None]) -> bool:
    return all(most is None or one <= most for one, most in zip(use, capacity, strict=True))


def _added(one: Amounts, other: Amounts) -> Amounts:
    return tuple(map(add, one, other))


def _weights(total: Amounts, capacity: Sequence[int | None]) -> Amounts:
    """What makes one sum worse than another: what is bounded, and all the rest together."""
    bounded = tuple(one for one, most in zip(total, capacity, strict=True) if most is not None)
    return bounded if len(bounded) == len(total) else (*bounded, sum(total) - sum(bounded))


def _undominated(sums: _Sums, capacity: Sequence[int | None]) -> _Sums:
    """Without those that another one, no larger anywhere, makes pointless; in rising order."""
    found = sorted((_weights(total, capacity), total, picks) for total, picks in sums)
    if found and len(found[0][0]) <= 2:
        return _swept(found)
    kept: list[tuple[Amounts, Amounts, tuple[Amounts, ...]]] = []
    for one in found:
        if not any(all(map(le, other[0], one[0])) for other in kept):
            kept.append(one)
    return [one[1:] for one in kept]


def _swept(found: Sequence[tuple[Amounts, Amounts, tuple[Amounts, ...]]]) -> _Sums:
    """The same for one or two weights in rising order: each has to be lower than all before it in the last."""
    kept: _Sums = []
    lowest = found[0][0][-1] + 1
    for weights, total, picks in found:
        if weights[-1] < lowest and (len(weights) > 1 or not kept):
            kept.append((total, picks))
            lowest = weights[-1]
    return kept


def _with(sums: _Sums, uses: Sequence[Amounts], capacity: Sequence[int | None], rest: int, thin: int = MANY) -> _Sums:
    """The sums with one more claim's use; what leaves less than 1 of everything for ``rest`` others is left out.

    Of more than ``thin`` sums every so many are kept.
    """
    left = [None if most is None else most - rest for most in capacity]
    made = ((_added(total, use), (*picks, use)) for (total, picks), use in product(sums, uses))
    kept = _undominated([one for one in made if _fits(one[0], left)], capacity)
    return kept if len(kept) <= thin else [kept[at * (len(kept) - 1) // (thin - 1)] for at in range(thin)]


def _uses(claim: Claim, level: int) -> tuple[Amounts, ...]:
    """What a level may use; level -1 is next to nothing, 1 of everything."""
    return claim.levels[level].uses if level >= 0 else ((1,) * len(claim.need),)


# One combination of levels


def _best(
    claims: Sequence[Claim], levels: Sequence[int], sums: _Sums, capacity: Sequence[int | None]
) -> Division | None:
    """The best division with these levels, from all sums of their uses."""
    made = (_division(claims, levels, picks, total, capacity) for total, picks in sums)
    return min(made, key=lambda one: one.key, default=None)


def _division(
    claims: Sequence[Claim], levels: Sequence[int], picks: Sequence[Amounts], total: Amounts,
    capacity: Sequence[int | None],
) -> Division:  # fmt: skip
    """These uses, and what is left over filled up for those that fall short."""
    short = [at for at, level in enumerate(levels) if level < 0 or not claims[at].levels[level].whole]
    given = [list(pick) for pick in picks]
    for thing, most in enumerate(capacity):
        left = None if most is None else most - total[thing]
        filled = fill([given[at][thing] for at in short], [claims[at].need[thing] for at in short], left)
        for at, amount in zip(short, filled, strict=True):
            given[at][thing] = amount
    shares = (
        Share(claim.name, _met(claim, level), tuple(amounts), _shortfall(claim, amounts, at in short))
        for at, (claim, level, amounts) in enumerate(zip(claims, levels, given, strict=True))
    )
    return Division(tuple(shares), exact=True)


def _shortfall(claim: Claim, amounts: Sequence[int], short: bool) -> float:
    parts = (1 - gets / need for gets, need in zip(amounts, claim.need, strict=True))
    return max(0.0, *parts) if short else 0.0


def fill(start: Sequence[int], need: Sequence[int], left: int | None) -> list[int]:
    """Raise amounts towards needs with ``left`` to give, whoever has the smallest part of its need first.

    Nobody gets more than it needs; one that starts above keeps what it has.
    """
    if left is None:
        return [max(a, b) for a, b in zip(start, need, strict=True)]
    given = _level(start, need, left)
    left -= sum(given) - sum(start)
    while left > 0:
        hungry = [at for at, amount in enumerate(given) if amount < need[at]]
        if not hungry:
            break
        given[min(hungry, key=lambda at: (given[at] / need[at], at))] += 1
        left -= 1
    return given


def _level(start: Sequence[int], need: Sequence[int], left: int) -> list[int]:
    """Everybody raised to the same part of its need, rounded up, as far as that goes.

    That is where giving one by one to the hungriest passes through, and much quicker.
    """
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        spent = sum(max(0, ceil(middle * b) - a) for a, b in zip(start, need, strict=True))
        low, high = (middle, high) if spent <= left else (low, middle)
    return [max(a, ceil(low * b)) for a, b in zip(start, need, strict=True)]


# All combinations, or a climb


def _search(claims: Sequence[Claim], capacity: Sequence[int | None]) -> Division | None:
    """Branch and bound over the levels: a branch that can't meet as many objectives as the best so far is cut."""
    most = [max((level.met for level in claim.levels), default=0) for claim in claims]
    hope = [sum(most[at:]) for at in range(len(claims) + 1)]
    best: Division | None = None

    def visit(at: int, levels: tuple[int, ...], met: int, sums: _Sums) -> None:
        nonlocal best
        if not sums or (best is not None and met + hope[at] < -best.key[0]):
            return
        if at == len(claims):
            found = _best(claims, levels, sums, capacity)
            if found is not None and (best is None or found.key < best.key):
                best = found
            return
        order = sorted(range(-1, len(claims[at].levels)), key=lambda one: -_met(claims[at], one))
        for level in order:
            more = _with(sums, _uses(claims[at], level), capacity, len(claims) - at - 1)
            visit(at + 1, (*levels, level), met + _met(claims[at], level), more)

    visit(0, (), 0, [((0,) * len(capacity), ())])
    return best


def _met(claim: Claim, level: int) -> int:
    return claim.levels[level].met if level >= 0 else 0


def _at(claims: Sequence[Claim], levels: Sequence[int], capacity: Sequence[int | None]) -> Division | None:
    """The best division with these levels; None when they do not fit."""
    sums: _Sums = [((0,) * len(capacity), ())]
    for at, (claim, level) in enumerate(zip(claims, levels, strict=True)):
        sums = _with(sums, _uses(claim, level), capacity, len(claims) - at - 1, FEW)
    return _best(claims, levels, sums, capacity)


def _climb(claims: Sequence[Claim], capacity: Sequence[int | None]) -> Division | None:
    """Serve whoever costs least for each objective, then change one level or two at a time while it helps."""
    levels = [-1] * len(claims)
    best = _at(claims, levels, capacity)
    for at, level in _cheap_first(claims):
        changed = [*levels[:at], level, *levels[at + 1 :]]
        found = _at(claims, changed, capacity)
        if found is not None and (best is None or found.key < best.key):
            levels, best = changed, found
    left = EFFORT
    while best is not None and left > 0:
        least = -best.key[0]
        steps = islice((one for one in _neighbours(claims, levels) if _all_met(claims, one) >= least), left)
        better = _first_better(claims, capacity, best, steps)
        if better is None:
            break
        best, levels, tried = better
        left -= tried
    return best


def _first_better(
    claims: Sequence[Claim], capacity: Sequence[int | None], best: Division, steps: Iterator[list[int]]
) -> tuple[Division, list[int], int] | None:
    """The first of some changes that is better than ``best``, with its levels and how many were looked at."""
    for count, levels in enumerate(steps, 1):
        found = _at(claims, levels, capacity)
        if found is not None and found.key < best.key:
            return found, levels, count
    return None


def _all_met(claims: Sequence[Claim], levels: Sequence[int]) -> int:
    return sum(_met(claim, level) for claim, level in zip(claims, levels, strict=True))


def _cheap_first(claims: Sequence[Claim]) -> list[tuple[int, int]]:
    """(claim, level) by the rate that each objective costs."""
    pairs = [(at, level) for at, claim in enumerate(claims) for level in range(len(claim.levels))]

    def price(pair: tuple[int, int]) -> tuple[float, int]:
        one = claims[pair[0]].levels[pair[1]]
        return min(use[0] for use in one.uses) / max(one.met, 0.001), pair[0]

    return sorted(pairs, key=price)


def _neighbours(claims: Sequence[Claim], levels: list[int]) -> Iterator[list[int]]:
    """Every change of one level, then every exchange of one claim's service for another's."""
    for at, claim in enumerate(claims):
        for level in range(-1, len(claim.levels)):
            if level != levels[at]:
                yield [*levels[:at], level, *levels[at + 1 :]]
    for down, up in product(range(len(claims)), repeat=2):
        if down != up and levels[down] >= 0:
            for level in range(levels[up] + 1, len(claims[up].levels)):
                tried = list(levels)
                tried[down], tried[up] = -1, level
                yield tried
