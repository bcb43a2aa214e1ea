"""What a real target can't be made to do, and what a scenario expects of its keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sim.engine.world import Setting
from sim.live.preflight import Expected
from sim.live.target import check_secrets, variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.chaos.base import Fault
    from sim.scenario.loader import Loaded


def in_provider(fault: Fault, loaded: Loaded) -> bool:
    """Whether a fault does something inside the provider, beyond the traffic that it sends."""
    scenario = loaded.scenario
    return bool(fault.effects(scenario) or fault.limit_cuts() or fault.price_changes())


def beyond_reach(loaded: Loaded) -> list[str]:
    """Sentences on what of the scenario happens inside the provider and does not happen at a real target."""
    found = list(_faults(loaded))
    found.append(
        "Limits, spend caps, answer times and prices are the target's own; those of the scenario are what the "
        "simulator assumes of it."
    )
    return found


def _faults(loaded: Loaded) -> Iterator[str]:
    for entry in loaded.scenario.chaos:
        if not in_provider(entry.fault, loaded):
            continue
        sends = bool(entry.fault.traffic(loaded.scenario))
        rest = "; the traffic that it sends is sent" if sends else ""
        yield f"Not done at a real target: {entry.fault.summary} ({entry.kind}) lives in the provider{rest}."


def without_unreachable(loaded: Loaded) -> Loaded:
    """The scenario as a report on a real target shows it: without faults that did not happen there."""
    kept = tuple(entry for entry in loaded.scenario.chaos if entry.fault.traffic(loaded.scenario))
    return replace(loaded, scenario=loaded.scenario.model_copy(update={"chaos": kept}))


def expected_of(setting: Setting) -> dict[str, Expected]:
    """For each key the tightest limit of each dimension that it meets, a minute, and the models asked for."""
    found = {}
    for at, key in enumerate(setting.keys):
        limits: dict[str, float] = {}
        for row in setting.rows.limits_of_key[at]:
            told = setting.rows.all_limits[row]
            if told.per_minute is not None and told.cut_of < 0:
                limits[told.dimension] = min(told.per_minute, limits.get(told.dimension, told.per_minute))
        found[key] = Expected(limits, setting.models)
    return found


def secrets_of(setting: Setting, environment: Mapping[str, str]) -> dict[str, str]:
    """Key → the environment variable with its secret. Raises BadInput that lists those that are missing."""
    named = variables(setting.keys)
    check_secrets(named, teams_of(setting), environment)
    return named


def teams_of(setting: Setting) -> dict[str, Sequence[str]]:
    """Key → the teams that use it."""
    return {
        key: [team for team, own in zip(setting.teams, setting.team_key, strict=True) if own == at]
        for at, key in enumerate(setting.keys)
    }
