"""A small account that four teams share, one of which crowds the others out; migrated once for many tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from sim.scenario.loader import Loaded, load_text
from sim.study.migrate.migrate import Study, migrate
from sim.study.migrate.options import Options
from sim.study.migrate.source import Given
from sim.study.progress import Silent

TEXT = """
name: crowd
question: Who is crowded out?
duration: 12m
warmup: 1m
drain: 3m
replications: 3
seed: 7
models: {m: {price: {input: $1, output: $2}, first_token: 400ms, per_token: 1ms}}
teams:
  batch:
    workload: [{arrivals: {bursts: {rate: 90/min, on: 1m, off: 2m}}, model: m, input_tokens: 100, output_tokens: 20}]
    client: {retry: {max_attempts: 3, base: 500ms, jitter: full}}
  checkout:
    services: 6
    workload: [{arrivals: {poisson: {rate: 12/min}}, model: m, input_tokens: 100, output_tokens: 20}]
    client: {retry: {max_attempts: 2, base: 500ms, jitter: full}}
  search:
    services: 3
    workload: [{arrivals: {poisson: {rate: 8/min}}, model: m, input_tokens: 100, output_tokens: 20}]
    client: {retry: none}
  tiny-a:
    workload: [{arrivals: {poisson: {rate: 12/h}}, model: m, input_tokens: 100, output_tokens: 20}]
  tiny-b:
    workload: [{arrivals: {poisson: {rate: 12/h}}, model: m, input_tokens: 100, output_tokens: 20}]
configurations:
  shared: {isolation: shared, limits: {requests: 60/min, burst: 20}}
  projects: {isolation: projects, limits: {requests: 60/min, burst: 20}, split: by-traffic}
slos:
  - checkout: success_rate >= 98%
"""


def loaded(text: str = TEXT) -> Loaded:
    return load_text(text, Path("crowd.yaml"))


def study(text: str = TEXT, **more: Any) -> Study:
    """One migration without files, unless ``out`` says where."""
    return migrate(
        Given(loaded(text), "scenario"), Options(**{"exports": ("limits.yaml", "csv"), "drills": 1, **more}), Silent()
    )


@cache
def crowd() -> Study:
    """The migration to projects."""
    return study()


@cache
def keys() -> Study:
    """The migration to a key each, which has no limits to search for."""
    return study(target="keys")
