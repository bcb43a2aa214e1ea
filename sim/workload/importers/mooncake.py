"""Mooncake's traces: JSONL with ``timestamp`` (ms), ``input_length``, ``output_length``, ``hash_ids``.

Source: kvcache-ai/Mooncake, FAST25-release/traces. ``hash_ids`` name the blocks of 512 tokens of the
prompt's prefixes. Cached input is what an unbounded prefix cache would hold: 512 tokens for each
leading block that an earlier row of the file had too, at most the input. Real caches forget, so this
is the upper bound (65 % of the input in the synthetic trace). The public conversation trace has
stamps on 3-second ticks: replay it with ``spread_ticks: 3s``.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Any

from sim.errors import BadRow
from sim.scenario.workloads import Trace
from sim.workload.importers.base import Builder, TraceRows, gather
from sim.workload.importers.fields import Clock, tokens
from sim.workload.importers.reader import Record, Source

BLOCK = 512
COLUMNS = ("timestamp", "input_length", "output_length")


class Mooncake:
    """JSONL with one object a request."""

    name = "mooncake"
    columns = "JSON objects with timestamp, input_length, output_length"
    example = (
        '{"timestamp": 0, "input_length": 1100, "output_length": 6, "hash_ids": [0, 1, 2]}\n'
        '{"timestamp": 40, "input_length": 1300, "output_length": 4, "hash_ids": [0, 1, 3]}\n'
        '{"timestamp": 277, "input_length": 500, "output_length": 92, "hash_ids": [4]}\n'
    )

    def recognise(self, first_line: str, trace: Trace) -> str:
        """By the keys of its first object."""
        keys = all(f'"{name}"' in first_line for name in COLUMNS)
        return "its first object has Mooncake's keys" if keys and first_line.lstrip().startswith("{") else ""

    def read(self, source: Source, trace: Trace) -> TraceRows:
        """All rows of the file, cached tokens by the prefix blocks seen before."""
        clock, rows, seen = Clock("ms"), Builder(), set[int]()

        def parse(record: Record) -> None:
            stamp, inputs, outputs, blocks = record
            count, ids = tokens(inputs, COLUMNS[1]), _blocks(blocks)
            held = BLOCK * sum(1 for _ in takewhile(seen.__contains__, ids))
            rows.add(clock.ns(stamp), count, tokens(outputs, COLUMNS[2]), min(held, count))
            seen.update(ids)

        return rows.finish(gather(source, COLUMNS, ("hash_ids",), parse))


def _blocks(value: Any) -> list[int]:
    if value is None:
        return []
    if isinstance(value, list) and all(type(block) is int for block in value):
        return value
    raise BadRow("hash_ids is no list of whole numbers", value=repr(value)[:60], hint="as [0, 1, 2], or leave it out")
