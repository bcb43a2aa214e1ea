"""The folder of a comparison with a gateway: both sides' tables, the proxy's spend log, and the report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

from sim.metrics.summary import json_safe
from sim.results.store import Writer, write_json, write_text
from sim.study.gateway.config import LOG
from sim.study.gateway.options import DECIDED, HELD, Compared, Found, GatewayStudy, Options
from sim.study.gateway.scenario import Staged
from sim.study.manifest import manifest
from sim.study.naming import slug
from sim.study.validate.agree import compare
from sim.study.validate.files import agreement_json, line_json
from sim.units import SECOND

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded

SCENARIO = "scenario.yaml"


def write(options: Options, loaded: Loaded, stage: Staged, found: Found, log: Path) -> GatewayStudy:
    """Write everything into ``options.out``."""
    from sim.report.kinds import render

    out = options.out
    for one in found.compared:
        sides = ("predicted", one.predicted[one.told]), ("litellm", (one.outcome.requests, one.outcome.attempts))
        for side, tables in sides:
            with Writer(out / slug(one.name) / side) as writer:
                writer.add(*tables)
                writer.commit()
    write_text(out / SCENARIO, stage.text)
    if log.exists():
        copyfile(log, out / LOG)
    summary = summary_of(options, loaded, stage, found)
    write_json(out / "summary.json", summary)
    write_json(out / "manifest.json", manifest(loaded, kind="gateway", engine="live", command=options.command))
    render(out)
    return GatewayStudy(summary, out)


def summary_of(options: Options, loaded: Loaded, stage: Staged, found: Found) -> dict[str, Any]:
    """Everything that the report says, plain."""
    scenario = loaded.scenario
    return dict(json_safe({
        "scenario": {"name": scenario.name, "sha256": loaded.sha256, "question": scenario.question},
        "seed": scenario.seed, "wall_s": options.wall_ns / SECOND, "window_s": options.window_s, "peak": options.peak,
        "gateway": {"name": "LiteLLM", "version": found.version, "started_s": found.started_s,
                    "overhead_ms": {"p50": found.overhead_ms[0], "p95": found.overhead_ms[1]}},
        "tolerances": {**asdict(HELD), "decisions": DECIDED},
        "agrees": all(one.passed for one in found.compared),
        "configurations": {one.name: _configuration(one) for one in found.compared},
        "probes": [one.json() for one in found.verdicts], "notes": list(stage.notes),
    }))  # fmt: skip


def _configuration(one: Compared) -> dict[str, Any]:
    return {
        "agrees": one.passed, "invalid": list(one.invalid), "folder": slug(one.name), "wall_s": one.outcome.wall_s,
        "retry_after": one.told, "gates": [asdict(gate) for gate in one.outcome.gates], "keys": dict(one.keys),
        **agreement_json(one.agreement), "lines": [line_json(line) for line in one.agreement.lines],
        "decisions": {**asdict(one.decisions), "share": one.decisions.share},
        "other": _other(one),
    }  # fmt: skip


def _other(one: Compared) -> list[dict[str, Any]]:
    """What the prediction would be if refusals did what they do not do: say, or not say, when to come back."""
    lines = compare(one.predicted[one.told], one.predicted[not one.told], HELD).lines
    return [line_json(line) for line in lines if line.metric in ("attempts", "success rate", "cost", "p95")]
