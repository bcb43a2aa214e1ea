"""What one request adds to the digest of a run, in the subset that also compiles.

A run's digest must not depend on the order in which requests end (a stream knows no other), so each
request is hashed by itself, its number included, and the hashes are summed modulo 2^62.
"""

from __future__ import annotations

from typing import Any

from sim.draws import MASK62, mix

SALTS = (0x1E3779B97F4A7C15, 0x2545F4914F6CDD1D)
"""Two independent sums: 124 bits against an accidental collision."""


def fold(number: Any, outcome: Any, attempts: Any, finish: Any, cost: Any, salt: int) -> Any:
    """62-bit hash of a request's number and of what became of it; ints or int64 arrays.

    A polynomial in the salt, scrambled once: a sum of such hashes costs a run next to nothing.
    """
    told = ((number * salt + finish) * salt + cost) * salt + attempts * 8 + outcome
    return mix((told + salt) & MASK62)
