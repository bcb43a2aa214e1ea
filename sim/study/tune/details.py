"""What is told about one project around the settings that were found for it.

The map of success over RPM × burst, what 10 % less and more do, what another retry policy would
need, and what Poisson theory would have said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sim.metrics.compute import Values
from sim.metrics.stats import paired
from sim.study.tune import theory, traffic
from sim.study.tune.goals import Goal, Objective, Reading, interval_json, met_share
from sim.study.tune.grid import at_least, at_most, value
from sim.study.tune.lab import SHOWN, Lab, Trial
from sim.study.tune.needs import Needs, Room, Search
from sim.study.tune.search import smallest, spread
from sim.study.tune.settings import PLANE, Settings

PRESETS = ("none", "anthropic-sdk", "stamina")
"""Retry policies that a project's own is compared with: no retry, an SDK's default, many patient attempts."""
MAP_COLUMNS, MAP_ROWS = 7, 6
SHARE = 10
"""Per cent that sensitivity takes away and adds."""


def primary(objectives: Sequence[Objective]) -> Objective:
    """The objective that maps and comparisons show: the first about success, the scenario's before the others."""
    found = [one for one in objectives if one.slo.metric in ("success_rate", "own_success_rate")]
    return min(found or objectives, key=lambda one: not one.asked)


def reading_json(goal: Goal, reading: Reading, against: Reading | None = None) -> dict[str, Any]:
    """One objective under some settings; ``difference`` from ``against``, replication by replication."""
    slo = goal.objective.slo
    found = {
        "text": goal.objective.text,
        "value": interval_json(reading.values),
        "met": goal.met(reading),
        "met_share": met_share(slo, reading.values),
    }
    if against is None:
        return found
    return found | {"difference": paired(against.values[:, None], reading.values[:, None]).json(0)}


def trial_json(lab: Lab, goals: Sequence[Goal], trial: Trial, against: Trial | None = None) -> list[dict[str, Any]]:
    """Every objective of a project under a trial."""
    base = None if against is None else lab.readings(against)
    found = lab.readings(trial)
    return [reading_json(goal, found[goal.objective], None if base is None else base[goal.objective]) for goal in goals]


