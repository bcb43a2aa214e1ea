"""Mooncake's traces: JSONL with ``timestamp`` (ms), ``input_length``, ``output_length``, ``hash_ids``.

Source: kvcache-ai/Mooncake, FAST25-release/traces. ``hash_ids`` name the blocks of 512 tokens of the
prompt's prefixes. Cached input is what an unbounded prefix cache would hold: 512 tokens for each
leading block that an earlier row of the file had too, at most the input. Real caches forget, so this
is the upper bound (65 % of the input in the synthetic trace). The public conversation trace has
stamps on 3-second ticks: ``spread_ticks: 3s`` in a scenario; ``keystorm import`` finds them itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Any

from sim.errors import BadRow
from sim.workload.importers.base import Item, Reading, Request, each
from sim.workload.importers.database import Database
from sim.workload.importers.fields import tokens
from sim.workload.importers.look import Look
from sim.workload.importers.records import Record, may, must
from sim.workload.importers.source import Source

BLOCK = 512
COLUMNS = ("timestamp", "input_length", "output_length")


class Mooncake:
    """JSONL with one object a request."""

    name = "mooncake"
    about = "Mooncake's public traces (JSONL)"
    wants = "JSON objects with timestamp, input_length, output_length"
    example = (
        '{"timestamp": 0, "input_length": 1100, "output_length": 6, "hash_ids": [0, 1, 2]}\n'
        '{"timestamp": 40, "input_length": 1300, "output_length": 4, "hash_ids": [0, 1, 3]}\n'
        '{"timestamp": 277, "input_length": 500, "output_length": 92, "hash_ids": [4]}\n'
    )

    def recognise(self, look: Look) -> str:
        """By the keys of its first object."""
        return "its first object has Mooncake's keys" if look.kind == "json" and look.has(*COLUMNS) else ""

    def read(self, source: Source | Database, reading: Reading) -> Iterator[Item]:
        """All rows of the file, cached tokens by the prefix blocks seen before."""
        clock, seen = reading.clock("ms"), set[int]()

        def parse(record: Record) -> Request:
            stamp, inputs, outputs, blocks = record
            count, ids = tokens(inputs, COLUMNS[1]), _blocks(blocks)
            held = BLOCK * sum(1 for _ in takewhile(seen.__contains__, ids))
            found = Request(clock.ns(stamp), count, tokens(outputs, COLUMNS[2]), min(held, count))
            seen.update(ids)
            return found

        return each(source, (*(must(name) for name in COLUMNS), may("hash_ids")), parse)


def _blocks(value: Any) -> list[int]:
    if value is None:
        return []
    if isinstance(value, list) and all(type(block) is int for block in value):
        return value
    raise BadRow("hash_ids is no list of whole numbers", value=repr(value)[:60], hint="as [0, 1, 2], or leave it out")
