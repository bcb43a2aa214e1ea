"""The folder of a validation: what was compared, both worlds' tables, the slices, and the report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.metrics.summary import json_safe
from sim.policy.bucket import NEVER
from sim.results.store import Writer, write_json, write_text
from sim.study.manifest import manifest
from sim.study.naming import slug
from sim.study.validate.agree import Agreement, Line
from sim.study.validate.boundary import CAUSES, Analysis, Parting
from sim.study.validate.options import Compared, Options, Validation
from sim.units import MS, SECOND

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded

SHOWN = 500
"""Partings that summary.json lists; the counts are of all."""


def write(options: Options, loaded: Loaded, found: Sequence[Compared]) -> Validation:
    """Write everything into ``options.out``."""
    from sim.report.kinds import render

    out = options.out
    for one in found:
        _tables(out, one)
    summary = summary_of(options, loaded, found)
    write_json(out / "summary.json", summary)
    write_json(out / "manifest.json", manifest(loaded, kind="validate", engine="live", command=options.command))
    render(out)
    return Validation(summary, out)


def _tables(out: Path, one: Compared) -> None:
    """The slice that was run, and the two tables of each world."""
    folder = out / slug(one.name)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "scenario.yaml", one.slice.text)
    for world, tables in (("simulated", one.simulated), ("live", (one.outcome.requests, one.outcome.attempts))):
        with Writer(folder / world) as writer:
            writer.add(*tables)
            writer.commit()


def summary_of(options: Options, loaded: Loaded, found: Sequence[Compared]) -> dict[str, Any]:
    """Everything that the report says, plain."""
    scenario = loaded.scenario
    return dict(json_safe({
        "scenario": {"name": scenario.name, "sha256": loaded.sha256, "question": scenario.question},
        "seed": scenario.seed, "wall_s": options.wall_ns / SECOND, "speed": float(options.speed),
        "api": options.api, "workers": options.workers, "tolerances": asdict(options.tolerances),
        "agrees": all(one.passed for one in found),
        "configurations": {one.name: _configuration(one) for one in found},
    }))  # fmt: skip


def _configuration(one: Compared) -> dict[str, Any]:
    outcome = one.outcome
    return {
        "agrees": one.passed, "invalid": list(one.invalid), "folder": slug(one.name),
        "slice": {"notes": list(one.slice.notes), "time": float(one.slice.by.time), "rate": float(one.slice.by.rate),
                  "kept": float(one.slice.by.count)},
        "digest": one.digest, "wall_s": outcome.wall_s,
        "gates": [asdict(gate) for gate in outcome.gates],
        **agreement_json(one.agreement), "lines": [line_json(line) for line in one.agreement.lines],
        "boundary": _analysis(one.analysis),
    }  # fmt: skip


def agreement_json(found: Agreement) -> dict[str, Any]:
    """How many requests end alike, and what is beyond its tolerance."""
    return {"requests": found.requests, "same": found.same, "share": found.share, "needed": found.needed,
            "failed": [f"{line.team}: {line.metric}" for line in found.failed]}  # fmt: skip


def line_json(line: Line) -> dict[str, Any]:
    """One number on both sides; the sides are called ``simulated`` and ``live``."""
    return {"team": line.team, "metric": line.metric, "unit": line.unit, "simulated": line.first, "live": line.second,
            "difference": line.difference, "tolerance": line.tolerance, "within": line.within}  # fmt: skip


def _analysis(found: Analysis) -> dict[str, Any]:
    late = np.abs(found.late_ns)
    levels = np.quantile(late, (0.5, 0.99, 1.0)) / MS if len(late) else np.full(3, math.nan)
    live = found.replayed[1]
    return {
        "counts": dict(found.counts), "meanings": CAUSES,
        "lateness_ms": dict(zip(("p50", "p99", "max"), map(float, levels), strict=True)),
        "decisions": {"asked": live.asked, "same": live.same},
        "partings": [_parting(one) for one in found.partings[:SHOWN]],
    }  # fmt: skip


def _parting(one: Parting) -> Mapping[str, Any]:
    return {
        "request": one.request, "attempt": one.attempt, "at_s": one.at_ns / SECOND, "rule": one.rule,
        "simulated": one.first, "live": one.second, "cause": one.cause, "lateness_ms": one.late_ns / MS,
        "distance_ms": None if one.distance_ns >= NEVER else one.distance_ns / MS,
    }  # fmt: skip
