"""What isolation will not fix: the catalogue's sentences for the rung, each with what was simulated of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.catalogue import tiers, unfixed
from sim.scenario.capacity import capacity
from sim.study.migrate.drills import ACCOUNT_BAN, KEY_BAN, RUNAWAY
from sim.study.migrate.hybrid import Target
from sim.study.migrate.keys import anthropic_models
from sim.study.migrate.limits import Got
from sim.study.migrate.steps import Stage, incidents
from sim.study.tune.settings import amounts


@dataclass(frozen=True)
class Case:
    """What warnings are derived from: today and the end, the target, and what each project got."""

    first: Stage
    last: Stage
    target: Target
    got: Sequence[Got]

    def incident(self, name: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """One probe of the biggest consumer's drill, today and at the end."""
        pair = [
            next((one for one in incidents(stage) if one["incident"] == name), None)
            for stage in (self.first, self.last)
        ]
        return None if pair[0] is None or pair[1] is None else (pair[0], pair[1])


def warnings(case: Case) -> list[dict[str, Any]]:
    """The sentences that are true for this rung and these models, with their source."""
    anthropic = any(model in anthropic_models() for grant in case.target.grants for model in grant.models)
    found = []
    for name, one in unfixed().items():
        if case.target.rung not in one.rungs or (one.provider == "anthropic" and not anthropic):
            continue
        if one.most is not None and len(case.target.grants) <= one.most:
            continue
        shown = _SHOWN[one.shown](case) if one.shown else ""
        found.append({"id": name, "says": one.says, "shown": shown, "source": one.source, "date": one.date})
    return found


def _services(one: Mapping[str, Any], case: Case) -> str:
    whole = int(case.last.work.services.sum())
    return f"{one['services_below']:.0f} of {whole} service{'s' if whole != 1 else ''}"


def _before_after(case: Case, name: str) -> str:
    pair = case.incident(name)
    if pair is None:
        return ""
    today, end = pair
    now, then = _services(today, case), _services(end, case)
    return f"Simulated for {end['team']}: {now} below their objective today, {then} at the end."


def _account_ban(case: Case) -> str:
    return _before_after(case, ACCOUNT_BAN)


def _key_ban(case: Case) -> str:
    return _before_after(case, KEY_BAN)


def _own_runaway(case: Case) -> str:
    pair = case.incident(RUNAWAY)
    if pair is None:
        return ""
    own = pair[1]["team"] in pair[1]["hit"]
    falls = "falls" if own else "does not fall"
    return f"Simulated: {pair[1]['team']} {falls} below its own objective during its own job."


def _refusals(case: Case) -> str:
    today, end = (float(stage.limited_share(stage.work.teams).mean()) for stage in (case.first, case.last))
    return f"Simulated: {100 * today:.1f} % of all attempts get a 429 today, {100 * end:.1f} % at the end."


def _account_limits(case: Case) -> str:
    rates = [amounts(one).get("rpm") for one in case.target.account.limits]
    most = min((rate for rate in rates if rate is not None), default=None)
    given = [one.settings["rpm"] for one in case.got]
    if most is None or any(rate is None for rate in given):
        return ""
    whole = sum(rate for rate in given if rate is not None)
    return f"Here the projects have {whole:,} requests a minute of the {most:,.0f} that the account gives."


def _smallest_tier(case: Case) -> str:
    """Which projects do not fit the smallest tier of the provider."""
    ladder = sorted((tier.rank, name) for name, tier in tiers().items() if name.startswith("anthropic/") and tier.rank)
    if not ladder:
        return ""
    name = ladder[0][1]
    cap = tiers()[name].spend_cap
    if cap is None:
        return ""
    most = cap.amount.micro_usd / 1e6
    over = [one.project.name for one in case.got if one.p95_usd > most]
    if not over:
        return f"Every project's month stays under the {cap.amount} of {name}."
    return f"The 95th percentile of a month is above the {cap.amount} of {name} for {', '.join(over)}."


def _added_capacity(case: Case) -> str:
    today, end = (capacity(stage.topology).get("requests_per_min") for stage in (case.first, case.last))
    if today is None or end is None:
        return ""
    return f"Requests a minute in all: {today:,.0f} today, {end:,.0f} at the end."


_SHOWN: Mapping[str, Callable[[Case], str]] = {
    "account_ban": _account_ban, "key_ban": _key_ban, "own_runaway": _own_runaway, "refusals": _refusals,
    "account_limits": _account_limits, "smallest_tier": _smallest_tier, "added_capacity": _added_capacity,
}  # fmt: skip
