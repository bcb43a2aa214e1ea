"""The collector of cyclic garbage, kept from looking again and again through what is still needed."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

RARELY = (100_000, 50, 100)
"""Thresholds for a program whose objects are hardly ever in cycles; Python's own are (700, 10, 10)."""


@contextmanager
def resting() -> Iterator[None]:
    """Inside nothing is collected: for work that makes many objects and keeps most. May be nested."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def settle(thresholds: tuple[int, int, int] = RARELY) -> None:
    """What is here now stays and is not looked at any more; what comes is, this rarely."""
    gc.freeze()
    gc.set_threshold(*thresholds)
