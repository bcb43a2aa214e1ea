"""The arrangements that a study looks at side by side, and the small language of ``--what-if``.

    --what-if projects                             another configuration of the scenario
    --what-if 'requests=120/min'                   the first configuration with one limit changed
    --what-if 'requests=x2, spend_cap=none'        twice every requests limit, and no cap
    --what-if 'projects: split=equal'              another configuration, changed
    --what-if 'tier=anthropic/build'               the limits and the cap of a provider's tier
    --what-if 'growth=20%'                         other growth, the same keys

A value is written as in the scenario file; ``xN`` multiplies what stands there, ``none`` takes it away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sim.catalogue import tiers
from sim.errors import BadInput, BadUnit
from sim.scenario.keys import DIMENSIONS, Configuration, Ladder, SpelledOut
from sim.scenario.schema import Scenario
from sim.study.capacity.classes import limits_of_tier
from sim.study.capacity.options import Growth, Options, near, percent

PLACE = "--what-if"
IN_LIMITS = (*DIMENSIONS, "burst", "concurrency", "algorithm")
CAPS = ("spend_cap", "project_spend_cap")
FIELDS = (*IN_LIMITS, *CAPS, "split", "overcommit", "isolation", "tier", "growth")
_BETWEEN = re.compile(r",(?=\s*[A-Za-z_]+\s*=)")
_TIMES = re.compile(r"^x\s*(\d+(?:\.\d+)?|\.\d+)$")
_AMOUNT = re.compile(r"^(\s*\$?\s*)([\d_,.]+)\s*([kKMG]?)(.*)$")


@dataclass(frozen=True)
class Case:
    """One arrangement of keys under one growth. ``base`` is the configuration that it changes."""

    name: str
    base: str
    configuration: Ladder | SpelledOut
    growth: Growth


def cases_of(scenario: Scenario, options: Options) -> tuple[Case, ...]:
    """The cases of a study, the first being what others are compared with. Raises BadInput."""
    names = options.configurations or (next(iter(scenario.configurations)),)
    for name in names:
        if name not in scenario.configurations:
            known = scenario.configurations
            raise BadInput("no such configuration", place="--configuration", value=repr(name), hint=near(name, known))
    found = {name: Case(name, name, scenario.configurations[name], options.growth) for name in names}
    first = found[names[0]]
    for text in options.what_ifs:
        case = _read(text, first, scenario)
        if case.name in found:
            raise BadInput("the same arrangement twice", place=PLACE, value=repr(text), hint="remove one")
        found[case.name] = case
    return tuple(found.values())


def _read(text: str, first: Case, scenario: Scenario) -> Case:
    """One ``--what-if``."""
    name = " ".join(text.split())
    if name in scenario.configurations:
        return Case(name, name, scenario.configurations[name], first.growth)
    head, colon, tail = name.partition(":")
    base, said = (head.strip(), tail) if colon and "=" not in head else (first.base, name)
    if base not in scenario.configurations:
        raise BadInput("no such configuration", place=PLACE, value=repr(base), hint=near(base, scenario.configurations))
    case = Case(name, base, scenario.configurations[base], first.growth)
    changes = _changes(said, scenario)
    if "growth" in changes:
        case = replace(case, growth=replace(case.growth, overall=percent(changes.pop("growth"), PLACE), teams=()))
    return replace(case, configuration=_changed(case.configuration, changes, scenario, text)) if changes else case


def _changes(text: str, scenario: Scenario) -> dict[str, str]:
    """``field=value, …`` as a mapping."""
    found: dict[str, str] = {}
    for part in _BETWEEN.split(text):
        field, sign, value = (piece.strip() for piece in part.partition("="))
        if not sign:
            known = [*scenario.configurations, "requests=120/min", "split=equal"]
            raise BadInput(
                "neither a configuration nor a change", place=PLACE, value=repr(part), hint=near(part, known)
            )
        if field not in FIELDS:
            raise BadInput("nothing that can be changed", place=PLACE, value=repr(field), hint=near(field, FIELDS))
        found[field] = value
    return found


def _changed(given: Ladder | SpelledOut, changes: Mapping[str, str], scenario: Scenario, text: str) -> Any:
    """The configuration with the changes, checked as if it stood in the file."""
    data = given.model_dump(mode="json", by_alias=True, exclude_none=True)
    for field, value in changes.items():
        if isinstance(given, SpelledOut):
            _multiply_everywhere(data, field, value)
        else:
            _change_ladder(data, field, value, scenario)
    try:
        return TypeAdapter(Configuration).validate_python(data)
    except ValidationError as error:
        raise _refused(error, text) from None


def _refused(error: ValidationError, text: str) -> BadInput:
    """The first problem that the schema found, in its own words."""
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, BadUnit):
        return BadInput(cause.problem.message, place=PLACE, value=repr(text), hint=cause.problem.hint)
    where = next((str(part) for part in reversed(first["loc"]) if isinstance(part, str) and part[:1] != "="), "")
    return BadInput(f"{where}: {first['msg']}".strip(": "), place=PLACE, value=repr(text))


def _change_ladder(data: dict[str, Any], field: str, value: str, scenario: Scenario) -> None:
    if field == "tier":
        _tier(data, value, scenario)
    elif field in IN_LIMITS:
        _limits(data, field, value)
    elif value == "none":
        data.pop(field, None)
    elif field in CAPS:
        data[field] = _cap(data.get(field), field, value)
    else:
        data[field] = multiplied(str(data.get(field, 1)), value) if value.startswith("x") else value


def _tier(data: dict[str, Any], name: str, scenario: Scenario) -> None:
    if name not in tiers():
        raise BadInput("no such tier", place=PLACE, value=repr(name), hint=near(name, tiers()))
    tier = tiers()[name]
    limits = limits_of_tier(tier, scenario)
    if not limits:
        hint = "its classes name none of the models that the teams ask for"
        raise BadInput("this tier says nothing about the scenario's models", place=PLACE, value=repr(name), hint=hint)
    data["limits"] = [one.model_dump(mode="json", exclude_none=True) for one in limits]
    data.pop("spend_cap", None)
    if tier.spend_cap is not None:
        data["spend_cap"] = tier.spend_cap.model_dump(mode="json")


def _limits(data: dict[str, Any], field: str, value: str) -> None:
    """Change a field in every set of limits that has it; a new limit goes into the first set."""
    sets: list[dict[str, Any]] = data.setdefault("limits", [])
    having = [one for one in sets if field in one]
    if not having and value.startswith("x"):
        raise _nothing(field, value)
    if not having and value != "none":
        having = [one for one in sets if field == "burst" and "requests" in one] or sets[:1]
        if not having:
            sets.append({})
            having = sets
    for one in having:
        _set(one, field, value)
    data["limits"] = [one for one in sets if any(name in one for name in (*DIMENSIONS, "concurrency"))]


def _nothing(field: str, value: str) -> BadInput:
    hint = f"the configuration has no {field}: write a value, as in a scenario"
    return BadInput("there is nothing to multiply", place=PLACE, value=repr(f"{field}={value}"), hint=hint)


def _set(limits: dict[str, Any], field: str, value: str) -> None:
    """Write one field of one set; a limit that has a burst of its own keeps it."""
    held = limits.get(field)
    if value == "none":
        limits.pop(field, None)
    elif isinstance(held, dict):
        limits[field] = {**held, "rate": multiplied(held["rate"], value) if value.startswith("x") else value}
    else:
        limits[field] = multiplied(str(held), value) if value.startswith("x") else value


def _cap(held: Any, field: str, value: str) -> Any:
    """A level's caps with another amount: a factor changes each, a sum of money replaces them (one keeps its mode)."""
    caps: list[dict[str, Any]] = held or []
    if not value.startswith("x"):
        return {**caps[0], "amount": value} if len(caps) == 1 else value
    if not caps:
        raise _nothing(field, value)
    return [{**cap, "amount": multiplied(cap["amount"], value)} for cap in caps]


