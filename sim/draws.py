"""Random draws keyed by (seed, replication, stream, request, attempt), never by the order of events.

Two kinds. *Plan draws* (arrivals, sizes) come from numpy generators keyed by a stream's name, so a
stream's numbers do not depend on which other streams exist. *Engine draws* (retry jitter, provider
latency, fault luck) are a hash of the request's key, the attempt and the purpose, so every engine
and every configuration sees the same luck: common random numbers, paired differences.

:func:`mix` is the SplitMix64 finalizer (Steele, Lea, Flood 2014) cut to 62 bits. In that form one
source gives the same numbers on Python ints, on numpy int64 arrays and in compiled int64 code,
because the low 62 bits of a product survive the wrap of int64.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MASK62 = (1 << 62) - 1
_MUL1 = 0x3F58476D1CE4E5B9
_MUL2 = 0x14D049BB133111EB
_GOLDEN = 0x1E3779B97F4A7C15

JITTER, ADDED, FIRST_TOKEN, PER_TOKEN, CUT, FAULT, LUCKS = 1, 2, 3, 4, 5, 16, 8
"""Purposes of engine draws. Fault number f has the LUCKS purposes from ``FAULT + LUCKS * f`` on."""


def mix(value: Any) -> Any:
    """One round of scrambling of 62-bit integers; ints or int64 arrays, also in compiled code."""
    value = ((value ^ (value >> 30)) * _MUL1) & MASK62
    value = ((value ^ (value >> 27)) * _MUL2) & MASK62
    return value ^ (value >> 31)


def draw32(key: int, attempt: int, purpose: int) -> int:
    """A uniform integer in [0, 2^32) for this request's key, attempt and purpose."""
    inner = mix((key + (attempt * 1024 + purpose) * _GOLDEN) & MASK62)
    return int(mix((inner + _GOLDEN) & MASK62) >> 30)


@dataclass(frozen=True)
class Stream:
    """The source of all plan draws of one named stream of requests in one replication."""

    seed: int
    replication: int
    name: str

    def _words(self, purpose: str) -> list[int]:
        text = f"keystorm/1\0{self.seed}\0{self.replication}\0{self.name}\0{purpose}"
        digest = hashlib.sha256(text.encode()).digest()
        return [int.from_bytes(digest[i : i + 8], "little") for i in range(0, 32, 8)]

    def generator(self, purpose: str) -> np.random.Generator:
        """A numpy generator of its own for one purpose (``"gaps"``, ``"input"``, …)."""
        words = self._words(purpose)
        return np.random.Generator(np.random.Philox(key=words[0] | words[1] << 64))

    def keys(self, ordinals: NDArray[np.int64]) -> NDArray[np.int64]:
        """The 62-bit draw keys, int64 ``(n,)``, of the stream's requests with these ordinals."""
        return keys(self.key_base, ordinals)

    @property
    def key_base(self) -> int:
        """What the stream's draw keys are made of, together with the ordinals."""
        return self._words("requests")[0] & MASK62


def keys(base: int | NDArray[np.int64], ordinals: NDArray[np.int64]) -> NDArray[np.int64]:
    """The draw keys, int64 ``(n,)``, of requests of streams with these :attr:`Stream.key_base`."""
    with np.errstate(over="ignore"):
        found: NDArray[np.int64] = mix((base + ordinals * np.int64(_GOLDEN)) & MASK62)
    return found
