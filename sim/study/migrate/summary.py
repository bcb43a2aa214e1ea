"""Everything that a migration study found, as one plain dict: the page and its words are made of nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sim.metrics.stats import interval
from sim.scenario.capacity import capacity
from sim.scenario.keys import Limits
from sim.study.migrate.calendar import Slot, schedule
from sim.study.migrate.drills import Situation
from sim.study.migrate.history import Facts
from sim.study.migrate.hybrid import Target, sums
from sim.study.migrate.lab import LATE
from sim.study.migrate.limits import DAY_CV, MONTH_P95, Got
from sim.study.migrate.measure import BLOCKS
from sim.study.migrate.migrate import Found
from sim.study.migrate.order import State, exposure, in_waves, states_of
from sim.study.migrate.steps import Stage, changes, incidents, replayed, told_of, watch
from sim.study.migrate.warn import Case, warnings
from sim.study.tune.exports import MARGIN
from sim.study.tune.settings import amounts
from sim.units import SECOND

RISK = (
    "Services as good as down: the services of each team times the share of its own requests that are lost (not "
    "answered, or held up by refusals for more than 30 s); half on the traffic as it is, half in drills of the "
    "biggest consumers, weighted by their requests."
)


def summary_of(found: Found) -> dict[str, Any]:
    """The whole summary."""
    scenario, options = found.loaded.scenario, found.options
    first, last = found.stages[0], found.stages[-1]
    steps = _steps(found)
    return {
        "kind": "migrate",
        "scenario": {"name": scenario.name, "sha256": found.loaded.sha256, "question": scenario.question},
        "source": {"kind": found.given.kind, "notes": list(found.given.notes)},
        "seed": scenario.seed, "replications": scenario.replications, "engine": options.engine,
        "rung": options.target, "today": _today(found.target, first),
        "risk": {"rule": RISK, "late_s": LATE / SECOND, "today": _risk(first), "end": _risk(last)},
        "situations": [_situation(one) for one in first.work.situations],
        "teams": {name: _facts(one) for name, one in found.facts.items()},
        "projects": [_project(one, found) for one in found.allotment.got],
        "limits": _limits(found), "caps": _caps(found),
        "order": _order(found), "steps": steps,
        "states": [_state(found, stage) for stage in found.stages],
        "objectives": last.verdicts(), "warnings": warnings(Case(first, last, found.target, found.allotment.got)),
        "watch_s": _watch_s(found),
        "calendar": {"start": None if options.start is None else options.start.isoformat(), "every_days": options.every,
                     "freezes": [[one.isoformat() for one in freeze] for freeze in options.freezes]},
        "checks": {"digest": found.digest, "states": [stage.digest for stage in found.stages],
                   "rollbacks_restore": found.restored},
    }  # fmt: skip


def _watch_s(found: Found) -> float:
    """The time over which a 429 share is compared with its bound: of a run, or of a part of it."""
    scenario = found.loaded.scenario
    measured = (scenario.duration - scenario.warmup) / SECOND
    return measured / BLOCKS if replayed(found.stages[0].work) else measured


def _today(target: Target, first: Stage) -> dict[str, Any]:
    account = target.account
    return {
        "name": target.today.name, "isolation": target.today.isolation, "account": account.name,
        "limits": [_amounts(one) for one in account.limits], "capacity": capacity(first.topology),
        "shared_key": target.shared_name,
    }  # fmt: skip


def _amounts(limits: Limits) -> dict[str, Any]:
    """One set of limits: rates a minute, and which models it is for."""
    return {**amounts(limits), **({} if limits.models is None else {"models": list(limits.models)})}


def _risk(stage: Stage) -> dict[str, Any]:
    return interval(stage.risk[:, None]).json(0)


def _situation(one: Situation) -> dict[str, Any]:
    probes = [{"incident": probe.name, "start_s": probe.start_ns / SECOND, "end_s": probe.end_ns / SECOND}
              for probe in one.probes]  # fmt: skip
    faults = [entry.fault.summary for entry in one.scenario.chaos]
    return {"name": one.name, "weight": one.weight, "team": one.team, "probes": probes, "faults": faults}


def _facts(one: Facts) -> dict[str, Any]:
    told = {key: value for key, value in asdict(one).items() if key not in ("team", "hurts", "hurt_by")}
    return {**told, "peak": one.peak, "hurts": dict(one.hurts), "hurt_by": dict(one.hurt_by)}


def _project(got: Got, found: Found) -> dict[str, Any]:
    project, names = got.project, found.plan.names[got.project.name]
    grant = next(one for one in found.target.grants if one.name == project.name)
    return {
        "name": project.name, "kind": project.kind, "teams": list(project.teams),
        "services": project.services(found.facts), "requests_share": project.requests_share(found.facts),
        "models": list(grant.models), "reasons": dict(project.reasons), "need": got.need.values,
        "settings": got.settings.values, "limits": [_amounts(one) for one in grant.limits], "shortfall": got.shortfall,
        "month_usd": got.month_usd, "p95_usd": got.p95_usd, "cap_usd": got.cap_usd,
        "key": names.name, "env": names.env,
    }  # fmt: skip


def _limits(found: Found) -> dict[str, Any]:
    division = found.allotment.division
    return {
        "dimensions": list(found.allotment.dimensions), "way": division.way, "headroom": dict(division.headroom),
        "headroom_wanted": float(1 + found.options.headroom),
        "short": [one.project.name for one in found.allotment.got if one.shortfall > 0],
    }  # fmt: skip


def _caps(found: Found) -> dict[str, Any]:
    caps = [one.cap_usd for one in found.allotment.got if one.cap_usd is not None]
    return {
        "margin": MARGIN, "p95_over_mean": MONTH_P95, "day_cv": DAY_CV, "alert": 0.8,
        "scaled": found.allotment.division.caps_scaled, "sum_usd": sum(caps) if caps else None,
        "from_log": bool(found.given.spend),
    }  # fmt: skip


# Orders


def _order(found: Found) -> dict[str, Any]:
    ordered, lab = found.ordered, found.lab
    names = [one.name for one in found.projects]
    others = {
        "alphabetical": sorted(names),
        "biggest first": names,
        "smallest first": names[::-1],
    }
    if ordered.canary is not None:
        others["without a canary"] = [name for wave in ordered.waves for name in wave if name != ordered.canary]
        others["without a canary"].append(ordered.canary)
    made = {name: in_waves(order, found.options.waves) for name, order in others.items()}
    chosen = _way("this plan", ordered.waves, found)
    return {
        "how": ordered.how, "canary": ordered.canary, "waves": [list(wave) for wave in ordered.waves],
        "replications": lab.replications, "chosen": chosen,
        "others": [_way(name, waves, found) for name, waves in made.items()], "evaluated": lab.evaluated,
    }  # fmt: skip


def _way(name: str, waves: Sequence[Sequence[str]], found: Found) -> dict[str, Any]:
    return {
        "name": name, "waves": [list(wave) for wave in waves], "risks": found.lab.risks(states_of(waves)),
        "exposure": exposure(waves, found.lab.risks),
    }  # fmt: skip


# States and steps


def _state(found: Found, stage: Stage) -> dict[str, Any]:
    verdicts = stage.verdicts()
    return {
        "name": stage.topology.name, "risk": _risk(stage), **told_of(stage), "incidents": incidents(stage),
        "shared": _shared(found, stage.state), "capacity": capacity(stage.topology),
        "sums": sums(found.target, stage.state),
        "objectives": {"met": sum(one["met"] for one in verdicts), "of": len(verdicts),
                       "missed": [one["text"] for one in verdicts if not one["met"]]},
    }  # fmt: skip


def _shared(found: Found, state: State) -> dict[str, Any]:
    """Who is still on the shared key, with which part of the traffic, under which limits of its own."""
    stay = found.target.remaining(state)
    limits = found.target.shared_limits(state)
    return {
        "teams": list(stay), "requests_share": sum(found.facts[team].requests_share for team in stay),
        "services": sum(found.facts[team].services for team in stay), "limits": [_amounts(one) for one in limits],
    }  # fmt: skip


def _steps(found: Found) -> list[dict[str, Any]]:
    options = found.options
    slots = schedule(len(found.ordered.waves), options.every, options.start, options.freezes)
    return [_step(found, at, slot) for at, slot in enumerate(slots)]


def _step(found: Found, at: int, slot: Slot) -> dict[str, Any]:
    before, after = found.stages[at], found.stages[at + 1]
    projects = list(found.ordered.waves[at])
    teams = [team for grant in found.target.grants if grant.name in projects for team in grant.teams]
    changed = changes(before, after)
    back = changes(after, before)
    return {
        "number": at + 1, "folder": folder_of(at + 1, projects), "projects": projects, "teams": teams,
        "canary": found.ordered.canary in projects, "slot": _slot(slot), **changed,
        "shared": _shared_change(found, before, after),
        "watch": _watched(found, after, projects),
        "rollback": {"restores": found.restored[at], "risk": back["risk_after"], "risk_change": back["risk_change"],
                     "hurt": [one["team"] for one in back["hurt"]],
                     "limits": _shared(found, before.state)["limits"] if at else []},
        "tell": _tell(found, before, after, teams, changed),
    }  # fmt: skip


def folder_of(number: int, projects: Sequence[str]) -> str:
    """The folder of a step's files, as ``01-checkout``."""
    import re

    slug = re.sub(r"[^a-z0-9]+", "-", projects[0].lower()).strip("-")[:40] or "project"
    more = f"-and-{len(projects) - 1}-more" if len(projects) > 1 else ""
    return f"{number:02d}-{slug}{more}"


