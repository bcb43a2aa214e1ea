"""Configurations with one thing after another changed: the small language of ``--vary PATH=a,b,c``.

    client.retry=none,anthropic-sdk,stamina        what each retry policy does, side by side
    limits.requests=60/min,120/min                 a rate (in every set of limits that has one)
    spend_cap.mode=postpaid,reserve                the mode of every cap of that level
    client.retry={max_attempts: 5, base: 1s},none  values are YAML; commas inside brackets do not part them
    spend_cap=null                                 takes the key away

A path is that inside a configuration of the file. Several axes make their product. Everything is
set before the scenario is checked, so a value means what it would mean in the file.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from sim.errors import BadInput, BadScenario, Problem
from sim.scenario.keys import Ladder, SpelledOut
from sim.scenario.words import Found, choices
from sim.scenario.yaml_lines import Path, read

FLAG = "--vary"
LONGEST = 80
"""Characters of a configuration's name; longer values are numbered."""
MOST = 200
"""Configurations that one command makes at most."""
_SHORT = {
    **dict.fromkeys(("spend_cap", "project_spend_cap"), "amount"),
    **dict.fromkeys(("requests", "input_tokens", "output_tokens", "tokens"), "rate"),
}
"""Keys whose bare value is short for a mapping with this one key."""
_OPEN, _CLOSE = "{[(", "}])"


@dataclass(frozen=True)
class Axis:
    """One path and the values that it takes, as written (``texts``) and as YAML reads them."""

    path: str
    texts: tuple[str, ...]
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Variant:
    """One configuration that was made: from which, and what each path was set to, in the order of the axes.

    ``places`` are the paths inside the configuration that each axis reached.
    """

    base: str
    texts: tuple[tuple[str, str], ...]
    places: tuple[tuple[Path, ...], ...]


Made = tuple[str, Variant, dict[str, Any]]
"""A name, what was varied, and the configuration as a file would have it."""


@dataclass(frozen=True)
class Varied:
    """What was varied: the axes, and each configuration that was made, by name."""

    axes: tuple[Axis, ...]
    variants: Mapping[str, Variant]

    def json(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "paths": {axis.path: list(axis.texts) for axis in self.axes},
            "configurations": {
                name: {"from": one.base, "set": dict(one.texts)} for name, one in self.variants.items()
            },
        }  # fmt: skip


@dataclass(frozen=True)
class Varying:
    """What to vary, and in which configurations of the file (none named: in all)."""

    axes: tuple[Axis, ...]
    only: tuple[str, ...] = ()

    @classmethod
    def of(cls, texts: Sequence[str], only: Sequence[str] = ()) -> Varying:
        """From ``PATH=a,b,c`` texts. Raises BadInput."""
        axes = tuple(map(read_axis, texts))
        paths = [axis.path for axis in axes]
        for path in paths:
            if paths.count(path) > 1:
                hint = f"write all values in one: {FLAG} {path}=a,b,c"
                raise BadInput("the same path is varied twice", place=FLAG, value=repr(path), hint=hint)
        return cls(axes, tuple(only))

    def apply(self, data: Mapping[str, Any]) -> tuple[dict[str, Any], Varied]:
        """A scenario's data with the variants instead of its configurations.

        Raises BadInput, and BadScenario with every path that leads nowhere.
        What is no mapping stays as it is: the checks to come say so.
        """
        given = data.get("configurations")
        if not isinstance(given, dict):
            return dict(data), Varied(self.axes, {})
        _known(self.only, given)
        bases = [name for name in given if not self.only or name in self.only]
        _not_too_many(len(bases), self.axes)
        problems = [found for base in bases for found in _misfits(base, given[base], self.axes)]
        if problems:
            raise BadScenario(list(dict.fromkeys(problems)))
        made: dict[str, Any] = {}
        variants: dict[str, Variant] = {}
        for base in bases:
            if not isinstance(given[base], dict):
                made[base] = given[base]
                continue
            for name, variant, configuration in _variants(base, given[base], self.axes, max(map(len, bases))):
                made[name], variants[name] = configuration, variant
        return {**data, "configurations": made}, Varied(self.axes, variants)


