"""SHA-256 over what happened to every request: the identity that engines must agree on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from sim.draws import MASK62
from sim.engine.fold import SALTS, fold
from sim.engine.tables import RunResult


def sums(result: RunResult) -> tuple[int, ...]:
    """The run's two sums of :func:`sim.engine.fold.fold` over its requests, modulo 2^62."""
    with np.errstate(over="ignore"):
        hashed = [
            fold(result.number, result.outcome, result.attempts, result.finish, result.cost, salt) for salt in SALTS
        ]
        return tuple(int(np.sum(one)) & MASK62 for one in hashed)


def of_sums(count: int, found: Sequence[int]) -> str:
    """The digest of a run from its number of requests and their sums."""
    return hashlib.sha256(":".join(map(str, (count, *found))).encode()).hexdigest()


def digest(result: RunResult) -> str:
    """Hex SHA-256 over (number, outcome, attempts, finish, cost) of every request, in any order."""
    return of_sums(len(result.outcome), sums(result))


def combined(digests: Iterable[str]) -> str:
    """One digest for many runs, in the order given."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
