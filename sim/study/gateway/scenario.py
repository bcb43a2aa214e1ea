"""The scenario that simulator and proxy both run: squeezed into minutes, its keys as LiteLLM can have them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.catalogue.resolve import resolve_retry
from sim.scenario.loader import load_text
from sim.scenario.plan import expected_by_team
from sim.scenario.topology import build_topology
from sim.study.gateway.keys import Arrangement, arranged
from sim.study.live.limits import beyond_reach, without_unreachable
from sim.study.validate.compress import slice_of

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded

UPSTREAM = "upstream"
"""The configuration that the emulator behind the proxy serves: one key without any limit."""


@dataclass(frozen=True)
class Staged:
    """The scenario, how each configuration is arranged at the proxy, and what to tell about it."""

    loaded: Loaded
    text: str
    arrangements: Mapping[str, Arrangement]
    notes: tuple[str, ...]


def staged(
    loaded: Loaded, names: Sequence[str], wall_ns: int, window_s: int, peak: float, path: Path
) -> Staged:  # fmt: skip
    """Make it; ``path`` is where its file will stand. ``peak``: planned requests in the busiest second at the most.

    Raises BadInput or BadScenario for what LiteLLM has not, or what can't be squeezed.
    """
    reachable = without_unreachable(loaded)
    notes = dict.fromkeys(beyond_reach(loaded)[:-1])
    arrangements: dict[str, Arrangement] = {}
    data: dict[str, Any] = {}
    for name in names:
        part = slice_of(reachable, name, wall_ns, Fraction(1), path, peak)
        scenario = part.loaded.scenario
        topology = build_topology(name, scenario.configurations[name], expected_by_team(scenario, part.loaded.traces))
        arrangements[name] = arranged(topology, window_s, f"KEYSTORM_GATEWAY_KEY_{len(arrangements)}")
        notes |= dict.fromkeys([*part.notes, *(f"{name}: {note}" for note in arrangements[name].notes)])
        data = data or json.loads(part.text)
    data["configurations"] = {
        **{name: dict(one.configuration) for name, one in arrangements.items()}, UPSTREAM: {"isolation": "shared"}
    }  # fmt: skip
    text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    return Staged(load_text(text, path), text, arrangements, tuple(notes))


def silent(loaded: Loaded) -> Loaded:
    """The same scenario with clients to which no refusal says when to come back."""
    data = loaded.scenario.model_dump(mode="json", by_alias=True, exclude_none=True)
    for name, team in loaded.scenario.teams.items():
        policy = resolve_retry(team.client).model_copy(update={"obey_retry_after": False})
        data["teams"][name]["client"]["retry"] = policy.model_dump(mode="json", by_alias=True, exclude_none=True)
    return load_text(json.dumps(data, ensure_ascii=False), loaded.path)
