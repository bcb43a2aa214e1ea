"""Does every name refer to something? Teams, models, presets, levels of keys, metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sim.catalogue import model_gaps, model_names, retry_names
from sim.chaos.base import Fault, Sender
from sim.chaos.rollout import Rollout
from sim.metrics.declared import BY_NAME, NAMES, TEAM_NAMES
from sim.scenario.keys import Account, ContentPolicy, Key, Ladder, Level, Project, SpelledOut
from sim.scenario.parts import Parts
from sim.scenario.schema import Model, Slo
from sim.scenario.words import Found, choices, closest, unknown
from sim.scenario.yaml_lines import Path

MAX_MODELS = 60
"""Sets of models are bit masks in int64 (sim.policy.tables); some room is left for faults' models."""

EVERYBODY = ("*", "total")
"""What an objective may name instead of a team."""


def names(parts: Parts) -> Iterator[Found]:
    """Every name that refers to nothing, and every team without a key."""
    yield from _team_names(parts)
    yield from _models(parts)
    yield from _workload_models(parts)
    yield from _presets(parts)
    if not parts.teams:
        return  # said elsewhere; without it every team would be unknown
    for name, configuration in parts.sound_configurations.items():
        path: Path = ("configurations", name)
        if isinstance(configuration, Ladder):
            yield from _ladder(parts, configuration, path)
        else:
            yield from _spelled(parts, configuration, path)
    yield from _chaos(parts)
    yield from _content(parts)
    yield from _slos(parts)


def known_models(parts: Parts) -> tuple[str, ...]:
    """The scenario's models, then the catalogue's."""
    return tuple(dict.fromkeys((*parts.models, *model_names())))


def _team_names(parts: Parts) -> Iterator[Found]:
    for name in parts.teams:
        if name in EVERYBODY:
            yield Found(("teams", name), f"a team can't be called {name}", "", "objectives use this word for everybody")


# Models and clients


def _models(parts: Parts) -> Iterator[Found]:
    for name, entry in parts.sound_models.items():
        path: Path = ("models", name)
        if entry.like is not None and entry.like not in known_models(parts):
            yield unknown((*path, "like"), "model", entry.like, known_models(parts))
        elif cycle := _cycle(parts.sound_models, name):
            hint = "an entry with a name of the catalogue builds on it anyway: remove like"
            yield Found((*path, "like"), "like leads back to where it started", " → ".join(cycle), hint)
        elif all(parts.models.get(other) is not None for other in parts.models):
            yield from (_gap(path, gap) for gap in model_gaps(parts.sound_models, name))


def _gap(path: Path, missing: str) -> Found:
    example = {"price": "price: {input: $3, output: $15}"}.get(missing, f"{missing}: {{median: 1s, p95: 3s}}")
    return Found(path, f"{missing} is missing", "", f"add {example}, or like: claude-sonnet-4-5")


def _cycle(models: dict[str, Model], start: str) -> list[str]:
    """The names from ``start`` round to ``start`` again; empty when its chain of ``like`` ends."""
    chain = [start]
    while (entry := models.get(chain[-1])) is not None and entry.like is not None:
        chain.append(entry.like)
        if entry.like == start:
            return chain
        if entry.like in chain[:-1]:
            return []
    return []


def _workload_models(parts: Parts) -> Iterator[Found]:
    known = known_models(parts)
    asked = set(parts.models_asked.values()) | {model for _, model in _fallbacks(parts)}
    if len(asked) > MAX_MODELS:
        hint = "give models that behave alike one name"
        yield Found(("teams",), f"more than {MAX_MODELS} models", str(len(asked)), hint)
    for path, model in (*parts.models_asked.items(), *_fallbacks(parts)):
        if model not in known:
            yield unknown(path, "model", model, known)
    for path, model in _fallbacks(parts):
        if path[0] == "teams" and _models_of(parts, path[1]) == {model}:
            hint = "another model, or no fallback"
            yield Found(path, "the fallback is the model that the team asks for anyway", repr(model), hint)


def _fallbacks(parts: Parts) -> Iterator[tuple[Path, str]]:
    """The model that each client falls back to, by its path."""
    for path, client in parts.clients.items():
        if client.fallback is not None:
            yield (*path, "fallback"), client.fallback.model


def _models_of(parts: Parts, team: object) -> set[str]:
    return {model for path, model in parts.models_asked.items() if path[1] == team}


def _presets(parts: Parts) -> Iterator[Found]:
    for path, client in parts.clients.items():
        if isinstance(client.retry, str) and client.retry not in retry_names():
            yield unknown((*path, "retry"), "retry policy", client.retry, retry_names())


# Configurations


