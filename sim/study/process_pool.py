"""Worker processes: each loads the kernel once; one that dies is replaced and its items run again.

Processes are spawned, never forked: a fork copies locks that compiled code's threads may hold. They
end with the pool, with Ctrl-C, and by themselves when the process that started them is gone.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import count, islice
from multiprocessing import get_context, parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

from sim.errors import KeystormError

T = TypeVar("T")
R = TypeVar("R")

LOSSES = 3
"""How often the same item may lose its worker before the study gives up: it is likely to be the cause."""


class _Recorded:
    """A spawning context that remembers the processes it made, so that each of them can be ended."""

    def __init__(self) -> None:
        self._context: SpawnContext = get_context("spawn")
        self.started: list[SpawnProcess] = []
        self.Process = self._process  # the executor makes its workers by this name

    def _process(self, *args: Any, **kwargs: Any) -> SpawnProcess:
        process = self._context.Process(*args, **kwargs)
        self.started.append(process)
        return process

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


@dataclass
class _Task(Generic[T, R]):
    """An item on its way, and the executor that has it."""

    item: T
    future: Future[R]
    executor: ProcessPoolExecutor
    losses: int = 0


class ProcessPool:
    """A :class:`~sim.study.pool.Pool` of ``workers`` processes; use as a context manager."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._folder = tempfile.TemporaryDirectory(prefix="keystorm-work-")
        self._numbers = count()
        self._start()

    def _start(self) -> None:
        self._context = _Recorded()
        context: Any = self._context
        self._executor = ProcessPoolExecutor(self.workers, mp_context=context, initializer=_begin)

    def __enter__(self) -> ProcessPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After an error nobody wants what is still running, which may take hours.
        self._end(now=error is not None)
        self._folder.cleanup()

    def _end(self, *, now: bool) -> None:
        """No more work; ``now``: not even what is running. The executor collects its processes."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        if now:
            for process in self._context.started:
                with contextlib.suppress(AttributeError):  # it never started
                    process.terminate()
        self._executor.shutdown(wait=True)

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """The result of each item in order; an item whose worker died is run again."""
        call: Callable[[T], R] = partial(_call, self._published(work))
        source = iter(items)
        waiting = deque(self._submit(call, item) for item in islice(source, self.workers + 1))
        try:
            while waiting:
                done = self._result(call, waiting)
                waiting.extend(self._submit(call, item) for item in islice(source, 1))
                yield done
        finally:
            for task in waiting:
                task.future.cancel()

    def _published(self, work: Callable[[T], R]) -> str:
        """The file from which each worker reads ``work`` once."""
        path = Path(self._folder.name, f"{next(self._numbers)}.pickle")
        path.write_bytes(pickle.dumps(work, protocol=pickle.HIGHEST_PROTOCOL))
        return str(path)

    def _submit(self, call: Callable[[T], R], item: T) -> _Task[T, R]:
        try:
            return _Task(item, self._executor.submit(call, item), self._executor)
        except BrokenProcessPool:  # a worker died while it had nothing to do
            self._renew(self._executor)
            return _Task(item, self._executor.submit(call, item), self._executor)

    def _result(self, call: Callable[[T], R], waiting: deque[_Task[T, R]]) -> R:
        """The result of the first task, which leaves the queue; lost tasks are given to a new executor."""
        while True:
            try:
                result = waiting[0].future.result()
            except BrokenProcessPool:
                self._renew(waiting[0].executor)
                for task in waiting:
                    self._again(call, task)
            else:
                waiting.popleft()
                return result

    def _renew(self, broken: ProcessPoolExecutor) -> None:
        """New workers, unless somebody has replaced the broken executor already."""
        if broken is self._executor:
            self._end(now=True)
            self._start()

    def _again(self, call: Callable[[T], R], task: _Task[T, R]) -> None:
        """Run a task again if it was lost. Raises KeystormError when that happens too often."""
        if task.executor is self._executor or (task.future.done() and task.future.exception() is None):
            return
        task.losses += 1
        if task.losses > LOSSES:
            raise KeystormError(
                f"worker processes died {task.losses} times at the same piece of work\n"
                "    hint: they may have run out of memory (try fewer --workers, or --executor threads); a script\n"
                "    that uses keystorm with processes needs `if __name__ == '__main__':` around what it does"
            )
        task.future, task.executor = self._executor.submit(call, task.item), self._executor


# In the workers


def _begin() -> None:
    """Leave Ctrl-C to the process that started this one, and end when it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


@lru_cache(maxsize=4)
def _work(path: str) -> Callable[[Any], Any]:
    found: Callable[[Any], Any] = pickle.loads(Path(path).read_bytes())
    return found


def _call(path: str, item: Any) -> Any:
    return _work(path)(item)
