"""Faults that would start or end outside the run, or change nothing at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from sim.chaos.base import Fault
from sim.chaos.brown_out import BrownOut
from sim.chaos.key_rotation import KeyRotation
from sim.chaos.leaked_key import LeakedKey
from sim.chaos.limits_cut import LimitsCut
from sim.chaos.policy_violations import PolicyViolations
from sim.errors import BadInput
from sim.scenario.parts import Parts
from sim.scenario.schema import Scenario
from sim.scenario.words import Found
from sim.scenario.yaml_lines import Path
from sim.units import duration_text

if TYPE_CHECKING:
    from sim.scenario.limit_rows import Rows

MAX_CATEGORIES = 60
"""Sets of categories are bit masks in int64 (sim.policy.tables)."""


def windows(parts: Parts) -> Iterator[Found]:
    """Faults that start or end after the run, or have too many categories together."""
    for at, entry in enumerate(parts.chaos):
        if entry is not None and parts.duration is not None:
            yield from _window(entry.fault, ("chaos", at, entry.kind), parts.duration)
    faults = [(at, entry.fault) for at, entry in enumerate(parts.chaos) if entry is not None]
    sent = {name for _, one in faults if isinstance(one, PolicyViolations) for name in one.shares}
    if len(sent) > MAX_CATEGORIES:
        last = max(at for at, one in faults if isinstance(one, PolicyViolations))
        message, hint = f"more than {MAX_CATEGORIES} categories of content in all", "give alike ones one name"
        yield Found(("chaos", last, "policy_violations", "categories"), message, str(len(sent)), hint)


def _window(fault: Fault, path: Path, duration: int) -> Iterator[Found]:
    start, end = fault.window
    whole = duration_text(duration)
    if start >= duration:
        hint = f"before {whole}, the duration"
        yield Found((*path, "at"), "the fault starts after the end", duration_text(start), hint)
    elif end > duration:
        field, value, hint = _too_long(fault, duration)
        yield Found((*path, field), f"the fault ends after the end of the run ({whole})", value, hint)


def _too_long(fault: Fault, duration: int) -> tuple[str, str, str]:
    """The field that makes a fault last too long, its value, and what would fit."""
    start, end = fault.window
    if isinstance(fault, KeyRotation):
        return _too_many(fault, duration)
    own = getattr(fault, "for_", None) or end - start
    if isinstance(fault, LeakedKey) and start + own <= duration:
        return _too_slow(fault, duration)
    return "for", duration_text(own), f"for: {duration_text(duration - start)} reaches the end"


def _too_many(fault: KeyRotation, duration: int) -> tuple[str, str, str]:
    tail = fault.window[1] - fault.starts[-1]
    fit = sum(1 for start in fault.starts if start + tail <= duration)
    if fit:
        return "times", str(fault.times), f"times: {fit} fits, or a shorter every (it is {duration_text(fault.every)})"
    return "at", f"{duration_text(tail)} until the last team has settled", "begin earlier, or shorten rollout, rollback"


def _too_slow(fault: LeakedKey, duration: int) -> tuple[str, str, str]:
    late = "rollout" if fault.rollout.longest() >= fault.grace else "grace"
    left = duration - fault.at - fault.for_
    value = duration_text(max(fault.rollout.longest(), fault.grace))
    hint = f"detected at {duration_text(fault.at + fault.for_)}, which leaves {duration_text(left)} for {late}"
    return late, value, hint


def idle(scenario: Scenario, rows: Mapping[str, Rows]) -> Iterator[Found]:
    """Faults that change nothing in any configuration. ``rows`` are the limits by configuration, cuts included."""
    for at, entry in enumerate(scenario.chaos):
        path: Path = ("chaos", at, entry.kind)
        if isinstance(entry.fault, LimitsCut):
            yield from _cut(entry.fault, path, rows)
        if isinstance(entry.fault, BrownOut) and not _slotted(scenario, entry.fault):
            which = entry.fault.model or next(iter(sorted(_models(scenario))))
            hint = f"say how many answers run at once, as models: {{{which}: {{slots: 40, queue: 100}}}}"
            message = f"{entry.fault.model} has no slots" if entry.fault.model else "no model has slots"
            yield Found(path, f"{message}, so a brown-out takes nothing", "", hint)


def _cut(fault: LimitsCut, path: Path, rows: Mapping[str, Rows]) -> Iterator[Found]:
    """A cut that finds no limit in any configuration, or leaves one that can't be counted."""
    try:
        if not any(_cut_in(fault, rows).values()):
            hint = "name a level that has limits (account, project or key), or other dimensions"
            yield Found(path, f"no configuration has a limit {_of(fault)}, so nothing is cut", "", hint)
    except BadInput as error:
        hint = "use a share with fewer digits, as 25%"
        yield Found((*path, "to"), f"cut to this share, {error.problem.message}", error.problem.value, hint)


def idle_notes(scenario: Scenario, rows: Mapping[str, Rows]) -> Iterator[str]:
    """A note about each cut that finds no limit in one of the configurations."""
    for entry in scenario.chaos:
        if isinstance(entry.fault, LimitsCut):
            for name, cuts in _cut_in(entry.fault, rows).items():
                if not cuts:
                    when = f"limits_cut at {duration_text(entry.fault.at)}"
                    yield f"{when}: configuration {name} has no limit {_of(entry.fault)}, so nothing is cut there"


def _cut_in(fault: LimitsCut, rows: Mapping[str, Rows]) -> dict[str, bool]:
    """In which configurations a cut finds a limit."""
    return {name: bool(one.with_cuts(fault.limit_cuts()).cuts) for name, one in rows.items()}


def _of(fault: LimitsCut) -> str:
    named = [f"{level} {getattr(fault, level)}" for level in ("account", "project", "key") if getattr(fault, level)]
    dimensions = f" on {', '.join(fault.dimensions)}" if fault.dimensions else ""
    return f"of {' or '.join(named) or 'an account'}{dimensions}"


def _models(scenario: Scenario) -> set[str]:
    from sim.scenario.streams import model_names

    return set(model_names(scenario))


def _slotted(scenario: Scenario, fault: BrownOut) -> bool:
    """Whether a model that the brown-out may reach has slots."""
    from sim.catalogue.resolve import resolve_model

    asked = _models(scenario) if fault.model is None else {fault.model}
    return any(resolve_model(scenario, name).slots is not None for name in asked)
