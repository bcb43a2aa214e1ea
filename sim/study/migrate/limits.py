"""What each project gets: limits from its needs (searched as ``tune`` does), spend caps from its month.

**Limits.** Each project's smallest sufficient limits, alone, times 1 + headroom as far as the account gives
it. Where the needs sum to more than the account gives they are divided as ``tune`` divides, so that rates
sum to at most the account's (bursts too where nobody falls shorter for it). Token limits are set only
where the busiest minute asks for a good part of what the account lets through.

**Caps.** A month in a hundred: the cost of 30 days at list prices, its 95th percentile if days differ by
half of their mean and independently, times a margin, rounded up to two digits; an alert at 80 %. Caps sum
to at most the account's own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import Any

from sim.errors import BadInput
from sim.scenario.keys import DIMENSIONS, Limits, SpendCap
from sim.scenario.loader import Loaded
from sim.scenario.topology import Node, Topology
from sim.study.migrate.boundaries import Project
from sim.study.migrate.history import Facts
from sim.study.migrate.hybrid import Grant, Rung, applies, burst_of, in_minutes
from sim.study.pool import Pool
from sim.study.progress import Progress
from sim.study.tune.arrange import Account, Arrangement, accounts_of
from sim.study.tune.divide import BY_RATE, GUARANTEED, NEEDS, Way, fits, ways
from sim.study.tune.exports import MARGIN
from sim.study.tune.project import Found, study
from sim.study.tune.settings import PLANE, RATES, Base, Settings
from sim.study.tune.work import Work as Search
from sim.units import MICRO, MONTH, MoneyRate

TIGHT = 0.5
"""A token limit of the account is handed on where the busiest minute asks for at least this part of it."""
DAY_CV = 0.5
"""Days are assumed to differ by half of their mean, independently; 30 of them by a tenth of theirs."""
Z95 = 1.6448536269514722
MONTH_P95 = 1 + Z95 * DAY_CV / math.sqrt(30)
FALLS_SHORT = 0.02
"""Bursts may sum to more than the account's only if that spares somebody at least this much."""
WHOLE = 1.0


@dataclass(frozen=True)
class Got:
    """What one project needs and gets. ``shortfall``: the largest part of a need that is missing."""

    project: Project
    found: Found | None
    need: Settings
    settings: Settings
    shortfall: float
    month_usd: float
    cap_usd: float | None

    @property
    def p95_usd(self) -> float:
        """The 95th percentile of a month."""
        return self.month_usd * MONTH_P95


@dataclass(frozen=True)
class Division:
    """How the account was divided, in words of :mod:`sim.study.tune.divide`; ``headroom`` as it could be given."""

    way: str = NEEDS
    headroom: Mapping[str, float] = field(default_factory=dict)
    caps_scaled: float = WHOLE


@dataclass(frozen=True)
class Allotment:
    """Everything that all projects get."""

    got: tuple[Got, ...]
    grants: tuple[Grant, ...]
    division: Division
    dimensions: tuple[str, ...]


def dimensions_of(account: Node, busiest: Mapping[str, float]) -> tuple[str, ...]:
    """Requests and their burst, and the kinds of tokens that come near a limit of the account."""
    near = [
        name for name in RATES
        for one in account.limits
        if getattr(one, name) is not None and busiest[name] >= TIGHT * getattr(one, name).rate.per_minute
    ]  # fmt: skip
    return (*PLANE, *dict.fromkeys(near))


def allot(
    loaded: Loaded, today: Topology, rung: Rung, projects: Sequence[Project], facts: Mapping[str, Facts],
    dimensions: tuple[str, ...], headroom: Fraction, exports: tuple[str, ...], engine: str, pool: Pool,
    progress: Progress,
) -> Allotment:  # fmt: skip
    """The limits and caps of every project; none on ``keys``, which have no limits of their own."""
    models = {one.name: _models(loaded, one) for one in projects}
    month = {one.name: sum(facts[team].month_usd for team in one.teams) for one in projects}
    if rung == "keys":
        bare = [Got(one, None, Settings(), Settings(), 0.0, month[one.name], None) for one in projects]
        return Allotment(
            tuple(bare), tuple(Grant(one.name, one.teams, models[one.name]) for one in projects), Division(), ()
        )
    account = today.accounts[0]
    target = _target(today, projects)
    search = Search(loaded.scenario, loaded.traces, target, dimensions, engine, exports)
    found = _searched(search, projects, pool, progress)
    needs = {name: one.settings or _fallback(one) for name, one in found.items()}
    shares, short, division = _divided(target, found, needs, dimensions, headroom, rung)
    base = Base.of(account.limits)
    whole = shares
    shares = _within(account, shares, models, rung)
    caps, scaled = caps_of(account, month, rung)
    got, grants = [], []
    for one in projects:
        settings = shares[one.name]
        missing = max(short.get(one.name, 0.0), _missing(whole[one.name], settings))
        got.append(Got(one, found[one.name], needs[one.name], settings, missing, month[one.name], caps[one.name]))
        limits = Base(base.tuned).limits(settings)
        cap = SpendCap(amount=MoneyRate(max(1, round(caps[one.name] * MICRO)), MONTH))
        grants.append(Grant(one.name, one.teams, models[one.name], limits, (cap,)))
    return Allotment(tuple(got), tuple(grants), replace(division, caps_scaled=scaled), dimensions)


