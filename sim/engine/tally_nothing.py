"""The functions of :mod:`sim.engine.tally` for a kernel that counts nothing, which compiles in half the time."""

from __future__ import annotations

from typing import Any


def tally_admitted(rules: Any, t: Any, q: Any, model: int, now: int) -> None:
    """Count nothing."""


def tally_attempt(rules: Any, t: Any, q: Any, call: Any, end: int, refuser: int, output: int) -> None:
    """Count nothing."""


def tally_call(t: Any, q: Any, call: Any) -> None:
    """Count nothing."""


def tally_close(t: Any) -> None:
    """Count nothing."""
