"""How an objective of a scenario reads in a sentence or a table."""

from __future__ import annotations

from sim.report.numbers import NB

_METRICS = {
    "success_rate": "success", "own_success_rate": "success", "latency_p95_s": "p95 latency",
    "latency_p50_s": "median latency", "latency_p99_s": "p99 latency",
}  # fmt: skip
_SIGNS = {">=": "≥", "<=": "≤"}


def objective_text(text: str, *, team: bool = True) -> str:
    """``checkout: success_rate >= 99.5%`` → ``checkout: success ≥ 99.5 %``."""
    who, _, rest = text.rpartition(": ")
    metric, sign, bound = rest.split(" ", 2)
    said = f"{_METRICS.get(metric, metric)} {_SIGNS.get(sign, sign)} {bound.replace('%', NB + '%')}"
    said += f"{NB}s" if metric.endswith("_s") else ""
    return f"{who}: {said}" if team else said


def goal_text(text: str) -> str:
    """``99.5 % success``, ``p95 latency ≤ 20 s``."""
    said = objective_text(text, team=False)
    return f"{said.rpartition(' ')[2]} success" if said.startswith("success ≥ ") else said
