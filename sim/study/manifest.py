"""What a study was: scenario, seed, versions and assumptions, for ``manifest.json``."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from sim import __version__
from sim.catalogue.resolve import resolve_model
from sim.scenario.loader import Loaded
from sim.scenario.workloads import FixedTime, SpreadTime
from sim.units import duration_text

_VERSIONS = ("numpy", "pandas", "simpy", "numba", "pyarrow", "matplotlib", "pydantic")


def manifest(loaded: Loaded, *, kind: str, engine: str, command: Sequence[str]) -> dict[str, Any]:
    """What was run, with what; nothing about where or when, so that equal runs write equal files."""
    scenario = loaded.scenario
    return {
        "keystorm": __version__,
        "kind": kind,
        "command": list(command),
        "scenario": {
            "name": scenario.name,
            "sha256": loaded.sha256,
            "resolved": scenario.model_dump(mode="json", by_alias=True, exclude_none=True),
        },
        "seed": scenario.seed,
        "replications": scenario.replications,
        "engine": engine,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _VERSIONS},
        "assumptions": _answer_times(loaded),
        "notes": list(loaded.notes),
        **({} if loaded.varied is None else {"varied": loaded.varied.json()}),
    }


def _answer_times(loaded: Loaded) -> list[str]:
    """What is assumed about each model's answers, one sentence a model."""
    used = {workload.model for team in loaded.scenario.teams.values() for workload in team.workload}
    sentences = []
    for name in sorted(used):
        model = resolve_model(loaded.scenario, name)
        slots = "without bound" if model.slots is None else f"at most {model.slots} at once, {model.queue} waiting"
        first, each = _time(model.first_token), _time(model.per_token)
        sentences.append(f"{name} answers after {first} to the first token and {each} per output token, {slots}.")
    return sentences


def _time(time: SpreadTime | FixedTime) -> str:
    if isinstance(time, FixedTime):
        return duration_text(time.fixed)
    return f"{duration_text(time.median)} (median; p95 {duration_text(time.p95)})"