def shown(values: Values, teams: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """The metrics that are told of each of ``names``; the columns of ``values`` are ``teams``."""
    return {name: {metric: interval_json(values[metric][:, teams.index(name)]) for metric in SHOWN} for name in names}


# The map


def map_of(lab: Lab, needs: Needs, found: Settings) -> dict[str, Any] | None:
    """The first success objective over RPM × burst around what was found; None when neither is tuned."""
    axes = [name for name in PLANE if found[name] is not None]
    if not axes:
        return None
    marks = lab.job.subject.base.current()
    columns = _axis(found["rpm"], marks.get("rpm"), MAP_COLUMNS, needs.room.floor)
    rows = _axis(found["burst"], marks.get("burst"), MAP_ROWS, 1)
    shown_goal = next(one for one in needs.ceiling.goals if one.objective == primary(lab.job.objectives))
    cells = [[_cell(lab, needs, shown_goal, found, rpm, burst) for rpm in columns] for burst in rows]
    return {
        "metric": shown_goal.objective.slo.metric, "team": shown_goal.objective.slo.team,
        "rpm": columns, "burst": rows,
        "value": [[one[0] for one in row] for row in cells], "met": [[one[1] for one in row] for row in cells],
    }  # fmt: skip


def _axis(chosen: int | None, mark: float | None, count: int, floor: int) -> list[int | None]:
    """Settings from half (a third of a burst) of the chosen one to twice (three times) it, with the current one."""
    if chosen is None:
        return [None]
    around = spread(max(floor, chosen // 2), value(at_least(2 * chosen)), count)
    values: set[int | None] = {chosen, *(one for one in around if abs(one - chosen) > 0.06 * chosen)}
    if mark is not None and float(mark).is_integer() and chosen / 4 <= mark <= 4 * chosen:
        values.add(int(mark))
    return sorted(values, key=lambda one: one or 0)


def _cell(
    lab: Lab, needs: Needs, goal: Goal, found: Settings, rpm: int | None, burst: int | None
) -> tuple[float | None, bool]:
    """The mean of the shown metric, and whether every goal is met."""
    chosen = {name: setting for name, setting in (("rpm", rpm), ("burst", burst)) if setting is not None}
    readings = lab.readings(Trial(found.but(**chosen)))
    mean = float(readings[goal.objective].interval.mean[()])
    met = all(one.met(readings[one.objective]) for one in needs.ceiling.goals)
    return (mean if math.isfinite(mean) else None), met


# Sensitivity


def scaled(number: int, percent: int) -> int:
    """``number`` changed by a share: at least by 1, and at least 1."""
    exact = number * (100 + percent) / 100
    if percent < 0:
        return max(1, min(number - 1, math.floor(exact)))
    return max(number + 1, math.ceil(exact))


def sensitivity(lab: Lab, goals: Sequence[Goal], found: Settings) -> list[dict[str, Any]]:
    """The objectives with 10 % less and 10 % more of each limit alone, and of all limits together."""
    tuned = [name for name, setting in found.chosen if setting is not None]
    parts = [[name] for name in tuned] + ([tuned] if len(tuned) > 1 else [])
    rows = []
    for names in parts:
        for percent in (-SHARE, SHARE):
            changed = found.but(**{name: scaled(found[name] or 1, percent) for name in names})
            objectives = trial_json(lab, goals, Trial(changed), Trial(found))
            rows.append({"of": names, "percent": percent, "settings": changed.values, "objectives": objectives})
    return rows


def bounds(lab: Lab, goals: Sequence[Goal], found: Settings) -> dict[str, dict[str, int | None]]:
    """The 95 % interval of the smallest value of each limit, the others as found.

    From the smallest value that these replications do not rule out (the better end of the interval
    of a metric meets its objective) to the smallest that they show to be enough (the worse end
    does): the values at which the interval of the metric holds the bound. ``high`` is None where
    more replications would have to show that any value is enough (a goal of which only the mean is
    in reach); ``low`` is None with one replication, which has no interval.
    """
    sure = all(goal.reach != "mean" for goal in goals)
    told: dict[str, dict[str, int | None]] = {}
    for name, chosen in found.chosen:
        if chosen is not None:
            low = _least_possible(lab, goals, found, name, chosen) if lab.replications > 1 else None
            told[name] = {"low": low, "high": chosen if sure else None}
    return told


def _least_possible(lab: Lab, goals: Sequence[Goal], found: Settings, name: str, chosen: int) -> int:
    def possible(number: int) -> bool:
        readings = lab.readings(Trial(found.but(**{name: number})))
        return all(goal.possible(readings[goal.objective]) for goal in goals)

    return smallest(possible, 1, chosen) or chosen


# Retry policies


def retries(lab: Lab, needs: Needs, found: Settings) -> list[dict[str, Any]]:
    """The same settings under other retry policies, and the smallest burst that each would need at the same RPM."""
    own = {lab.job.scenario.teams[team].client.retry for team in lab.job.subject.teams}
    others = [name for name in PRESETS if own != {name}]
    return [_retry(lab, needs, found, name) for name in (None, *others)]


def _retry(lab: Lab, needs: Needs, found: Settings, preset: str | None) -> dict[str, Any]:
    trial = Trial(found, preset)
    values, _ = lab.all_values(trial)
    return {
        "retry": preset,
        "objectives": trial_json(lab, needs.ceiling.goals, trial, None if preset is None else Trial(found)),
        "attempts_per_request": interval_json(values["attempts_per_request"][:, -1]),
        "latency_p95_s": interval_json(values["latency_p95_s"][:, -1]),
        "burst": _burst_with(lab, needs, found, preset),
    }


def _burst_with(lab: Lab, needs: Needs, found: Settings, preset: str | None) -> int | None:
    """The smallest burst that meets the goals with a retry policy; None when none does or none is tuned."""
    if found["burst"] is None:
        return None
    if preset is None:
        return found["burst"]
    search = Search(lab, needs.ceiling.goals)

    def meets(burst: int) -> bool:
        readings = lab.readings(Trial(found.but(burst=burst), preset))
        return all(goal.met(readings[goal.objective]) for goal in search.goals)

    return smallest(meets, 1, needs.room.burst)


# Poisson theory


def compared_with_theory(lab: Lab, needs: Needs, found: Settings) -> dict[str, Any] | None:
    """The burst that M/D/1/K asks for at the RPM that was found, beside what this traffic needs without retries.

    Both lose at most what the objective allows to lose, 1 % where it is out of reach. None when RPM
    and burst are not both tuned.
    """
    rpm, burst = found["rpm"], found["burst"]
    if rpm is None or burst is None:
        return None
    target = allowed_loss(needs.ceiling.goals)
    results = lab.run(Trial(found, "none"), log=False)
    told = traffic.rates([one.arrival for one in results], lab.job.scenario.duration)
    load = (told["per_minute"] or 0.0) / rpm
    return {
        "rpm": rpm, "load": load, "target_loss": target, "burst": burst,
        "poisson_burst": theory.smallest_burst(load, target),
        "traffic_burst": smallest(lambda size: _lost(lab, found, size) <= target, 1, needs.room.burst),
        "poisson_loss": theory.loss(load, min(burst, theory.LARGEST)), "traffic_loss": _lost(lab, found, burst),
    } | told  # fmt: skip


def allowed_loss(goals: Sequence[Goal]) -> float:
    """The share of requests that the objectives allow to lose: 1 - the strictest bound on success."""
    bounds = [
        one.objective.slo.bound
        for one in goals
        if one.objective.slo.metric in ("success_rate", "own_success_rate") and one.objective.slo.bound < 1
    ]
    return max(1e-6, round(1 - max(bounds), 9)) if bounds else 0.01


def _lost(lab: Lab, found: Settings, burst: int) -> float:
    """The share of requests that the bucket refuses at the first and only attempt; mean over replications."""
    return float(np.mean(lab.refused(Trial(found.but(burst=burst), "none"))))


# What the exports need


def facts(lab: Lab, found: Settings) -> tuple[dict[str, Any], Values]:
    """What the project uses at most under its settings, and its metrics there."""
    values, results = lab.all_values(Trial(found))
    used = traffic.use(results, lab.job.scenario.duration + lab.job.scenario.drain)
    rates = traffic.rates([one.arrival for one in results], lab.job.scenario.duration)
    return {**rates, **{f"most_{name}": amount for name, amount in used.items()}}, values


def on_the_diagonal(lab: Lab, needs: Needs, found: Settings) -> dict[str, int | None]:
    """The RPM that a provider with a burst of its own would have to give: one minute's worth, or one second's."""

    def meets(rpm: int, burst: int) -> bool:
        search = Search(lab, needs.ceiling.goals)
        return search.meets(found.but(rpm=rpm, burst=burst))

    return {
        "minute": _steady(lambda rpm: meets(rpm, rpm), needs.room),
        "second": _steady(lambda rpm: meets(rpm, max(1, math.ceil(rpm / 60))), needs.room),
    }


def in_windows(lab: Lab, needs: Needs, found: Settings) -> int | None:
    """The requests a fixed window of a minute, from first use, has to let pass (LiteLLM's way of counting)."""
    base = lab.job.subject.base

    def meets(rpm: int) -> bool:
        limits = tuple(
            one.model_copy(update={"algorithm": "fixed_window", "window": "first_use", "burst": None})
            if at == 0 and one.requests is not None
            else one
            for at, one in enumerate(base.limits(found.but(rpm=rpm, burst=None)))
        )
        readings = lab.readings(Trial(limits=limits))
        return all(goal.met(readings[goal.objective]) for goal in needs.ceiling.goals)

    return _steady(meets, needs.room)


def _steady(ask: Callable[[int], bool], room: Room) -> int | None:
    """The smallest RPM that holds, up to as many a minute as there are requests, or a hundred a second."""
    return smallest(ask, room.floor, max(room.burst, 6000))


def blind_grid(contour: Sequence[tuple[int, int]], room: Room) -> int:
    """Cells of the grid that a search without a plan would try over the rectangle of the contour."""
    if not contour:
        return 0
    rates = at_least(contour[-1][0]) - at_most(room.floor) + 1
    return rates * (at_least(contour[0][1]) + 1)