def _known(only: Sequence[str], given: Mapping[str, Any]) -> None:
    for name in only:
        if name not in given:
            hint = choices(name, given)
            raise BadInput("no such configuration", place="--configuration", value=repr(name), hint=hint)


def _not_too_many(bases: int, axes: Sequence[Axis]) -> None:
    count = bases
    for axis in axes:
        count *= len(axis.values)
    if count > MOST:
        hint = "name fewer values, or fewer configurations with --configuration NAME"
        raise BadInput(f"more than {MOST} configurations", place=FLAG, value=f"{count:,}", hint=hint)


# Reading


def read_axis(text: str) -> Axis:
    """One ``PATH=a,b,c``. Raises BadInput."""
    path, sign, rest = text.partition("=")
    path, texts = path.strip(), [" ".join(part.split()) for part in parted(rest)]
    if not sign or not path or not all(texts) or not all(path.split(".")):
        hint = "a path inside a configuration and its values, as client.retry=none,anthropic-sdk"
        raise BadInput("not a variation", place=FLAG, value=repr(text), hint=hint)
    for one in texts:
        if texts.count(one) > 1:
            raise BadInput("the same value twice", place=f"{FLAG} {path}", value=repr(one), hint="keep one of the two")
    return Axis(path, tuple(texts), tuple(_yaml(path, one) for one in texts))


def parted(text: str) -> list[str]:
    """``text`` cut at commas outside of brackets and quotation marks."""
    parts, depth, quote = [""], 0, ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        else:
            depth += (char in _OPEN) - (char in _CLOSE)
        if char == "," and not quote and depth <= 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]


def _yaml(path: str, text: str) -> Any:
    try:
        document = read(text, FLAG)
    except BadScenario as error:
        problem = error.problems[0]
        raise BadInput(problem.message, place=f"{FLAG} {path}", value=repr(text), hint=problem.hint) from None
    if document.problems:
        problem = document.problems[0]
        raise BadInput(problem.message, place=f"{FLAG} {path}", value=problem.value, hint=problem.hint)
    return document.data


# Making


def _misfits(base: str, given: Any, axes: Sequence[Axis]) -> Iterator[Problem]:
    """Paths that lead nowhere in a configuration."""
    if not isinstance(given, dict):
        return
    own, other = (SpelledOut, Ladder) if "accounts" in given else (Ladder, SpelledOut)
    for axis in axes:
        place, first = f"{FLAG} {axis.path} (in {base!r})", axis.path.partition(".")[0]
        if first in other.model_fields and first not in own.model_fields:
            form = "is spelled out account by account" if own is SpelledOut else "is one line of the ladder"
            hint = f"it has {', '.join(own.model_fields)}; --configuration NAME varies only the configurations named"
            yield Problem(f"this configuration {form} and has no {first} of its own", place, hint=hint)
        elif first not in own.model_fields:
            known = dict.fromkeys((*Ladder.model_fields, *SpelledOut.model_fields))
            yield Problem("unknown key", f"{FLAG} {axis.path}", repr(first), choices(first, known))
        else:
            yield from _blocked(given, axis, place)


def _blocked(given: dict[str, Any], axis: Axis, place: str) -> Iterator[Problem]:
    try:
        list(_put(copy.deepcopy(given), axis.path, axis.values[0], (), place))
    except BadInput as error:
        yield error.problem


def _variants(base: str, given: dict[str, Any], axes: Sequence[Axis], longest: int) -> Iterator[Made]:
    """Every combination of values; ``longest`` is the length of the longest name that is varied."""
    for numbers in product(*(range(len(axis.values)) for axis in axes)):
        configuration, places = copy.deepcopy(given), []
        texts = tuple((axis.path, axis.texts[at]) for axis, at in zip(axes, numbers, strict=True))
        for axis, at in zip(axes, numbers, strict=True):
            places.append(tuple(_put(configuration, axis.path, axis.values[at], (), f"{FLAG} {axis.path}")))
        name = f"{base}, {_said(texts, numbers, LONGEST - longest - 2)}"
        yield name, Variant(base, texts, tuple(places)), configuration


