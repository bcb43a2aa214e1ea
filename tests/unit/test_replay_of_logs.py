"""A log that ``keystorm import`` wrote, replayed: read in bulk as it is read row by row, and all models in step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.units import SECOND
from sim.workload.importers import IMPORTERS, read_trace
from sim.workload.importers.base import Reading, Request, Who
from sim.workload.importers.collect import Collector, Rejects
from sim.workload.importers.labels import Labels, plain_name
from sim.workload.importers.source import Source
from sim.workload.importers.trace_rows import TraceRows
from sim.workload.log.rows import Names, rows_of
from sim.workload.log.write import write
from tests.unit.importer_cases import trace

KINDS: tuple[dict[str, Any], ...] = (
    {}, {"failed": True}, {"failed": True, "input_tokens": 0, "output_tokens": 0}, {"cached": True}, {"tier": "batch"},
    {"assumed": True}, {"cache_read": 7},
)  # fmt: skip
WHO = (Who(), Who("checkout"), Who("", "search"), Who("", "", "sk-secret"), Who("checkout", "search"))


def some_log(folder: Path, seed: int, rows: int = 400) -> Path:
    """A log with every kind of row, in two parts."""
    r = np.random.default_rng(seed)
    at = np.sort(r.integers(0, 3600, rows)) * SECOND + 1_794_853_023_000_000_000
    made = []
    for start in at.tolist():
        said = {"input_tokens": int(r.integers(1, 900)), "output_tokens": int(r.integers(0, 90)),
                "model": str(r.choice(["a", "b", ""])), "who": WHO[int(r.integers(len(WHO)))],
                **KINDS[int(r.integers(len(KINDS)))]}  # fmt: skip
        made.append(Request(start, **said))
    names = Names()
    whole, _ = rows_of(made, Labels(b"salt"), names)
    parts = iter([whole[: rows // 3], whole[rows // 3 :]])
    assert sum(len(part) for part in write(folder / "requests.parquet", parts, names, "utc")) == rows
    return folder


def one_by_one(folder: Path, models: list[str] | None) -> TraceRows:
    reading = Reading()
    collector = Collector(
        Rejects("requests.parquet"), reading, plain_name, None if models is None else frozenset(models)
    )
    collector.take(IMPORTERS["keystorm"].read(Source(folder, "requests.parquet"), reading))
    return collector.finish()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("models", [None, ["a"], ["a", ""]])
def test_in_bulk_as_one_by_one(seed: int, models: list[str] | None, tmp_path: Path) -> None:
    folder = some_log(tmp_path, seed)
    bulk, single = read_trace(trace("requests.parquet", models=models), folder), one_by_one(folder, models)
    assert bulk.client == single.client and set(bulk.client) >= {"checkout", "search"}
    for column in ("arrival_ns", "input_tokens", "cached_tokens", "output_tokens", "client_code"):
        assert np.array_equal(getattr(bulk, column), getattr(single, column)), column
    assert (bulk.span_ns, bulk.read_count, bulk.rejected_count) == (single.span_ns, single.read_count, 0)
    assert bulk.notes[1:] == single.notes and any("not replayed" in note for note in bulk.notes)


def test_models_of_one_log_stay_in_step(tmp_path: Path) -> None:
    """Time counts from the log's first row, whichever models are kept: a window is the same for all."""
    requests = [Request(SECOND * at, 10, 1, model=model, who=Who("t")) for at, model in
                ((100, "a"), (160, "b"), (190, "b"), (220, "a"))]  # fmt: skip
    names = Names()
    rows, _ = rows_of(requests, Labels(b"salt"), names)
    assert len(list(write(tmp_path / "requests.parquet", iter([rows]), names, "utc"))) == 1
    found = {model: read_trace(trace("requests.parquet", models=[model]), tmp_path) for model in "ab"}
    assert found["a"].arrival_ns.tolist() == [0, 120 * SECOND]
    assert found["b"].arrival_ns.tolist() == [60 * SECOND, 90 * SECOND]
    cut = read_trace(trace("requests.parquet", models=["b"], window=["80s", "130s"]), tmp_path)
    assert cut.arrival_ns.tolist() == [10 * SECOND]
