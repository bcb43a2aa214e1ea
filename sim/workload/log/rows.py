"""Rows of a request log as numpy records, and how requests of an importer become them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.workload.importers.base import Request
from sim.workload.importers.labels import Labels, codes_in
from sim.workload.log.columns import KINDS

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,79}")
_TYPES = {
    "start": "i8", "duration": "i8", "first": "i8", "team": "i4", "project": "i4", "key": "i4", "provider": "i4",
    "model": "i4", "input": "i8", "read": "i8", "write": "i8", "output": "i8", "session": "i8", "status": "i2",
    "error": "i4", "failed": "i1", "retries": "i2", "cost": "i8", "cached": "i1", "tier": "i4", "assumed": "i1",
}  # fmt: skip
ROW = np.dtype(list(_TYPES.items()))
"""One row; -1 is unknown."""

Rows = NDArray[Any]
"""A structured array of :data:`ROW`."""


@dataclass
class Names:
    """The names that rows point into, by kind."""

    of: dict[str, dict[str, int]] = field(default_factory=lambda: {kind: {} for kind in KINDS})

    def codes(self, kind: str, values: Sequence[str]) -> list[int]:
        """The numbers of these names."""
        return codes_in(self.of[kind], values, kind)

    def list(self, kind: str) -> list[str]:
        """All names of a kind, by number."""
        return list(self.of[kind])


def rows_of(requests: Sequence[Request], labels: Labels, names: Names) -> tuple[Rows, NDArray[np.uint64]]:
    """The rows of these requests, and a number for the identity of each (0 where the log has none)."""
    columns = Request(*zip(*requests, strict=True))  # type: ignore[arg-type]
    rows = np.empty(len(requests), ROW)
    plain = {
        "start": columns.start_ns, "input": columns.input_tokens, "output": columns.output_tokens,
        "read": columns.cache_read, "write": columns.cache_write, "duration": columns.duration_ns,
        "first": columns.first_token_ns, "status": columns.status, "retries": columns.retries, "cost": columns.cost,
        "cached": columns.cached, "assumed": columns.assumed,
    }  # fmt: skip
    for name, values in plain.items():
        rows[name] = values
    rows["failed"] = [-1 if each is None else each for each in _many(columns.failed)]
    rows["session"] = [labels.session(each) if each else -1 for each in _many(columns.session)]
    who = list(map(labels.of, _many(columns.who)))
    for at, kind in enumerate(("team", "project", "key")):
        rows[kind] = names.codes(kind, [each[at] for each in who])
    for kind, texts in (("model", columns.model), ("provider", columns.provider), ("tier", columns.tier)):  # fmt: skip
        rows[kind] = names.codes(kind, list(map(labels.harmless, _many(texts))))
    rows["error"] = names.codes("error", list(map(error_kind, _many(columns.error))))
    return rows, np.fromiter(map(identity, _many(columns.identity)), np.uint64, len(requests))


def error_kind(text: str) -> str:
    """The kind of an error where it is one word; "other" for a text, which may quote a prompt."""
    return text if not text or _WORD.fullmatch(text) else "other"


def _many(column: Any) -> Sequence[Any]:
    """A field of a Request that holds the values of many."""
    found: Sequence[Any] = column
    return found


def identity(text: str) -> int:
    """A number from 1 to 2^64 - 1 for a row's id; 0 for none. Two ids share one once in 10^19."""
    if not text:
        return 0
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little") or 1