def _said(texts: Sequence[tuple[str, str]], numbers: Sequence[int], room: int) -> str:
    """``client.retry=none``; where that has no room in a name, the longest values become their numbers."""
    said = [f"{path}={text}" for path, text in texts]
    for at in sorted(range(len(said)), key=lambda at: -len(said[at])):
        if len(", ".join(said)) > room:
            said[at] = f"{texts[at][0]}=#{numbers[at] + 1}"
    return ", ".join(said)


def _put(node: dict[str, Any], path: str, value: Any, above: Path, place: str) -> Iterator[Path]:
    """Set ``value`` at a dotted path below a mapping; yields each path that was set."""
    key = _step(node, path)
    rest = path[len(key) + 1 :]
    here = (*above, key)
    if not rest:
        if value is None:
            node.pop(key, None)
        else:
            node[key] = copy.deepcopy(value)
        yield here
        return
    child = node.get(key)
    if isinstance(child, list):
        node[key] = items = [_opened(item, key, place, rest) for item in child]
        for at in _items(items, key, rest, place):
            inner = rest[len(str(at)) + 1 :] if rest.split(".")[0] == str(at) else rest
            yield from _put(items[at], inner, value, (*here, at), place)
        return
    node[key] = opened = _opened(child, key, place, rest)
    yield from _put(opened, rest, value, here, place)


def _step(node: Mapping[str, Any], path: str) -> str:
    """The longest key of ``node`` that ``path`` starts with (names may have dots), else its first word."""
    known = [key for key in node if path == key or path.startswith(f"{key}.")]
    return max(known, key=len, default=path.partition(".")[0])


def _opened(value: Any, key: str, place: str, rest: str) -> dict[str, Any]:
    """What stands at a key as a mapping to write into."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    if key in _SHORT:
        return {_SHORT[key]: value}
    hint = f"write a whole value for {key} as {{...}}, or vary {key} itself"
    raise BadInput(f"{key} is {value!r} here and has no {rest} to set", place=place, hint=hint)


def _items(items: Sequence[Mapping[str, Any]], key: str, rest: str, place: str) -> list[int]:
    """Which entries of a list a path means: the one that it numbers, else every cap, or every set with the field."""
    first = rest.split(".")[0]
    if first.isdigit() and "." in rest:
        if int(first) < len(items):
            return [int(first)]
        raise BadInput(f"{key} has no entry {first}", place=place, hint=f"it has {len(items)}, counted from 0")
    having = [at for at, item in enumerate(items) if first in item]
    if key.endswith("spend_cap") or len(items) == 1:
        return list(range(len(items)))
    if having:
        return having
    raise BadInput(f"none of the entries of {key} has {first}", place=place, hint=f"number one, as {key}.0.{rest}")


# Telling


def place_of(found: Found, varied: Varied) -> tuple[str, Path]:
    """The flag that brings a problem (empty when the file does), and the problem's path in the file."""
    variant = varied.variants.get(str(found.path[1])) if len(found.path) > 1 else None
    if found.path[:1] != ("configurations",) or variant is None:
        return "", found.path
    inside, said, exact = found.path[2:], [], False
    for (path, text), places in zip(variant.texts, variant.places, strict=True):
        below = any(inside[: len(place)] == place for place in places)
        above = any(place[: len(inside)] == inside for place in places)
        said += [f"{path}={text}"] if below or above else []
        exact = exact or below
    where = "" if exact else f" (in {variant.base!r})"
    return f"{FLAG} {', '.join(said)}{where}" if said else "", ("configurations", variant.base, *inside)
