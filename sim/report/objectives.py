"""How an objective of a scenario reads in a sentence or a table."""

from __future__ import annotations

from sim.metrics.declared import BY_NAME
from sim.report.numbers import NB

_METRICS = {
    "success_rate": "success", "own_success_rate": "success", "latency_p95_s": "p95 latency",
    "latency_p50_s": "median latency", "latency_p99_s": "p99 latency", "jain_index": "Jain’s index",
}  # fmt: skip
_SIGNS = {">=": "≥", "<=": "≤"}


def objective_text(text: str, *, team: bool = True) -> str:
    """``checkout: success_rate >= 99.5%`` → ``checkout: success ≥ 99.5 %``."""
    who, _, rest = text.rpartition(": ")
    metric, sign, bound = rest.split(" ", 2)
    said = f"{metric_text(metric)} {_SIGNS.get(sign, sign)} {_bound(metric, bound)}"
    return f"{who}: {said}" if team else said


def metric_text(metric: str) -> str:
    """What a metric is called in a sentence: ``p95 latency``, ``cost per success``."""
    declared = BY_NAME.get(metric)
    return _METRICS.get(metric) or (declared.label[:1].lower() + declared.label[1:] if declared else metric)


def _bound(metric: str, bound: str) -> str:
    """The bound as a scenario writes it, with its unit."""
    unit = BY_NAME[metric].unit if metric in BY_NAME else ""
    if unit == "USD":
        return f"${bound}"
    return bound.replace("%", f"{NB}%") + {"s": f"{NB}s", "1/min": "/min"}.get(unit, "")


def goal_text(text: str) -> str:
    """``99.5 % success``, ``p95 latency ≤ 20 s``."""
    said = objective_text(text, team=False)
    return f"{said.rpartition(' ')[2]} success" if said.startswith("success ≥ ") else said
