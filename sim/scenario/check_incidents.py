"""Incidents and finance: does every name refer to something, and can a month be drawn?"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from sim.chaos.incidents import IncidentEntry, specimen
from sim.scenario.check_names import fault_names, known_models
from sim.scenario.finance import MEASURES, SAVING, SAVING_MEASURES, SHARES, Check, Finance, OtherCost
from sim.scenario.parts import Parts
from sim.scenario.words import Found, of_detail, unknown
from sim.scenario.yaml_lines import Path
from sim.units import MONTH

ONLY_HERE = "the scenario's incidents are drawn by keystorm cost only: every other command runs without them"
MOST = 40.0
"""Incidents of a month, all kinds together: each is a fault with luck of its own (sim.draws)."""


def incidents(parts: Parts) -> Iterator[Found]:
    """Everything that is wrong with ``incidents`` and ``finance``."""
    yield from _titles(parts)
    yield from _too_many(parts)
    for at, entry in enumerate(parts.incidents):
        if entry is not None and parts.teams:
            yield from _incident(parts, entry, ("incidents", at, entry.kind))
    if parts.finance is not None:
        yield from _finance(parts, parts.finance)


def unused(parts: Parts) -> Iterator[str]:
    """A note that most commands leave incidents out."""
    if any(entry is not None for entry in parts.incidents):
        yield ONLY_HERE


def titles(parts: Parts) -> list[str]:
    """The names of the incidents that can be read."""
    return [entry.title for entry in parts.incidents if entry is not None]


def _titles(parts: Parts) -> Iterator[Found]:
    seen: set[str] = set()
    for at, entry in enumerate(parts.incidents):
        if entry is not None and entry.title in seen:
            hint = "add name: with a name of its own to one of them"
            yield Found(("incidents", at, entry.kind), "two incidents have one name", repr(entry.title), hint)
        elif entry is not None:
            seen.add(entry.title)


def _too_many(parts: Parts) -> Iterator[Found]:
    total = sum(entry.incident.per_month.high for entry in parts.incidents if entry is not None)
    expected = total * (parts.duration or MONTH) / MONTH
    if expected > MOST:
        hint = "lower per_month; what happens every hour is a workload, not an incident"
        yield Found(("incidents",), f"more than {MOST:g} incidents in the duration", f"{expected:g}", hint)


def _incident(parts: Parts, entry: IncidentEntry, path: Path) -> Iterator[Found]:
    teams = getattr(entry.incident, "team", None) or ()
    for at, team in enumerate(teams):
        if not parts.is_team(team):
            yield unknown((*path, "team", at), "team", team, parts.team_names)
    try:
        fault = specimen(entry, parts.duration or MONTH).fault
    except ValidationError as error:
        yield from (Found(path, *of_detail(detail)) for detail in error.errors(include_url=False))
        return
    if all(parts.is_team(team) for team in teams):
        yield from fault_names(parts, fault, path)


# Finance


def _finance(parts: Parts, finance: Finance) -> Iterator[Found]:
    for name, cost in finance.costs.items():
        yield from _cost(parts, cost, ("finance", "costs", name))
    if finance.saving is not None:
        saving, path = finance.saving, ("finance", "saving")
        yield from _configuration(parts, saving.from_, (*path, "from"))
        for at, name in enumerate(saving.to):
            yield from _configuration(parts, name, (*path, "to", at))
        for model in saving.prices:
            if model not in known_models(parts):
                yield unknown((*path, "prices", model), "model", model, known_models(parts))
    for at, claim in enumerate(finance.claims):
        for which, check in enumerate(claim.tests):
            yield from _check(parts, finance, check, ("finance", "claims", at, "tests", which))


def _configuration(parts: Parts, name: str, path: Path) -> Iterator[Found]:
    if name not in parts.configurations:
        yield unknown(path, "configuration", name, parts.configurations)


def _cost(parts: Parts, cost: OtherCost, path: Path) -> Iterator[Found]:
    if cost.incident is not None and cost.incident not in titles(parts) and None not in parts.incidents:
        yield unknown((*path, "incident"), "incident", cost.incident, titles(parts))
    for name in cost.instead:
        yield from _configuration(parts, name, (*path, "instead", name))


def _check(parts: Parts, finance: Finance, check: Check, path: Path) -> Iterator[Found]:
    known = SAVING_MEASURES if check.subject == SAVING else (*MEASURES, *finance.costs)
    if check.subject != SAVING and check.subject not in parts.configurations:
        yield unknown(path, "configuration", check.subject, (*parts.configurations, SAVING))
    elif check.measure not in known:
        yield unknown(path, "measure", check.measure, known)
    elif check.subject == SAVING and finance.saving is None:
        yield Found(path, "there is no saving to speak of", repr(str(check)), "add saving: {from: …, to: …}")
    elif check.measure == "exceed" and finance.budget is None:
        yield Found(path, "there is no budget to exceed", repr(str(check)), "add budget: $15k/month")
    elif check.measure in SHARES and check.bound > 1:
        yield Found(path, f"{check.measure} is a share", f"{check.bound:g}", f"write {check.bound:g}%")
