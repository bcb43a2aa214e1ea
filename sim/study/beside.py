"""The first replication in another engine, in a process of its own while the study goes on in this one.

SimPy is Python from end to end: in a thread it would hold the interpreter that the study needs, for a
third of a comparison's time. When it is done the process helps to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from sim.collector import settle
from sim.study.pool import THREADS, cpus
from sim.study.second import Failed, Second
from sim.study.work import Work

LEAST = 10_000
"""Requests below which the other engine is done before a process would have started."""


class Beside:
    """A second interpreter that first runs the first replication of every configuration."""

    def __init__(self, work: Work, other: str) -> None:
        self._second = Second()
        self._digests = self.submit(digests_of, work, other)

    def submit(self, function: Callable[..., Any], *given: Any) -> Future[Any]:
        """Another thing to do there afterwards; see :meth:`sim.study.second.Second.submit`."""
        return self._second.submit(function, *given)

    def digests(self) -> list[str] | None:
        """The digest of each configuration; None when the process failed, so that somebody else must do it."""
        try:
            return list(self._digests.result())
        except Failed:
            return None

    def close(self) -> None:
        """End the process."""
        self._second.close()


@contextmanager
def beside(work: Work, other: str, executor: str, requests: float) -> Iterator[Beside | None]:
    """The other engine at work on about ``requests`` requests; None where a process of its own would gain nothing."""
    if executor != THREADS or cpus() < 2 or requests < LEAST:
        yield None
        return
    found = Beside(work, other)
    try:
        yield found
    finally:
        found.close()


def digests_of(work: Work, engine: str) -> list[str]:
    """The identity of the first replication of every configuration in an engine."""
    settle()
    return [work.digest_of((0, place, engine)) for place in range(len(work.settings))]