def _ladder(parts: Parts, ladder: Ladder, path: Path) -> Iterator[Found]:
    yield from _limited_models(parts, ladder.limits, path)
    yield from _limited_models(parts, ladder.spend_cap, path, "spend_cap")
    yield from _limited_models(parts, ladder.project_spend_cap, path, "project_spend_cap")
    if not isinstance(ladder.split, dict):
        return
    for team in ladder.split:
        if not parts.is_team(team):
            yield unknown((*path, "split", team), "team", team, _team_hints(parts, team))
    for team in parts.team_names:
        if team not in ladder.split and closest(team, ladder.split.keys() - set(parts.team_names)) is None:
            hint = f"add {team}: 10%, all shares summing to at most 1"
            yield Found((*path, "split"), f"team {team} has no share", "", hint)
    for team, share in ladder.split.items():
        if share == 0:
            yield Found((*path, "split", team), f"team {team} has a share of zero", "0", "give it more than 0")


def _team_hints(parts: Parts, word: str) -> Iterable[str]:
    """The teams that may be meant: those of a split entry when its own name is used."""
    return parts.members.get(word, parts.team_names)


@dataclass(frozen=True)
class _Listing:
    """One team in one list of teams."""

    team: str
    path: Path
    key: str


def _spelled(parts: Parts, configuration: SpelledOut, path: Path) -> Iterator[Found]:
    listings: list[_Listing] = []
    for where, name, level in levels(configuration):
        yield from _limited_models(parts, level.limits, (*path, *where))
        yield from _limited_models(parts, level.spend_cap, (*path, *where), "spend_cap")
        yield from _allowed_models(parts, level, (*path, *where))
        teams = getattr(level, "teams", None) or ()
        listings += [_Listing(team, (*path, *where, "teams", at), name) for at, team in enumerate(teams)]
    yield from _keyless(parts, listings, path)


def _keyless(parts: Parts, listings: list[_Listing], path: Path) -> Iterator[Found]:
    first: dict[str, _Listing] = {}
    for one in listings:
        members = parts.members.get(one.team, (one.team,))
        if one.team not in parts.teams and not parts.is_team(one.team):
            yield unknown(one.path, "team", one.team, parts.team_names)
        for team in members:
            if team in first:
                hint = "all traffic of a team goes to one key: keep one of the two"
                yield Found(one.path, f"team {team} has two keys, the first in {first[team].key}", repr(one.team), hint)
            first.setdefault(team, one)
    for team in parts.team_names:
        if team not in first and closest(team, first.keys() - set(parts.team_names)) is None:
            hint = f"add {team} to the teams of one account, project or key"
            yield Found(path, f"team {team} has no key here", "", hint)


def levels(configuration: SpelledOut) -> Iterator[tuple[Path, str, Account | Project | Key]]:
    """Every level of a configuration: its path, its name as account/project/key, and itself."""
    for account_name, account in configuration.accounts.items():
        at: Path = ("accounts", account_name)
        yield at, account_name, account
        for project_name, project in (account.projects or {}).items():
            below: Path = (*at, "projects", project_name)
            yield below, f"{account_name}/{project_name}", project
            for key_name, key in (project.keys or {}).items():
                yield (*below, "keys", key_name), f"{account_name}/{project_name}/{key_name}", key


def _limited_models(parts: Parts, limits: Iterable[object], path: Path, section: str = "limits") -> Iterator[Found]:
    for at, limit in enumerate(limits):
        for which, model in enumerate(getattr(limit, "models", None) or ()):
            if model not in known_models(parts):
                yield unknown((*path, section, at, "models", which), "model", model, known_models(parts))


def _allowed_models(parts: Parts, level: Level, path: Path) -> Iterator[Found]:
    for at, model in enumerate(level.models or ()):
        if model not in known_models(parts):
            yield unknown((*path, "models", at), "model", model, known_models(parts))


# Chaos and objectives


def _chaos(parts: Parts) -> Iterator[Found]:
    for at, entry in enumerate(parts.chaos):
        if entry is not None:
            yield from fault_names(parts, entry.fault, ("chaos", at, entry.kind))


def fault_names(parts: Parts, fault: Fault, path: Path) -> Iterator[Found]:
    """Every name in a fault that refers to nothing."""
    yield from _fault_team(parts, fault, path)
    yield from _fault_model(parts, fault, path)
    yield from _fault_levels(parts, fault, path)
    yield from _rollout_teams(parts, fault, path)


def _fault_team(parts: Parts, fault: Fault, path: Path) -> Iterator[Found]:
    team = getattr(fault, "team", None)
    if team is not None and not parts.is_team(team):
        yield unknown((*path, "team"), "team", team, _team_hints(parts, team))


def _fault_model(parts: Parts, fault: Fault, path: Path) -> Iterator[Found]:
    model = getattr(fault, "model", None)
    if model is None:
        return
    asked = sorted(set(parts.models_asked.values()))
    if isinstance(fault, Sender) or model not in known_models(parts):
        asked = list(known_models(parts))
    if model not in asked:
        message = "unknown model" if model not in known_models(parts) else "no team asks for this model"
        yield Found((*path, "model"), message, repr(model), choices(model, asked))


