"""What a fit tells, as plain numbers and texts for ``fit.json``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.metrics.summary import json_safe
from sim.study.fitting.log import Log
from sim.study.fitting.types import (
    Burstiness,
    Candidate,
    ClientFit,
    Estimate,
    Fitted,
    History,
    LimitTest,
    Options,
    ProviderFit,
    SessionFit,
    SizeFit,
    StreamFit,
)
from sim.units import SECOND

Told = dict[str, Any]


def summary_of(log: Log, fitted: Fitted, history: History | None, options: Options) -> Told:
    """The whole summary."""
    worst = max((abs(test.error) for test in fitted.total() if test.dimension == "requests"), default=None)
    told = {
        "kind": "fit",
        "log": Path(log.shown).name,
        "requests": int(log.replayed.sum()),
        "rows": len(log),
        "span_s": log.span_ns / SECOND,
        "teams": sorted({stream.team for stream in fitted.streams}),
        "scenario": "scenario.yaml",
        "tolerance": options.tolerance,
        "replications": options.replications,
        "worst_refusal_error": worst,
        "fits": worst is not None and worst <= options.tolerance,
        "streams": [_stream(stream) for stream in fitted.streams],
        "clients": [_client(each) for each in fitted.clients],
        "providers": [_provider(each) for each in fitted.providers],
        "errors": dict(fitted.errors),
        "throttling": [_test(test) for test in fitted.throttling],
        "history": None if history is None else history_told(history),
        "notes": list(fitted.notes),
        "flags": list(fitted.flags),
    }
    return dict(json_safe(told))


def _number(estimate: Estimate) -> Told:
    return {"value": estimate.value, "ci95": [estimate.low, estimate.high]}


def _numbers(values: Mapping[str, Estimate] | None) -> Told | None:
    return None if values is None else {name: _number(each) for name, each in values.items()}


def _burstiness(found: Burstiness | None) -> Told | None:
    if found is None:
        return None
    return {"per_minute": found.per_minute, "cv": found.cv, "peak_to_mean": dict(found.peak),
            "dispersion": dict(found.dispersion)}  # fmt: skip


def _candidate(one: Candidate) -> Told:
    return {
        "process": one.title, "arrivals": one.process, "profile": one.shape, "step_s": one.step_s or None,
        "values": _numbers(one.values), "parameters": one.parameters, "log_likelihood": one.log_likelihood,
        "aic": one.aic, "refusal_error": one.error,
    }  # fmt: skip


def _size(fit: SizeFit) -> Told:
    return {"kind": fit.kind, "values": _numbers(fit.values), "log": dict(fit.log), "fitted": dict(fit.fitted),
            "distance": fit.distance}  # fmt: skip


def _session(fit: SessionFit | None) -> Told | None:
    if fit is None:
        return None
    return {"sessions": fit.sessions, "steps": _size(fit.steps), "think_ms": _size(fit.think),
            "grow": _number(fit.grow), "keep_output": fit.keep_output, "closed_share": fit.closed_share}  # fmt: skip


def _stream(stream: StreamFit) -> Told:
    return {
        "team": stream.team, "model": stream.model, "requests": stream.requests, "why": stream.why,
        "chosen": _candidate(stream.chosen), "candidates": [_candidate(each) for each in stream.candidates],
        "input": _size(stream.input), "output": _size(stream.output), "cached_input": _number(stream.cached),
        "session": _session(stream.session), "log": _burstiness(stream.log), "fitted": _burstiness(stream.fitted),
        "notes": list(stream.notes),
    }  # fmt: skip


def _client(fit: ClientFit) -> Told:
    return {"team": fit.team, "source": fit.source, "max_attempts": fit.max_attempts, "base_s": _number(fit.base_s),
            "multiplier": fit.multiplier, "retried": fit.retried, "why": fit.why}  # fmt: skip


def _provider(fit: ProviderFit) -> Told:
    return {"model": fit.model, "requests": fit.requests, "first_token_s": _numbers(fit.first_token),
            "per_token_s": _numbers(fit.per_token), "price_usd_per_million": fit.price, "why": fit.why}  # fmt: skip


def _test(test: LimitTest) -> Told:
    return {
        "team": test.team, "dimension": test.dimension, "limit": test.limit, "log": test.log,
        "fitted": _number(test.fitted), "spread": list(test.spread), "error": test.error, "likely": test.likely,
    }  # fmt: skip


def history_told(history: History) -> Told:
    """The comparison with what was recorded."""
    return {
        "limits": history.limits, "inferred": history.inferred, "how": history.how, "trust": history.trust,
        "verdict": history.verdict, "notes": list(history.notes),
        "rows": [
            {"team": row.team, "metric": row.metric, "unit": row.unit, "recorded": row.recorded,
             "simulated": _number(row.simulated), "verdict": row.verdict}
            for row in history.rows
        ],
    }  # fmt: skip
