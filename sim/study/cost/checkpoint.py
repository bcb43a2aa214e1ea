"""The months of an interrupted study: what was run is kept beside the result, and the same command goes on."""

from __future__ import annotations

import hashlib
import pickle
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from sim import __version__
from sim.engine.kernel_source import kernel_name
from sim.study.cost.month import Job, Month, Work

FILE = ".months.pickle"
EVERY_S = 20.0
"""Seconds between two writings."""


def identity_of(work: Work, sha256: str) -> str:
    """What must be equal for months to be gone on from: scenario, files, engine, code."""
    said = [work.scenario.model_dump_json(by_alias=True), sha256, work.engine, kernel_name(), __version__]
    return hashlib.sha256(repr(said).encode()).hexdigest()


class Kept:
    """The months that are done, by their jobs. ``clock`` gives seconds."""

    def __init__(self, folder: Path | None, identity: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = None if folder is None else folder / FILE
        self._identity, self._clock, self._next = identity, clock, clock() + EVERY_S
        self.done: dict[tuple[object, ...], Month] = self._load()

    def _load(self) -> dict[tuple[object, ...], Month]:
        if self._path is None or not self._path.exists():
            return {}
        head, _, body = self._path.read_bytes().partition(b"\n")
        if head.decode("ascii", "replace") != self._identity:
            return {}
        found: dict[tuple[object, ...], Month] = pickle.loads(body)
        return found

    def missing(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """The jobs that are still to be run."""
        return (job for job in jobs if _key(job) not in self.done)

    def get(self, job: Job) -> Month:
        """What came of a job."""
        return self.done[_key(job)]

    def add(self, job: Job, month: Month) -> None:
        """Keep a month; write all when it is time, under a temporary name first."""
        self.done[_key(job)] = month
        if self._path is None or self._clock() < self._next:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        partial.write_bytes(self._identity.encode() + b"\n" + pickle.dumps(self.done, pickle.HIGHEST_PROTOCOL))
        partial.replace(self._path)
        self._next = self._clock() + EVERY_S

    def clear(self) -> None:
        """The study is done."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _key(job: Job) -> tuple[object, ...]:
    return (job.month, job.fixed, job.cases)
