"""The public traces, imported: the numbers of their README, and the replay of what was imported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.study.importing.options import Options
from sim.study.importing.run import import_logs
from sim.study.progress import Silent
from sim.units import HOUR
from sim.workload.importers import read_trace
from tests.unit.importer_cases import trace

pytestmark = pytest.mark.data


@pytest.mark.parametrize(
    ("file", "rows", "cv", "peak_minute", "peak_second", "input_mean", "input_p95"),
    [
        ("azure_llm_2023_code.csv.gz", 8819, 13.15, 4.18, 26.1, 2047.8, 7303),
        ("mooncake_fast25_synthetic.jsonl.gz", 3993, 1.01, 1.17, 3.3, 15325.5, 48905),
    ],
)
def test_request_traces(
    file: str, rows: int, cv: float, peak_minute: float, peak_second: float, input_mean: float, input_p95: float,
    shared_data: Path, tmp_path: Path,
) -> None:  # fmt: skip
    told = import_logs([str(shared_data / file)], Options(), tmp_path / "out", Silent()).summary
    assert (told["rows_read"], told["rows_kept"], told["rows_rejected"]) == (rows, rows, 0)
    whole = told["total"]
    assert whole["cv"] == pytest.approx(cv, abs=0.006)
    # The README counts whole minutes only.
    assert whole["peak_to_mean"]["1min"] == pytest.approx(peak_minute, rel=0.03)
    assert whole["peak_to_mean"]["1s"] == pytest.approx(peak_second, rel=0.05)
    assert whole["input"]["mean"] == pytest.approx(input_mean, abs=0.1)
    assert whole["input"]["p95"] == pytest.approx(input_p95, rel=0.011)
    assert told["quality"]["tick_s"] == 0
    direct = read_trace(trace(file), shared_data)
    again = read_trace(trace("out/requests.parquet"), tmp_path)
    for column in ("arrival_ns", "input_tokens", "cached_tokens", "output_tokens"):
        assert np.array_equal(getattr(direct, column), getattr(again, column)), column


def test_a_pool_of_rates(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shared_data)
    options = Options(tokens="servegen_deepseek_r1_client_tokens.csv.gz", window=(0, 2 * HOUR))
    log = "servegen_deepseek_r1_client_rates.csv.gz"
    told = import_logs([log], options, tmp_path / "out", Silent()).summary
    rates = read_trace(trace(log, window=["0s", "2h"]), shared_data)
    assert told["requests"] == pytest.approx(rates.requests.sum(), rel=0.001)
    assert told["rows_read"] == 3111 + 184
    found = {one["team"]: one["requests"] for one in told["profile"]}
    for name, wanted in zip(rates.client, rates.requests, strict=True):
        assert found.get(name, 0) == pytest.approx(wanted, abs=13)
