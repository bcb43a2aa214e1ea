"""The arithmetic of windows: rings of cells for sliding windows.

A sliding window keeps ``CELLS`` + 1 cells whose width is the window's length / ``CELLS`` rounded
up; a request counts until its whole cell has left, so no real window ever holds more than the
limit (the counter is up to one cell stricter than a log of stamps). The wait contract of
:mod:`sim.policy.bucket` holds here too.
"""

from __future__ import annotations

from typing import Any

CELLS = 60


def roll(cells: Any, at: int, width: int, last: int, index: int) -> int:
    """Empty the cells that a move from cell number ``last`` to ``index`` leaves; their sum.

    ``cells[at : at + width]`` is a ring of ``width`` cells.
    """
    freed = 0
    steps = index - last
    if steps > width:
        steps = width
    for step in range(steps):
        slot = at + (index - step) % width
        freed += cells[slot]
        cells[slot] = 0
    return freed


def sliding_wait(cells: Any, at: int, total: int, ask: int, cap: int, now: int, cell_ns: int) -> int:
    """Nanoseconds until ``ask`` more fit, given cells rolled to ``now``; 0 when they fit now.

    Assumes ``ask`` ≤ ``cap``.
    """
    if total + ask <= cap:
        return 0
    index = now // cell_ns
    left = total
    for step in range(CELLS + 1):
        left -= cells[at + (index - CELLS + step) % (CELLS + 1)]
        if left + ask <= cap:
            return (index + 1 + step) * cell_ns - now
    return CELLS * cell_ns
