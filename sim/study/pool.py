"""Where the runs of a study happen: threads, processes, or a Dask cluster, behind one seam.

    with open_pool("processes") as pool:
        for result in pool.map(work, items): ...

Results come in the order of the items, whoever is first, so the executor changes nothing but the
time. Only a few items are ahead of the one that is asked for, so an endless stream of items takes
no memory. ``work`` is sent to each worker once and the items one by one: put what is large and
shared into ``work`` (a function of a module, or a ``functools.partial`` or bound method of one that
pickles), and what differs into small items.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Protocol, TypeVar

from sim.errors import BadInput

T = TypeVar("T")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
THREADS, PROCESSES, DASK = "threads", "processes", "dask"


class Pool(Protocol):
    """Runs work on items, here or elsewhere."""

    @property
    def workers(self) -> int:
        """How many items can be worked on at the same time."""

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """The result of each item in order, a few ahead; raises what ``work`` raises."""


class Waiting(Protocol[R_co]):
    """A result to come: what is asked of a future, whoever made it."""

    def result(self) -> R_co:
        """The result, once it is there."""

    def cancel(self) -> object:
        """Nobody wants it any more."""


def cpus() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def open_pool(executor: str = THREADS, workers: int | None = None) -> Iterator[Pool]:
    """A pool of ``threads``, ``processes`` or ``dask://HOST:PORT``, closed at the end of the block.

    ``workers``: how many (by default one a processor, 8 threads at most); a Dask cluster has its
    own. Raises BadInput for an executor that does not exist or can't be reached.
    """
    kind, _, address = executor.partition("://")
    if kind == DASK and address:
        from sim.study.dask_pool import dask_pool

        with dask_pool(address) as found:
            yield found
    elif executor == PROCESSES:
        from sim.study.process_pool import ProcessPool

        with ProcessPool(workers or cpus()) as processes:
            yield processes
    elif executor == THREADS:
        with _threads(workers or min(8, cpus())) as threads:
            yield threads
    else:
        hint = "threads, processes, or dask://HOST:PORT"
        raise BadInput("no such executor", place="--executor", value=repr(executor), hint=hint)


def in_order(submit: Callable[[T], Waiting[R]], items: Iterable[T], ahead: int) -> Iterator[R]:
    """The results of ``submit`` for each item in order, with ``ahead`` of them under way."""
    source = iter(items)
    waiting = deque(submit(item) for item in islice(source, ahead))
    try:
        while waiting:
            done = waiting.popleft().result()
            waiting.extend(submit(item) for item in islice(source, 1))
            yield done
    finally:
        for future in waiting:
            future.cancel()


class _Here:
    """One after the other, in the thread that asks."""

    workers = 1

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        return map(work, items)


class _Threads:
    """Threads of this process: they help where the work lets go of the interpreter."""

    def __init__(self, executor: ThreadPoolExecutor, workers: int) -> None:
        self.workers = workers
        self._executor = executor

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        def submit(item: T) -> Future[R]:
            return self._executor.submit(work, item)

        return in_order(submit, items, self.workers + 1)


@contextmanager
def _threads(workers: int) -> Iterator[Pool]:
    if workers == 1:
        yield _Here()
        return
    executor = ThreadPoolExecutor(workers, thread_name_prefix="keystorm")
    try:
        yield _Threads(executor, workers)
    finally:
        executor.shutdown(cancel_futures=True)
