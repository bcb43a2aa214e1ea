"""SHA-256 over what happened to every request: the identity that engines must agree on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from sim.engine.tables import RunResult


def digest(result: RunResult) -> str:
    """Hex SHA-256 of (outcome, attempts, finish, cost) of every request, little-endian int64."""
    table = np.stack([result.outcome, result.attempts, result.finish, result.cost], axis=1)
    return hashlib.sha256(np.ascontiguousarray(table, dtype="<i8").tobytes()).hexdigest()


def combined(digests: Iterable[str]) -> str:
    """One digest for many runs, in the order given."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