def _fault_levels(parts: Parts, fault: Fault, path: Path) -> Iterator[Found]:
    if None in parts.configurations.values():
        return
    for level in ("account", "project", "key"):
        named = getattr(fault, level, None)
        known = level_names(parts, level)
        if named is not None and named not in known:
            yield Found((*path, level), f"no configuration has this {level}", repr(named), choices(named, known))


def _rollout_teams(parts: Parts, fault: Fault, path: Path) -> Iterator[Found]:
    rollout = getattr(fault, "rollout", None)
    for team in rollout.teams if isinstance(rollout, Rollout) else ():
        if not parts.is_team(team):
            yield unknown((*path, "rollout", "teams", team), "team", team, _team_hints(parts, team))


def _content(parts: Parts) -> Iterator[Found]:
    """Categories that a project allows and no fault sends, and teams of a ladder's content policies."""
    if None in parts.chaos or None in parts.incidents or None in parts.configurations.values():
        return
    faults = [entry.spec for entry in (*parts.chaos, *parts.incidents) if entry is not None]
    sent = sorted({name for one in faults for name in getattr(one, "shares", ())})
    for name, configuration in parts.sound_configurations.items():
        for path, policy in _policies(configuration):
            where: Path = ("configurations", name, *path)
            if isinstance(configuration, Ladder) and not parts.is_team(str(path[-1])):
                yield unknown(where, "team", str(path[-1]), parts.team_names)
            for at, category in enumerate(policy.allowed):
                if category not in sent:
                    hint = choices(category, sent) if sent else "add policy_violations with categories under chaos"
                    yield Found((*where, "allowed", at), "no fault sends this category", repr(category), hint)


def _policies(configuration: Ladder | SpelledOut) -> Iterator[tuple[Path, ContentPolicy]]:
    if isinstance(configuration, Ladder):
        yield from ((("content_policy", team), policy) for team, policy in configuration.content_policy.items())
        return
    for path, _, level in levels(configuration):
        if isinstance(level, Project) and level.content_policy is not None:
            yield (*path, "content_policy"), level.content_policy


_RUNG_LEVELS = {
    "shared": (("shared",), ("default",), ("default",)),
    "keys": (("shared",), ("default",), None),
    "projects": (("shared",), None, ("default",)),
    "gateway": (("provider",), None, ("default",)),
    "accounts": (None, ("default",), ("default",)),
}  # fmt: skip
"""Names of accounts, projects and keys on each rung, as sim.scenario.topology gives them; None: the teams."""


def level_names(parts: Parts, level: str) -> list[str]:
    """Every account, project or key of any configuration, by name."""
    depth = ("account", "project", "key").index(level)
    found: dict[str, None] = {}
    for _, configuration in parts.sound_configurations.items():
        if isinstance(configuration, Ladder):
            found |= dict.fromkeys(_RUNG_LEVELS[configuration.isolation][depth] or parts.team_names)
        else:
            found |= dict.fromkeys(_spelled_names(configuration, depth))
    return list(found)


def _spelled_names(configuration: SpelledOut, depth: int) -> Iterator[str]:
    for _, name, level in levels(configuration):
        steps = name.split("/")
        bare_account = isinstance(level, Account) and level.projects is None and depth > 0
        bare_project = isinstance(level, Project) and level.keys is None and depth == 2
        if len(steps) == depth + 1:
            yield steps[-1]
        elif bare_account or bare_project:
            yield "default"


def _slos(parts: Parts) -> Iterator[Found]:
    for at, slo in enumerate(parts.slos):
        if slo is not None:
            yield from _slo(parts, slo, ("slos", at))


def _slo(parts: Parts, slo: Slo, path: Path) -> Iterator[Found]:
    known = (*parts.team_names, *parts.members, *EVERYBODY)
    if slo.team not in known and not parts.is_team(slo.team):
        yield unknown((*path, slo.team), "team", slo.team, known)
    allowed = NAMES if slo.team == "total" else TEAM_NAMES
    if slo.metric not in NAMES:
        yield unknown((*path, slo.team), "metric", slo.metric, allowed)
    elif slo.metric not in allowed:
        message = f"{slo.metric} has no value for one team"
        yield Found((*path, slo.team), message, repr(slo.metric), "write it for total")
    elif BY_NAME[slo.metric].unit == "share" and slo.bound > 1:
        meant = f": did you mean {slo.bound:g}%?" if slo.bound <= 100 else ""
        message = f"{slo.metric} is a share and can't reach {slo.bound:g}"
        yield Found((*path, slo.team), message, repr(slo.metric), f"a share lies between 0 and 1{meant}")
