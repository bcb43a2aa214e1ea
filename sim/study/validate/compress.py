"""Which part of a scenario fits into a minute: the whole of it, squeezed, so that its incidents are inside.

Cutting the first minute out of two hours would leave out what the scenario is about. So its
timeline is squeezed: what lasts hours lasts seconds, requests come so much faster, and limits
refill so much faster. Both sides of a validation run the squeezed scenario; what was changed is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.engine.tables import LOG
from sim.engine.world import Setting
from sim.policy.bucket import NEVER
from sim.scenario.loader import load_text
from sim.scenario.plan import build_plan, expected_requests
from sim.study.runs import checked_run, settings_of
from sim.study.validate.shape import Squeeze, squeezed
from sim.units import SECOND, duration_text

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded
    from sim.scenario.schema import Scenario

LATE = 0.9
"""A cap that is reached before this share of the timeline is reached early enough to be seen."""
DRAIN_SHARE = Fraction(1, 4)
"""Of the wall time, for answers and retries after the last arrival."""
CROWD = 30.0
"""Attempts a second of wall time at a limit that refuses most of them, in the busiest second. Who gets its next token
there is who comes first after it: the plan says so as long as attempts are far apart against the milliseconds by which
any of them is late. Attempts of one instant count as one: nothing would part them."""
PEAK = 150.0
"""Planned requests a second of wall time, in the busiest second, that one machine sends and serves with room."""


@dataclass(frozen=True)
class Slice:
    """What is run: the squeezed scenario as a file of its own, by how much, and what to tell about it."""

    loaded: Loaded
    text: str
    by: Squeeze
    notes: tuple[str, ...]


def slice_of(
    loaded: Loaded, configuration: str, wall_ns: int, speed: Fraction, path: Path, peak: float = PEAK
) -> Slice:  # fmt: skip
    """The scenario in ``wall_ns`` of wall time at ``speed``. ``path`` is where its file will stand.

    ``peak``: planned requests in the busiest second of wall time that there is room for.

    Raises BadInput or BadScenario where nothing arrives in so short a time, or the squeezed one can't be.
    """
    scenario, room = loaded.scenario, int(wall_ns * speed)
    drain = min(scenario.drain, int(room * DRAIN_SHARE))
    time = max(Fraction(1), Fraction(scenario.duration, room - drain))
    seconds = float(scenario.duration / time / speed) / SECOND
    first = _share(2 * peak * seconds, expected_requests(scenario, loaded.traces))  # so that the plan is small
    by = Squeeze(time, time * first, _largest(scenario), scenario.duration)
    made = _made(loaded, configuration, by, drain, path)
    share = _share(peak, _peak(made[0], speed)) * first
    if share < first:
        by = replace(by, rate=time * share)
        made = _made(loaded, configuration, by, drain, path)
    crowded = _share(CROWD, crowd(made[0], configuration, speed))
    if crowded < 1 and not _only_herds(scenario):
        by = replace(by, rate=by.rate * crowded)
        made = _made(loaded, configuration, by, drain, path)
    caps = cap_factor(made[0], configuration)
    if caps != 1:
        by = replace(by, caps=caps)
        made = _made(loaded, configuration, by, drain, path)
    return Slice(*made, by, tuple(_told(loaded, made[0], by)))


def _only_herds(scenario: Scenario) -> bool:
    """Whether nothing comes per time, so that no rate could be lowered."""
    workloads = [workload for team in scenario.teams.values() for workload in team.workload]
    return all(workload.arrivals.kind == "herd" for workload in workloads)


def _share(room: float, wanted: float) -> Fraction:
    """How much of what is wanted has room, at most all of it."""
    return Fraction(1) if wanted <= room else Fraction(room / wanted).limit_denominator(10**7)


def _made(loaded: Loaded, configuration: str, by: Squeeze, drain: int, path: Path) -> tuple[Loaded, str]:
    data = loaded.scenario.model_dump(mode="json", by_alias=True, exclude_none=True)
    found = squeezed(data, by, configuration, drain)
    _found_files(found, loaded.base)
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    return load_text(text, path), text


def _found_files(data: dict[str, Any], base: Path) -> None:
    """Traces are read from where the scenario is, not from where its slice is written."""
    for team in data["teams"].values():
        for workload in team["workload"]:
            trace = workload["arrivals"].get("trace")
            for name in ("file", "tokens"):
                if trace and trace.get(name):
                    trace[name] = str((base / trace[name]).resolve())


def _largest(scenario: Scenario) -> int:
    """Tokens of a large request of this scenario: what no limit may be squeezed below."""
    sizes = [0]
    for team in scenario.teams.values():
        for workload in team.workload:
            size: Any = workload.input_tokens
            sizes.append(workload.max_tokens + (getattr(size, "fixed", 0) or 2 * getattr(size, "p95", 0)))
    return max(sizes)


def _peak(loaded: Loaded, speed: Fraction) -> float:
    """Requests in the busiest second of wall time; a herd counts as it is spread over a second."""
    plan = build_plan(loaded.scenario, 0, loaded.traces)
    at = plan.arrival_ns[plan.arrival_ns >= 0] // int(SECOND * speed)
    return float(np.bincount(at).max()) if len(at) else 0.0


def _log(made: Loaded, setting: Setting) -> dict[str, NDArray[np.int64]]:
    """Every attempt of the squeezed scenario, simulated."""
    run = checked_run("compiled", setting, build_plan(made.scenario, 0, made.traces), 0)
    return dict(zip(LOG, run.result.log.T, strict=True))


def crowd(made: Loaded, configuration: str, speed: Fraction) -> float:
    """The most attempts, at different times, that a limit sees in a second of wall time in which it refuses most."""
    setting = settings_of(made, (configuration,))[0]
    log, length = _log(made, setting), int(SECOND * speed)
    second = log["at"] // length
    found = 0
    for row in range(len(setting.rows.all_limits)):
        keys = [key for key, limits in enumerate(setting.rows.limits_of_key) if row in limits]
        seen = np.isin(log["key"], keys)
        every, refused = (np.bincount(second[which]) for which in (seen, log["refused_by"] == row))
        busy = np.flatnonzero(2 * refused > every[: len(refused)])
        times = np.unique(log["at"][seen & np.isin(second, busy)])
        found = max(found, int(np.bincount(times // length).max(initial=0)))
    return float(found)


def cap_factor(made: Loaded, configuration: str) -> Fraction:
    """What spend caps must be multiplied by to be reached at the same place of the timeline as in the scenario.

    Spend is booked when answers end, and they take as long as before: on a short timeline much of it comes after the
    last arrival. So a cap that would be reached at some share of the timeline gets what has been billed by then.
    """
    setting = settings_of(made, (configuration,))[0]
    free = setting.rules._replace(caps=[rule._replace(cap=NEVER) for rule in setting.rules.caps])
    if not free.caps:
        return Fraction(1)
    log = _log(made, replace(setting, rules=free))
    found = []
    for row, rule in enumerate(setting.rules.caps):
        keys = [key for key, caps in enumerate(setting.rows.caps_of_key) if row in caps]
        own = np.isin(log["key"], keys) & ((rule.models >> log["model"]) & 1 == 1)
        billed = partial(_billed, log["cost"][own], log["end"][own])
        reached, length = rule.cap / max(1, billed(NEVER)), made.scenario.duration
        if reached < 1 and billed(LATE * length) < rule.cap:
            found.append((reached, Fraction(max(1, billed(reached * length)), rule.cap)))
    return max(Fraction(1, 1000), min(found)[1].limit_denominator(1000)) if found else Fraction(1)


def _billed(cost: Any, end: Any, until: float) -> int:
    return int(cost[end <= until].sum())


def _told(loaded: Loaded, made: Loaded, by: Squeeze) -> Iterator[str]:
    old, new = loaded.scenario, made.scenario
    if by.time == 1:
        yield f"The scenario runs as it is: {duration_text(new.duration)} and a drain of {duration_text(new.drain)}."
        return
    yield (
        f"The timeline is squeezed {_factor(by.time)}: {duration_text(old.duration)} become "
        f"{new.duration / SECOND:.3g} s, faults, bursts and bans with it; then {new.drain / SECOND:.3g} s of drain "
        f"instead of {duration_text(old.drain)}."
    )
    yield f"Arrivals and the refill of limits are {_factor(by.rate)} as fast."
    if by.count < 1:
        yield (
            f"That keeps {float(by.count):.1%} of the requests, so that this machine can send them and milliseconds do "
            "not decide who gets a token; what is counted over the timeline keeps the same share: bursts, herds, spend "
            "caps, thresholds."
        )
    if by.caps != 1:
        yield (
            f"Spend caps are {float(by.caps):.3g} × what that leaves of them: spend is booked when answers end, and by "
            "the place of the timeline at which a cap would be reached only so much of it is."
        )
    yield "Answer times, timeouts, retry delays, retry-after and token sizes are as in the file."
    if any(workload.profile is not None for team in old.teams.values() for workload in team.workload):
        yield "Daily and weekly profiles are left out: a minute has none."


def _factor(value: Fraction) -> str:
    return f"{float(value):.3g} ×"
