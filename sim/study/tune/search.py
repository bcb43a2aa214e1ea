"""Finding the cheapest cell of a plane of settings whose good cells are those above a falling contour.

A cell is (rate, burst). More of either never hurts, but for the noise of retries, so the good cells
lie above a staircase that falls from left to right. What is asked once answers for everything above
it (if it is good) or below it (if it is not); so the staircase is walked, not the grid. Nothing here
knows what a cell means: ``ask`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sim.study.tune.grid import at_least, at_most, step_at, value

Cell = tuple[int, int]


def smallest(ask: Callable[[int], bool], low: int, high: int) -> int | None:
    """The smallest setting of the grid from ``low`` to ``high`` for which ``ask`` holds; None if ``high`` fails.

    ``ask`` is taken to be false below some setting and true from it on.
    """
    first, last = at_least(low), at_most(high)
    if first > last or not ask(value(last)):
        return None
    while first < last:
        middle = (first + last) // 2
        if ask(value(middle)):
            last = middle
        else:
            first = middle + 1
    return value(last)


@dataclass
class Plane:
    """The plane with its memory. ``ask(rate, burst)`` says whether a cell is good, at some cost."""

    ask: Callable[[int, int], bool]
    known: dict[Cell, bool] = field(default_factory=dict)

    def good(self, x: int, y: int) -> bool:
        """Whether a cell is good: inferred where a known cell answers for it, asked otherwise."""
        for (a, b), is_good in self.known.items():
            if (is_good and a <= x and b <= y) or (not is_good and a >= x and b >= y):
                return is_good
        return self.tried(x, y)

    def tried(self, x: int, y: int) -> bool:
        """Whether a cell is good, from asking about this very cell."""
        if (x, y) not in self.known:
            self.known[x, y] = self.ask(x, y)
        return self.known[x, y]

    def lowest(self, x: int, low: int, high: int) -> int | None:
        """The smallest good burst of one rate, from ``low`` to ``high``; None if there is none."""
        return smallest(lambda y: self.good(x, y), low, high)

    def violations(self) -> int:
        """Bad cells that have a good one below them: how often more was worse, among what was asked."""
        wins = [cell for cell, is_good in self.known.items() if is_good]
        losses = [cell for cell, is_good in self.known.items() if not is_good]
        return sum(any(a <= x and b <= y for a, b in wins) for x, y in losses)


def cost(cell: Cell) -> int:
    """What a setting may take in any one minute: rate + burst (accepted in a time T: at most rT + burst)."""
    return cell[0] + cell[1]


def diagonal(plane: Plane, floor: int, top: int) -> Cell | None:
    """The smallest good cell with burst = rate, rates from ``floor`` on; None if (``top``, ``top``) is bad."""
    place = at_least(floor)
    while value(place) < top and not plane.good(value(place), value(place)):
        place = max(place + 1, at_most(2 * value(place)))
    end = min(value(place), value(at_least(top)))
    found = smallest(lambda v: plane.good(v, v), floor, end)
    return None if found is None else (found, found)


@dataclass(frozen=True)
class _Gap:
    """Rates at places ``first`` to ``last`` whose smallest good burst is at least ``low``."""

    first: int
    last: int
    low: int

    @property
    def bound(self) -> int:
        """No good cell in the gap costs less."""
        return value(self.first) + self.low


def cheapest(plane: Plane, floor: int, start: Cell) -> Cell:
    """The good cell of least cost with a rate from ``floor`` on, to within one step of the grid.

    ``start`` is a good cell. Branch and bound over the rates: a gap between two columns can't hold
    anything cheaper than its first rate and the burst that its right end needs.
    """
    best = start
    gaps = [_Gap(at_least(floor), at_most(cost(start)), 1)]
    while gaps:
        gap = min(gaps, key=lambda one: (one.bound, one.first))
        gaps.remove(gap)
        if gap.first > gap.last:
            continue
        if gap.bound >= cost(best) - _slack(best):
            break
        best, parts = _split(plane, gap, best)
        gaps += parts
    return polished(plane, floor, best)


def _slack(best: Cell) -> int:
    """One step: what may be missed here, since :func:`polished` looks at the neighbours."""
    return max(step_at(best[0]), step_at(best[1]))


def _split(plane: Plane, gap: _Gap, best: Cell) -> tuple[Cell, list[_Gap]]:
    """Look at the middle column of a gap: the best cell now, and the two gaps that are left."""
    middle = (gap.first + gap.last) // 2
    x = value(middle)
    wins_below = cost(best) - x
    burst = plane.lowest(x, gap.low, wins_below - 1)
    right = _Gap(middle + 1, gap.last, gap.low)
    if burst is None:
        left_low = max(gap.low, value(at_most(wins_below - 1) + 1) if wins_below > 1 else 1)
        return best, [_Gap(gap.first, middle - 1, left_low), right]
    return (x, burst), [_Gap(gap.first, middle - 1, burst), right]


def polished(plane: Plane, floor: int, cell: Cell) -> Cell:
    """Ask the cheaper neighbours themselves, two steps around, until none is good.

    Retries make small exceptions to "more never hurts"; inference would never see them.
    """
    while True:
        better = [one for one in _around(cell, floor) if plane.tried(*one)]
        if not better:
            return cell
        cell = min(better, key=lambda one: (cost(one), one))


def _around(cell: Cell, floor: int) -> Iterable[Cell]:
    """The cells within two steps that cost less, cheapest last."""
    x, y = at_least(cell[0]), at_least(cell[1])
    near = ((x + i, y + j) for i in range(-2, 3) for j in range(-2, 3))
    cells = [(value(i), value(j)) for i, j in near if i >= 0 and j >= 0]
    return sorted((one for one in cells if one[0] >= floor and cost(one) < cost(cell)), key=cost, reverse=True)


def frontier(plane: Plane, rates: Iterable[int], top: int) -> list[Cell]:
    """The smallest good burst at each of ``rates`` (those that have one up to ``top``), without what is dominated."""
    found: list[Cell] = []
    for x in sorted(set(rates)):
        y = plane.lowest(x, 1, top)
        if y is not None and (not found or y < found[-1][1]):
            found.append((x, y))
    return found


def spread(low: int, high: int, count: int) -> list[int]:
    """``count`` settings or fewer from ``low`` to ``high``, evenly by ratio."""
    if high <= low or count < 2:
        return [low]
    ratio = high / low
    return sorted({value(at_most(low * ratio ** (at / (count - 1)) + 1e-9)) for at in range(count)})
