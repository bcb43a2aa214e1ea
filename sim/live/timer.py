"""Waking up on time: libev's own timers are up to two milliseconds late, a timer of the kernel is not.

Where the system has no ``timerfd`` (all but Linux) the wait is gevent's.
"""

from __future__ import annotations

import ctypes
import os
import time
from contextlib import suppress
from typing import Any

import gevent
from gevent.event import Event

_NONBLOCK, _ABSOLUTE = os.O_NONBLOCK, 1
_FAR_S = 3600.0


class _Spec(ctypes.Structure):
    _fields_ = (
        ("interval_s", ctypes.c_long), ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long), ("value_ns", ctypes.c_long),
    )  # fmt: skip


class Alarm:
    """An event that is set by others, or waited for until a time of the monotonic clock."""

    def __init__(self) -> None:
        self._rung = Event()
        self._library, self._timer = _timer()
        self._watcher: Any = None
        if self._timer >= 0:
            self._watcher = gevent.get_hub().loop.io(self._timer, 1)
            self._watcher.start(self._expired)

    def ring(self) -> None:
        """Wake whoever waits."""
        self._rung.set()

    def wait_until(self, due_s: float) -> None:
        """Wait for that time, or for :meth:`ring` since the last wait began."""
        left = due_s - time.monotonic()
        if left > 0:
            if self._watcher is None or left > _FAR_S:
                self._rung.wait(min(left, _FAR_S))
            else:
                self._arm(due_s)
                self._rung.wait()
        else:
            gevent.sleep(0)
        self._rung.clear()

    def _arm(self, due_s: float) -> None:
        seconds = int(due_s)
        spec = _Spec(0, 0, seconds, max(1, int((due_s - seconds) * 1e9)))
        self._library.timerfd_settime(self._timer, _ABSOLUTE, ctypes.byref(spec), None)

    def _expired(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._timer, 8)
        self._rung.set()

    def close(self) -> None:
        """Give the timer back."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            os.close(self._timer)
        self._watcher = None


def _timer() -> tuple[Any, int]:
    """The C library and a timer of the monotonic clock; -1 where there is none."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        made = int(library.timerfd_create(time.CLOCK_MONOTONIC, _NONBLOCK))
    except (AttributeError, OSError):
        return None, -1
    return library, made
