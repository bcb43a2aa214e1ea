"""The state of a long study beside its result, so that the same command goes on after an interruption."""

from __future__ import annotations

import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sim.results.parts import Parts

CHECKPOINT = ".checkpoint.pickle"
EVERY_S = 20.0
"""Seconds between checkpoints."""


class Checkpoints:
    """Where the state of a study is written, and when; nowhere without a ``folder``. ``clock`` gives seconds."""

    def __init__(self, folder: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._clock = clock
        self._next = clock() + EVERY_S

    @property
    def path(self) -> Path | None:
        """The file of the state."""
        return None if self.folder is None else self.folder / CHECKPOINT

    def load(self, identity: str) -> Any:
        """The state of an interrupted run of the very same study, None if there is none."""
        if self.path is None or not self.path.exists():
            return None
        head, _, body = self.path.read_bytes().partition(b"\n")
        return pickle.loads(body) if head.decode() == identity else None

    def has_rows(self, parts: int, *, attempts: bool) -> bool:
        """Whether the rows that a state counts on are still there."""
        return self.folder is not None and Parts.are_there(self.folder, parts, attempts=attempts)

    def due(self) -> bool:
        """Whether it is time to write the state."""
        return self.path is not None and self._clock() >= self._next

    def save(self, state: Any) -> None:
        """Write the state, which has an ``identity``, under a temporary name first."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        partial.write_bytes(state.identity.encode() + b"\n" + pickle.dumps(state, pickle.HIGHEST_PROTOCOL))
        partial.replace(self.path)
        self._next = self._clock() + EVERY_S

    def clear(self) -> None:
        """The study is done."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


@contextmanager
def asked_to_stop(listen: bool) -> Iterator[threading.Event]:
    """An event that Ctrl-C sets instead of interrupting, so that the state can be written first.

    A second Ctrl-C interrupts at once. Only the main thread hears signals; elsewhere, where signals are
    ignored (a shell's background job), or where nobody can ``listen`` because there is no place for a state,
    all stays as it is.
    """
    stop = threading.Event()
    listen = listen and threading.current_thread() is threading.main_thread()
    if not listen or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield stop
        return

    def asked(number: int, frame: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, asked)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
