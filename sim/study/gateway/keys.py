"""A configuration as LiteLLM can have it: what each key and team may do, and the same as a scenario.

A level with one key under it becomes limits of that key, a level with several becomes limits of a team.
LiteLLM counts in windows that start with the first request; so do, on both sides, the limits of the
scenario that is made here, whatever the algorithm was that it came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from sim.errors import BadInput
from sim.scenario.keys import Limits, SpendCap
from sim.scenario.topology import Node, Topology
from sim.units import MICRO, SECOND, Rate

FIELDS = {"requests": "rpm_limit", "tokens": "tpm_limit", "concurrency": "max_parallel_requests"}
"""What a scenario limits → what LiteLLM calls it."""
ABSENT = ("input_tokens", "output_tokens")
"""What a key of LiteLLM has no limit for."""


@dataclass(frozen=True)
class GatewayKey:
    """One key of the proxy. ``limits`` has LiteLLM's own names; ``variable`` holds the secret."""

    alias: str
    team: str
    variable: str
    limits: Mapping[str, float] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """The key as the hook reads it: no secret is in it."""
        return {"alias": self.alias, "team": self.team, "variable": self.variable, "limits": dict(self.limits)}


@dataclass(frozen=True)
class Arrangement:
    """A configuration for LiteLLM: its keys by the names that the scenario has for them, and that scenario's text."""

    configuration: Mapping[str, Any]
    keys: Mapping[str, GatewayKey]
    notes: tuple[str, ...]


def arranged(topology: Topology, window_s: int, variable: str) -> Arrangement:
    """Turn a configuration into keys and teams. ``variable`` begins the names of the variables that hold secrets.

    Raises BadInput where LiteLLM has nothing that does it.
    """
    notes: dict[str, None] = {}
    projects: dict[str, Any] = {}
    keys: dict[str, GatewayKey] = {}
    for path in topology.paths():
        own, shared = _divided(path, topology, window_s, notes)
        team, name = _short(path[:2]), _short(path)
        limits = {**_fields(own), **_of_team(shared, team)}
        keys[f"litellm/{team}/{name}"] = GatewayKey(
            f"{topology.name}-{name}", f"{topology.name}-{team}", f"{variable}_{len(keys)}", limits
        )
        project = projects.setdefault(team, {**_level(shared, window_s), "keys": {}})
        project["keys"][name] = {"teams": list(path[-1].teams), **_level(own, window_s)}
    return Arrangement({"accounts": {"litellm": {"gateway": True, "projects": projects}}}, keys, tuple(notes))


def _short(path: Sequence[Node]) -> str:
    """``shared/analytics/default`` → ``shared-analytics``."""
    return "-".join(node.name for node in path if node.name != "default") or "default"


Amounts = dict[str, float]


def _divided(
    path: Sequence[Node], topology: Topology, window_s: int, notes: dict[str, None]
) -> tuple[Amounts, Amounts]:
    """The tightest limits of a key's own levels, and of the levels that it shares with other keys."""
    own: Amounts = {}
    shared: Amounts = {}
    for depth, node in enumerate(path):
        among = [one for one in topology.paths() if one[: depth + 1] == tuple(path[: depth + 1])]
        amounts = dict(_amounts(node, window_s, notes))
        if len(among) == 1:
            _tightest(own, amounts)
            continue
        kept = {name: amount for name, amount in amounts.items() if not _below(among, depth, name)}
        if len(kept) < len(amounts):
            notes[f"{node.level} {node.name}: its limits are the sum of those of its parts, and left out as such"] = (
                None
            )
        if kept and depth == 0 and len({one[1].name for one in among}) > 1:
            hint = "limit projects or keys, or give the account one project"
            raise BadInput("LiteLLM has no limit over several teams", place=f"account {node.name}", hint=hint)
        _tightest(shared, kept)
    return own, shared


def _below(among: Sequence[Sequence[Node]], depth: int, name: str) -> bool:
    """Whether every key of a level has a limit of this kind of its own further down."""
    return all(any(name in _named(node) for node in path[depth + 1 :]) for path in among)


def _named(node: Node) -> set[str]:
    found = {name for limits in node.limits for name in (*FIELDS, *ABSENT) if getattr(limits, name) is not None}
    return found | ({"max_budget"} if node.spend_caps else set())


def _tightest(into: Amounts, amounts: Mapping[str, float]) -> None:
    for name, amount in amounts.items():
        into[name] = min(amount, into.get(name, amount))


def _amounts(node: Node, window_s: int, notes: dict[str, None]) -> Iterator[tuple[str, float]]:
    """What a level lets through in a window, at once, or for how much money."""
    for limits in node.limits:
        yield from _of_limits(limits, f"{node.level} {node.name}", window_s, notes)
    for cap in node.spend_caps:
        yield "max_budget", _of_cap(cap, f"{node.level} {node.name}")


def _of_limits(limits: Limits, place: str, window_s: int, notes: dict[str, None]) -> Iterator[tuple[str, float]]:
    if limits.models is not None:
        hint = "leave models out, or validate it against the emulator"
        raise BadInput("limits of single models are not arranged at LiteLLM", place=place, hint=hint)
    for name in ABSENT:
        if getattr(limits, name) is not None:
            notes[f"{place}: LiteLLM has no limit of {name.replace('_', ' ')} for a key: left out"] = None
    for name in ("requests", "tokens"):
        given = getattr(limits, name)
        if given is not None:
            count = _in_window(given.rate, window_s)
            notes[f"{place}: {given.rate} {name} become {count:,} in windows of {window_s} s from the first use"] = None
            yield name, count
    if limits.concurrency is not None:
        yield "concurrency", limits.concurrency


def _in_window(rate: Rate, window_s: int) -> int:
    return max(1, int(Fraction(rate.count) * window_s * SECOND / rate.period_ns))


def _of_cap(cap: SpendCap, place: str) -> float:
    if cap.models is not None:
        hint = "leave models out, or validate it against the emulator"
        raise BadInput("caps of single models are not arranged at LiteLLM", place=place, hint=hint)
    return cap.amount.micro_usd / MICRO


def _fields(amounts: Amounts) -> dict[str, float]:
    return {FIELDS.get(name, name): amount for name, amount in amounts.items()}


def _of_team(amounts: Amounts, team: str) -> dict[str, float]:
    if "concurrency" in amounts:
        hint = "limit the concurrency of each key"
        raise BadInput("a team of LiteLLM has no limit of concurrency", place=team, hint=hint)
    return {f"team_{name}": amount for name, amount in _fields(amounts).items()}


def _level(amounts: Amounts, window_s: int) -> dict[str, Any]:
    """The same as a scenario writes it."""
    said: dict[str, Any] = {name: f"{amounts[name]}/{window_s}s" for name in ("requests", "tokens") if name in amounts}
    limits: list[dict[str, Any]] = [{**said, "algorithm": "fixed_window", "window": "first_use"}] if said else []
    if "concurrency" in amounts:
        limits.append({"concurrency": amounts["concurrency"]})
    found: dict[str, Any] = {"limits": limits} if limits else {}
    if "max_budget" in amounts:
        found["spend_cap"] = f"${amounts['max_budget']:.6f}/month"
    return found