def _slot(slot: Slot) -> dict[str, Any]:
    return {
        "offset": slot.offset, "day": None if slot.day is None else slot.day.isoformat(),
        "until": None if slot.until is None else slot.until.isoformat(), "moved": slot.moved,
    }  # fmt: skip


def _shared_change(found: Found, before: Stage, after: Stage) -> dict[str, Any]:
    """What becomes of the shared key at a step."""
    was, now = (_shared(found, stage.state) for stage in (before, after))
    return {
        "before": was["limits"] if before.state else [_amounts(one) for one in found.target.account.limits],
        "after": now["limits"], "changes": was["limits"] != now["limits"], "teams": now["teams"],
        "requests_share": now["requests_share"], "services": now["services"],
    }  # fmt: skip


def _watched(found: Found, after: Stage, projects: Sequence[str]) -> list[dict[str, Any]]:
    """The keys to watch after a step: those that are new, and the shared one."""
    teams = {grant.name: grant.teams for grant in found.target.grants}
    watched = [watch(after, name, teams[name]) for name in projects]
    stay = found.target.remaining(after.state)
    return [*watched, *([watch(after, found.target.shared_name, stay)] if stay else [])]


def _tell(
    found: Found, before: Stage, after: Stage, teams: Sequence[str], changed: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Who has to know of a step, and why."""
    hurt = [one["team"] for one in changed["hurt"] if one["team"] not in teams]
    stay = found.target.remaining(after.state)
    told = [{"who": list(teams), "why": "their services read a new key"}]
    if hurt:
        told.append({"who": hurt, "why": "they lose more requests after this step"})
    if found.target.shared_limits(before.state) != found.target.shared_limits(after.state) and stay:
        told.append({"who": list(stay), "why": "the shared key's limits change"})
    return told
