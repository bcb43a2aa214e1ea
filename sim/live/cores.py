"""Which cores a live run's processes have: those that send and the emulator that answers keep out of each other's way.

Left to itself a system likes to wake the one that gets a request on the core of the one that sent it, where it then
waits for milliseconds until that has sent its whole herd.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple


class Cores(NamedTuple):
    """Numbers of the cores for each side; both empty where they can't be parted."""

    sending: frozenset[int] = frozenset()
    answering: frozenset[int] = frozenset()


def parted(workers: int) -> Cores:
    """Half of this process's cores for each side, if so many ``workers`` have one each."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    middle = (len(usable) + 1) // 2
    if len(usable) < 2 or workers > middle:
        return Cores()
    return Cores(frozenset(usable[:middle]), frozenset(usable[middle:]))


def keep_to(cores: frozenset[int], pid: int) -> None:
    """Let a process that has just begun, and all that it will start, run on these cores only; empty: on any."""
    if cores:
        with suppress(OSError):  # a system that does not allow it, or a process that has ended
            os.sched_setaffinity(pid, cores)
