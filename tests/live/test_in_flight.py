"""Many requests in flight: no hidden queue, and connections are used again, also from file descriptor 1024 on."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

if find_spec("locust") is None:  # importing it would patch this process
    pytest.skip("the extra `live` is not installed", allow_module_level=True)
pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

from sim.live.run import run_live
from sim.results.columns import SUCCEEDED
from tests.live.serving import emulator, environment, order_for

HERD = 1200
TWICE = f"""
name: twice
duration: 12s
drain: 30s
teams:
  first:
    workload: {{arrivals: {{herd: {{size: {HERD}, at: 1s}}}}, model: slow, input_tokens: 9, output_tokens: 9}}
    client: {{retry: none, timeout: 60s}}
  second:
    workload: {{arrivals: {{herd: {{size: {HERD}, at: 10s}}}}, model: slow, input_tokens: 9, output_tokens: 9}}
    client: {{retry: none, timeout: 60s}}
models:
  slow: {{price: {{input: $3, output: $15}}, first_token: 4s, per_token: 0ms}}
configurations:
  free: {{isolation: shared}}
"""


def test_a_thousand_and_more_in_flight_use_their_connections_again(tmp_path: Path) -> None:
    path = tmp_path / "twice.yaml"
    path.write_text(TWICE, "utf-8")
    with emulator(path, "free", tmp_path / "serve", "2") as told:
        outcome = run_live(order_for(path, "free", told, "2"), tmp_path / "out", environment(told))
    worker = outcome.measured.workers[0]
    assert np.all(outcome.result.outcome == SUCCEEDED)
    assert worker.in_flight_peak >= 0.9 * HERD, "all of a herd wait for their answers at once"
    assert worker.connections <= 1.05 * worker.in_flight_peak
    assert worker.pool_waits == 0
    assert outcome.measured.started == 2 * HERD
