"""The first replication in another engine, in a process of its own while the study goes on in this one.

SimPy is Python from end to end: in a thread it would hold the interpreter that the study needs, for a
third of a comparison's time. The process is a plain one, which does not import its starter's ``__main__``.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sim
from sim.collector import settle
from sim.study.pool import THREADS, cpus
from sim.study.work import Work

BEHIND = 5
"""By so much it stands back where cores are few: it is done long before the study needs its answer."""
LEAST = 10_000
"""Requests below which the other engine is done before a process would have started."""


@contextmanager
def beside(work: Work, other: str, executor: str, requests: float) -> Iterator[Beside | None]:
    """The other engine at work on about ``requests`` requests; None where a process of its own would gain nothing."""
    if executor != THREADS or cpus() < 2 or requests < LEAST:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="keystorm-check-") as folder:
        found = Beside(work, other, Path(folder, "work.pickle"))
        try:
            yield found
        finally:
            found.close()


class Beside:
    """A process that runs the first replication of every configuration."""

    def __init__(self, work: Work, other: str, path: Path) -> None:
        path.write_bytes(pickle.dumps((work, other), protocol=pickle.HIGHEST_PROTOCOL))
        # It must be this very keystorm, wherever that was imported from.
        seen = os.pathsep.join(filter(None, (str(Path(sim.__file__).parents[1]), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sim.study.beside", str(path)], env={**os.environ, "PYTHONPATH": seen},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def digests(self) -> list[str] | None:
        """The digest of each configuration; None when the process failed, so that somebody else must do it."""
        told, _ = self._process.communicate()
        return told.decode().split() if self._process.returncode == 0 else None

    def close(self) -> None:
        """End the process if it is still there."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def main(path: str) -> None:
    """What the process does: print a digest a line."""
    work, other = pickle.loads(Path(path).read_bytes())
    with suppress(OSError):
        os.nice(BEHIND)
    settle()
    for place in range(len(work.settings)):
        sys.stdout.write(work.digest_of((0, place, other)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
