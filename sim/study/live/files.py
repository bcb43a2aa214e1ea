"""The folder of a live run: that of a simulation, with how the run went beside the numbers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.live import preflight
from sim.results.store import Writer, write_json
from sim.study.live.options import Options
from sim.study.manifest import manifest
from sim.units import MS

if TYPE_CHECKING:
    from sim.live.gates import Lateness
    from sim.live.outcome import LiveOutcome
    from sim.scenario.loader import Loaded
    from sim.study.live.run import Aim

LIVE_FILE = "live.json"
_STOPS = {
    "max_requests": "stopped by --max-requests: what was still planned was not sent",
    "max_spend": "stopped by --max-spend before it could be exceeded: what was still planned was not sent",
    "interrupted": "interrupted: what was still planned was not sent",
    "worker_lost": "a sending process was lost, with the rows that were its own",
}


def told(aim: Aim, outcome: LiveOutcome, options: Options) -> dict[str, Any]:
    """How the run went: ``live`` of summary.json, and live.json."""
    order, measured = outcome.order, outcome.measured
    return {
        "target": order.base_url if options.target is not None else "an emulator of its own",
        "emulated": order.control_url is not None,
        "api": order.api, "stream": order.stream, "speed": float(order.factor), "workers": order.workers,
        "wall_s": round(outcome.wall_s, 3), "valid": not invalid(outcome), "invalid": invalid(outcome),
        "stop_reason": measured.stop_reason,
        "max_requests": order.max_requests, "max_spend_usd": order.max_spend_usd,
        "rows": {"planned": measured.planned, "started": measured.started},
        "lateness_ms": {"client": _late(measured.late), "server": _late(measured.late_at_server)},
        "workers_told": [asdict(one) for one in measured.workers],
        "gates": [asdict(gate) for gate in outcome.gates],
        "preflight": None if aim.preflight is None else preflight.as_json(aim.preflight),
        "notes": list(aim.notes),
    }  # fmt: skip


def invalid(outcome: LiveOutcome) -> list[str]:
    """Why the run says nothing, in sentences."""
    stop = outcome.measured.stop_reason
    found = [_STOPS.get(stop, f"stopped: {stop}")] if stop else []
    return found + [
        f"{gate.meaning}: {_value(gate.value, gate.unit)}, the bound is {_value(gate.limit, gate.unit)}"
        for gate in outcome.gates if not gate.passed
    ]  # fmt: skip


def _value(value: float, unit: str) -> str:
    return f"{value:,.4g} {unit}".rstrip()


def _late(late: Lateness | None) -> dict[str, float] | None:
    if late is None:
        return None
    return {"count": late.count, "p50": late.p50_ns / MS, "p99": late.p99_ns / MS, "max": late.max_ns / MS}


def write(options: Options, loaded: Loaded, outcome: LiveOutcome, summary: dict[str, Any]) -> Path:
    """Write everything; the path of the page."""
    from sim.report.kinds import render

    out = options.out
    with Writer(out) as writer:
        writer.add(outcome.requests, outcome.attempts)
        writer.commit()
    write_json(out / LIVE_FILE, summary["live"])
    write_json(out / "summary.json", summary)
    notes = summary["live"]["notes"]
    said = manifest(loaded, kind="live", engine="live", command=options.command)
    write_json(out / "manifest.json", {**said, "notes": [*said["notes"], *notes]})
    return render(out)