def _multiply_everywhere(data: dict[str, Any], field: str, value: str) -> None:
    """A spelled-out configuration has many limits of a name; only a factor says what to do with all."""
    if field not in (*DIMENSIONS, "burst", "concurrency", "spend_cap") or _TIMES.match(value) is None:
        hint = f"{field}=x2 multiplies all of them; for anything else write a configuration and name it here"
        raise BadInput(
            "a configuration that is spelled out has no single place for this",
            place=PLACE, value=repr(f"{field}={value}"), hint=hint,
        )  # fmt: skip
    changed = 0
    for level in _levels(data):
        if field == "spend_cap":
            if level.get(field):
                level[field] = _cap(level[field], field, value)
                changed += 1
            continue
        for limits in level.get("limits", ()):
            if field in limits:
                _set(limits, field, value)
                changed += 1
    if not changed:
        raise _nothing(field, value)


def _levels(data: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for account in data["accounts"].values():
        yield account
        for project in (account.get("projects") or {}).values():
            yield project
            yield from (project.get("keys") or {}).values()


def multiplied(held: str, times: str) -> str:
    """``60/min`` by ``x1.5`` → ``90/min``; what follows the number stays. Raises BadInput."""
    match, amount = _TIMES.match(times), _AMOUNT.match(held)
    if match is None or amount is None:
        raise BadInput("not a factor", place=PLACE, value=repr(times), hint="x and a number, as x2 or x0.5")
    number = Fraction(amount[2].replace(",", "").replace("_", "")) * Fraction(match[1])
    text = str(number.numerator) if number.denominator == 1 else f"{float(number):.6f}".rstrip("0").rstrip(".")
    return f"{amount[1]}{text}{amount[3]}{amount[4]}"