def _models(loaded: Loaded, project: Project) -> tuple[str, ...]:
    teams = loaded.scenario.teams
    return tuple(sorted({workload.model for team in project.teams for workload in teams[team].workload}))


def _target(today: Topology, projects: Sequence[Project]) -> Topology:
    """All projects in today's account, each under a copy of its limits: where the search starts from."""
    account = today.accounts[0]
    children = tuple(
        Node("project", one.name, account.limits, children=(Node("key", "default", teams=one.teams),))
        for one in projects
    )
    return Topology("target", "custom", (replace(account, children=children),), today.client)


def _searched(search: Search, projects: Sequence[Project], pool: Pool, progress: Progress) -> dict[str, Found]:
    names = [one.name for one in projects]
    progress.start("searching the limits that each project needs", len(names))
    # Subjects are called by their path where a name alone is not clear; one account, so by the last of it.
    labels = {one.path[-1]: one.name for one in Arrangement(search.topology, search.topology, True).subjects}
    found = {}
    for name, one in zip(names, pool.map(partial(_search, search), [labels[name] for name in names]), strict=True):
        found[name] = replace(one, name=name)
        progress.advance()
    return found


def _search(search: Search, name: str) -> Found:
    return study(search.job(name), search.exports, around=False)


def _fallback(found: Found) -> Settings:
    """For a project whose goals no setting meets: room for its busiest minute."""
    room = found.needs.room
    return Settings.of({"rpm": max(room.floor, 1), "burst": max(room.burst, 1)})


# Dividing the account


def _divided(
    target: Topology, found: Mapping[str, Found], needs: Mapping[str, Settings], dimensions: tuple[str, ...],
    headroom: Fraction, rung: Rung,
) -> tuple[dict[str, Settings], Mapping[str, float], Division]:  # fmt: skip
    """Everybody's settings, who falls short by how much, and how it was divided."""
    accounts = accounts_of(Arrangement(target, target, built=True), dimensions, None)
    if rung == "accounts" or not accounts:
        wide = {name: float(1 + headroom) for name in dimensions}
        return {name: _raised(one, wide, {}) for name, one in needs.items()}, {}, Division(NEEDS, wide)
    account = accounts[0]
    way = _best(account, found)
    if way.name != NEEDS:
        shares = _with_rest({**needs, **way.settings}, way.shortfall, account)
        return shares, way.shortfall, Division(way.name, {})
    wide = {name: _headroom(account, needs, name, headroom) for name in dimensions}
    return {name: _raised(one, wide, account.gives) for name, one in needs.items()}, {}, Division(NEEDS, wide)


def _best(account: Account, found: Mapping[str, Found]) -> Way:
    """What everybody needs where it fits; else rates and bursts within the account's, or rates alone."""
    made = {one.name: one for one in ways(account, found, {})}
    if fits(account, made[NEEDS].settings):
        return made[NEEDS]
    safe, loose = made.get(GUARANTEED), made.get(BY_RATE)
    if safe is not None and (loose is None or loose.worst > safe.worst - FALLS_SHORT):
        return safe
    if loose is not None:
        return loose
    gives = ", ".join(f"{name} {most}" for name, most in account.gives.items() if most is not None)
    hint = "group more teams (--group-below 5%, --mapping FILE), or give the account more (--account-capacity)"
    raise BadInput("the account is too small for so many projects", place=account.name, value=gives, hint=hint)


def _headroom(account: Account, needs: Mapping[str, Settings], name: str, wanted: Fraction) -> float:
    """The factor on every need in one dimension: 1 + headroom, or as much as the account gives."""
    most = account.gives.get(name)
    whole = sum(one[name] or 0 for one in needs.values())
    if most is None or not whole:
        return float(1 + wanted)
    return max(1.0, min(float(1 + wanted), most / whole))


