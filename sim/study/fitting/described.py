"""From what was fitted to the words of a scenario file: mappings as YAML has them."""

from __future__ import annotations

from typing import Any

from sim.catalogue.data import model_names
from sim.scenario.workloads import Workload
from sim.study.fitting.token_sizes import written
from sim.study.fitting.types import Candidate, ClientFit, Estimate, ProviderFit, SessionFit, SizeFit
from sim.study.importing.prices import listed_name
from sim.units import SECOND, duration_text

Said = dict[str, Any]

NOTHING = 2e-6
"""Seconds below which a time is none."""


def plain(value: float, digits: int = 6) -> str:
    """A number with so many significant digits and no exponent."""
    text = f"{value:.{digits}g}"
    return f"{value:.12f}".rstrip("0").rstrip(".") if "e" in text else text


def per_time(per_minute: float) -> str:
    """A rate in the unit that keeps it readable."""
    for unit, factor in (("min", 1), ("hour", 60), ("day", 1440)):
        if per_minute * factor >= 1:
            return f"{plain(per_minute * factor)}/{unit}"
    return f"{plain(per_minute * 43_200)}/month"


def seconds(value: float) -> str:
    """A duration, to the nanosecond where it is short; at least a nanosecond."""
    return f"{max(1, round(value * SECOND))}ns" if value < 1e-3 else f"{plain(value)}s"


def arrivals(candidate: Candidate) -> Said:
    """The mapping under ``arrivals:``."""
    values = {name: each.value for name, each in candidate.values.items()}
    said: Said = {}
    for name, value in values.items():
        if name == "rate":
            said[name] = per_time(value)
        elif name == "cv":
            said[name] = float(plain(value, 4))
        elif name == "size":
            said[name] = round(value)
        else:
            said[name] = seconds(value) if value > 0 else 0
    if candidate.process == "bursts" and "start" not in values:
        said["random"] = True
    return {candidate.process: said}


def profile(candidate: Candidate, day: str, starts_at: int) -> Said | None:
    """The mapping under ``profile:``; None for a flat rate."""
    if candidate.shape == "flat":
        return None
    weights = [float(each) if each % 1 else int(each) for each in candidate.weights]
    if candidate.shape == "steps":
        return {"every": duration_text(round(candidate.step_s * SECOND)), "weights": weights}
    said: Said = {"hours": weights}
    if candidate.days:
        said["days"] = list(candidate.days)
    return said | {"day": day, "starts_at": duration_text(starts_at)}


def sessions(fit: SessionFit, per_minute: float) -> Said:
    """The mapping under ``arrivals: sessions:``."""
    return {
        "rate": per_time(per_minute), "steps": size(fit.steps), "think": think(fit.think),
        "grow": round(fit.grow.value), "keep_output": fit.keep_output,
    }  # fmt: skip


def think(fit: SizeFit) -> Any:
    """A time from milliseconds; lognormal by median and p95 also where that is not near."""
    if fit.kind == "fixed":
        return f"{round(fit.values['fixed'].value)}ms"
    low, high = (
        (fit.values["median"].value, fit.values["p95"].value)
        if fit.kind == "lognormal"
        else (fit.log["p50"], fit.log["p95"])
    )
    return {"median": f"{max(1, round(low))}ms", "p95": f"{max(1, round(low), round(high))}ms"}


def size(fit: SizeFit) -> Any:
    """A token size."""
    whole = written(fit.kind, fit.values)
    return whole["fixed"] if fit.kind == "fixed" else whole


def workload(
    candidate: Candidate, model: str, inputs: SizeFit, outputs: SizeFit, cached: Estimate,
    session: SessionFit | None, start: tuple[str, int],
) -> Said:  # fmt: skip
    """One entry under ``workload:``. ``start`` is the weekday and the time of day at which the log starts."""
    said: Said = {"arrivals": arrivals(candidate)}
    if session is not None:
        said["arrivals"] = {"sessions": sessions(session, candidate.values["rate"].value)}
    rhythm = profile(candidate, *start)
    if rhythm is not None:
        said["profile"] = rhythm
    said |= {"model": model, "input_tokens": size(inputs), "output_tokens": size(outputs)}
    if cached.value > 0:
        said["cached_input"] = float(plain(cached.value, 4))
    return said


def as_workload(said: Said) -> Workload:
    """The same, checked."""
    return Workload.model_validate(said)


def model(fit: ProviderFit, stand_in: str) -> Said | None:
    """The entry under ``models:``; None where the catalogue says it all."""
    said: Said = {}
    if fit.model and fit.model not in model_names():
        said["like"] = listed_name(fit.model) or stand_in
    if fit.price is not None:
        said["price"] = {name: f"${plain(max(0.0, value), 4)}" for name, value in fit.price.items()}
    for name, times in (("first_token", fit.first_token), ("per_token", fit.per_token)):
        if times is not None:
            low = times["median"].value
            if low < NOTHING:
                said[name] = 0
                continue
            said[name] = {"median": seconds(low), "p95": seconds(max(low, times["p95"].value))}
    return said or None


def client(fit: ClientFit) -> Said | None:
    """The entry under ``client:``; None where the log shows none."""
    if fit.source == "none":
        return None
    if fit.source == "retries":
        return {"retry": {"max_attempts": fit.max_attempts, "base": "500ms", "multiplier": 2, "cap": "8s",
                          "jitter": "range(0.75, 1)"}}  # fmt: skip
    cap = fit.base_s.value * fit.multiplier ** max(0, fit.max_attempts - 2)
    policy = {"max_attempts": fit.max_attempts, "base": seconds(fit.base_s.value),
              "multiplier": float(plain(fit.multiplier, 3)), "cap": seconds(cap), "jitter": "none"}  # fmt: skip
    return {"retry": policy}
