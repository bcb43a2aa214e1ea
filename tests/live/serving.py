"""A small scenario, its emulator in a process of its own, and an order to replay it there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sim.live.order import LiveOrder
from sim.scenario.loader import load

CALM = """
name: calm
question: Does a replay over HTTP give what the simulation says, request by request?
duration: 60s
drain: 30s
seed: 7
teams:
  shop:
    workload:
      - {arrivals: {constant: {rate: 60/min}}, model: quick, input_tokens: 900, output_tokens: 100}
      - arrivals: {sessions: {rate: 20/min, steps: 3, think: 400ms}}
        model: quick
        input_tokens: 300
        output_tokens: 40
    client: {retry: {max_attempts: 4, base: 2s, jitter: full}, timeout: 8s}
  batch:
    workload: {arrivals: {constant: {rate: 300/min}}, model: quick, input_tokens: 500, output_tokens: 50}
    client: {retry: {max_attempts: 2, base: 4s, jitter: full}, timeout: 20s, max_concurrent: 40}
models:
  quick: {price: {input: $3, output: $15}, first_token: {median: 300ms, p95: 900ms}, per_token: {median: 4ms, p95: 6ms}}
configurations:
  roomy: {isolation: shared, limits: {requests: 6000/min, burst: 600}}
  spent: {isolation: keys, limits: {requests: 6000/min, burst: 600}}
chaos:
  - storm: {status: 503, at: 20s, for: 10s, probability: 50%}
"""
"""Nothing in it depends on which of two requests comes first by a few milliseconds, but for the storm's edges."""


@contextmanager
def emulator(path: Path, configuration: str, data: Path, speed: str) -> Iterator[dict[str, Any]]:
    """`keystorm serve` in a process of its own; what it told when it listened."""
    command = [
        sys.executable, "-m", "sim", "serve", str(path), "--configuration", configuration, "--port", "0", "--json",
        "--data", str(data), "--speed", speed,
    ]  # fmt: skip
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        yield json.loads(running.stdout.readline())
    finally:
        running.terminate()
        running.wait(20)
        if running.stdout is not None:
            running.stdout.close()


def variables(told: dict[str, Any]) -> dict[str, str]:
    """For each key of an emulator the variable that will hold its secret."""
    return {key["name"]: f"TEST_SECRET_{at}" for at, key in enumerate(told["keys"])}


def environment(told: dict[str, Any]) -> dict[str, str]:
    """An environment with the emulator's secrets."""
    named = variables(told)
    return {**os.environ, **{named[key["name"]]: key["secret"] for key in told["keys"]}}


def order_for(path: Path, configuration: str, told: dict[str, Any], speed: str, **more: Any) -> LiveOrder:
    """An order to replay a scenario at an emulator."""
    url = told["openai_base_url"] if more.get("api") == "openai" else told["anthropic_base_url"]
    return LiveOrder(
        str(path), load(path).sha256, configuration, url, variables(told), speed=speed,
        control_url=told["anthropic_base_url"], lead_s=1.0, **more,
    )  # fmt: skip