def _raised(settings: Settings, wide: Mapping[str, float], gives: Mapping[str, int | None]) -> Settings:
    """Settings times the headroom, rounded down and never below the need, nor above what the account has at all."""
    values: dict[str, int | None] = {}
    for name, value in settings.chosen:
        most = gives.get(name)
        raised = None if value is None else max(value, math.floor(value * wide.get(name, 1.0) + 1e-9))
        values[name] = raised if raised is None or most is None else min(raised, most)
    return Settings.of(values)


def _with_rest(shares: dict[str, Settings], short: Mapping[str, float], account: Account) -> dict[str, Settings]:
    """What is left of the account in some dimension goes to those who fall short, by what they have of it."""
    found = dict(shares)
    for name, most in account.gives.items():
        whole = sum(one[name] or 0 for one in found.values())
        mine = {project: found[project][name] or 0 for project in found if short.get(project)}
        if most is None or whole >= most or not sum(mine.values()):
            continue
        for project, value in mine.items():
            more = value * (most - whole) // sum(mine.values())
            found[project] = found[project].but(**{name: value + more})
    return found


def _missing(need: Settings, got: Settings) -> float:
    """The largest part of some settings that is missing in others."""
    parts = [1 - (got[name] or 0) / value for name, value in need.chosen if value]
    return max(0.0, *parts) if parts else 0.0


def _within(
    account: Node, shares: Mapping[str, Settings], models: Mapping[str, tuple[str, ...]], rung: Rung
) -> dict[str, Settings]:
    """Cut what still sums to more than some limit of the account, each by the same part (limits of some models)."""
    found = dict(shares)
    if rung == "accounts":
        return found
    for limits in account.limits:
        for dimension, key in zip(DIMENSIONS, ("rpm", *RATES), strict=True):
            _cut(limits, dimension, key, found, models)
    return found


def _cut(
    limits: Limits, dimension: str, key: str, shares: dict[str, Settings], models: Mapping[str, tuple[str, ...]]
) -> None:
    limit = getattr(limits, dimension)
    if limit is None:
        return
    rate = in_minutes(limit)
    most = float(rate.per_minute)
    mine = [name for name in shares if applies(limits, Grant(name, (), models[name])) and shares[name][key]]
    whole = sum(shares[name][key] or 0 for name in mine)
    if whole <= most:
        return
    for name in mine:
        part = math.floor((shares[name][key] or 0) * most / whole)
        shares[name] = shares[name].but(**{key: max(1, part)})


# Spend caps


def caps_of(account: Node, month: Mapping[str, float], rung: Rung) -> tuple[dict[str, float], float]:
    """Dollars a month for each project, and the part of the rule's caps that the account's own allows.

    Whole dollars; where they have to be cut, rounded down to cents.
    """
    wanted = {name: float(rounded_usd(usd * MONTH_P95 * MARGIN)) for name, usd in month.items()}
    most = min((cap.amount.micro_usd * MONTH // cap.amount.period_ns // MICRO for cap in account.spend_caps
                if cap.models is None), default=None)  # fmt: skip
    whole = sum(wanted.values())
    if most is None or whole <= most or rung == "accounts":
        return wanted, WHOLE
    part = most / whole
    return {name: math.floor(usd * part * 100) / 100 for name, usd in wanted.items()}, part


def rounded_usd(usd: float) -> int:
    """Dollars rounded up to two digits, at least 1."""
    if usd <= 1:
        return 1
    step: int = 10 ** max(0, math.floor(math.log10(usd)) - 1)
    return math.ceil(usd / step - 1e-9) * step


# What exports of tune are made from


def told(got: Got) -> dict[str, Any]:
    """One project as the summary of a tuning study tells it, with the headroom on what exports recommend."""
    assert got.found is not None
    wide = {name: (got.settings[name] or 0) / value for name, value in got.need.chosen if value}
    exports = dict(got.found.told.get("exports", {}))
    window, alone = exports.get("window_rpm"), exports.get("provider_burst_rpm")
    factor = wide.get("rpm", 1.0)
    if window is not None:
        exports["window_rpm"] = math.ceil(window * factor)
    if alone is not None:
        exports["provider_burst_rpm"] = {
            name: None if value is None else math.ceil(value * factor) for name, value in alone.items()
        }
    return {**_use(got.found), **got.found.told, "recommended": got.settings.values, "shortfall": got.shortfall,
            "exports": exports}  # fmt: skip


def _use(found: Found) -> dict[str, Any]:
    """The most that a project uses, for one whose goals no setting meets."""
    room = found.needs.room
    tokens = ("most_tokens", "most_input_tokens", "most_output_tokens")
    return {"teams_alone": {}, "traffic": {"most_at_once": room.burst, **dict.fromkeys(tokens, room.tokens)}}


def burst_total(grants: Sequence[Grant]) -> int:
    """The bursts of all projects together."""
    return sum(burst_of(one.limits[0]) or 0 for one in grants if one.limits)
