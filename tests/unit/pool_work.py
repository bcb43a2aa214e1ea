"""Work for the tests of pools: in a module of its own, which worker processes import quickly."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from sim.errors import BadInput
from sim.study.pool import open_pool


def square(item: int) -> int:
    return item * item


def slow_at_first(item: int) -> int:
    """Later items are done sooner."""
    time.sleep(0.05 / (item + 1))
    return item


def plus(shared: bytes, item: int) -> tuple[int, int]:
    """Two numbers: what was shared, and the item."""
    return len(shared), item


def process_of(item: int) -> int:
    return os.getpid()


def refuse(item: int) -> int:
    if item == 3:
        raise BadInput("no three", place="here", value=str(item), hint="four")
    return item


def die_once(folder: str, item: int) -> int:
    """Item 5 kills its worker the first time."""
    mark = Path(folder, "died")
    if item == 5 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def die(item: int) -> int:
    if item == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def tell(item: int) -> int:
    """Say on standard output which process this is, then work for a long time."""
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    time.sleep(600)
    return item


if __name__ == "__main__":
    with open_pool("processes", 2) as pool:
        list(pool.map(tell, range(10)))
