"""Which teams become which project, and why.

One project a team, unless ``--mapping`` says otherwise. Teams that are small in requests and in tokens,
that no objective names and that harm nobody share projects, so that a long tail stays a plan that
people can read: a limit for three requests a day protects nobody.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from sim.errors import BadInput
from sim.study.importing.mapping import read_mapping
from sim.study.migrate.history import Facts
from sim.study.migrate.options import near

GROUP = "small-teams"
MOST_IN_GROUP = 10
LARGEST_GROUP = 0.05
"""Share of requests beyond which another group of small teams is begun."""
BURSTY_CV, BURSTY_PEAK = 2.0, 3.0
"""From which CV of the gaps, or busiest minute over mean minute, traffic is called bursty."""
TEAM, GROUPED, MAPPED = "team", "group", "mapped"


@dataclass(frozen=True)
class Project:
    """A project to be: its teams, how it came about, and the reasons in words by what they are about."""

    name: str
    teams: tuple[str, ...]
    kind: str
    reasons: Mapping[str, str]

    def requests_share(self, facts: Mapping[str, Facts]) -> float:
        """Its part of all requests."""
        return sum(facts[team].requests_share for team in self.teams)

    def services(self, facts: Mapping[str, Facts]) -> int:
        """The services behind its teams."""
        return sum(facts[team].services for team in self.teams)


def boundaries(facts: Mapping[str, Facts], below: Fraction, mapping: Path | None) -> tuple[Project, ...]:
    """The projects, the largest first. Raises BadInput for a mapping that names nobody's teams."""
    said = {} if mapping is None else mapped(read_mapping(mapping), list(facts), mapping)
    groups: dict[str, list[str]] = {}
    for team, project in said.items():
        groups.setdefault(project, []).append(team)
    own = [team for team in facts if team not in said]
    small = [team for team in own if _small(facts[team], float(below))]
    small = small if len(small) > 1 else []
    taken = {*groups, *(team for team in own if team not in small)}
    made = [
        Project(name, tuple(sorted(teams)), MAPPED, _reasons(teams, facts, MAPPED)) for name, teams in groups.items()
    ]
    made += [Project(team, (team,), TEAM, _reasons([team], facts, TEAM)) for team in own if team not in small]
    made += _groups(small, facts, taken, float(below))
    _distinct(made, said, mapping)
    return tuple(sorted(made, key=lambda one: (-one.requests_share(facts), one.name)))


def mapped(said: Mapping[str, str], teams: Sequence[str], path: Path) -> dict[str, str]:
    """Team → project for every team that a mapping names; ``*`` and ``?`` stand for any letters.

    Raises BadInput for a name that is no team's.
    """
    found: dict[str, str] = {}
    for name, project in said.items():
        matching = [team for team in teams if team == name] or fnmatch.filter(teams, name)
        if not matching:
            raise BadInput("no such team", place=str(path), value=repr(name), hint=near(name, list(teams)))
        for team in matching:
            if team == name or team not in found:
                found[team] = project
    return found


def _distinct(made: Sequence[Project], said: Mapping[str, str], mapping: Path | None) -> None:
    """Refuse a mapped project that is called like a team which stays by itself."""
    names = [one.name for one in made]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        hint = f"put the team {twice} into it too, or give it another name"
        raise BadInput("a project is called like a team outside it", place=str(mapping), value=repr(twice), hint=hint)


def _small(one: Facts, below: float) -> bool:
    return one.requests_share < below and one.tokens_share < below and not one.objectives and not one.hurts


def _groups(small: Sequence[str], facts: Mapping[str, Facts], taken: set[str], below: float) -> list[Project]:
    """Small teams by name, in as few groups as the bounds allow."""
    groups: list[list[str]] = []
    share = 0.0
    for team in sorted(small):
        share += facts[team].requests_share
        if not groups or len(groups[-1]) >= MOST_IN_GROUP or share > max(LARGEST_GROUP, below):
            groups.append([])
            share = facts[team].requests_share
        groups[-1].append(team)
    names = (name for at in range(1, 10_000) if (name := GROUP if at == 1 else f"{GROUP}-{at}") not in taken)
    return [Project(name, tuple(teams), GROUPED, _reasons(teams, facts, GROUPED))
            for name, teams in zip(names, groups, strict=False)]  # fmt: skip


# Reasons


def _reasons(teams: Sequence[str], facts: Mapping[str, Facts], kind: str) -> dict[str, str]:
    own = [facts[team] for team in teams]
    said = {
        "origin": _why(kind, own), "size": _size(own), "evenness": _evenness(own), "services": _critical(own),
        "contention": "; ".join(_contention(own)),
    }  # fmt: skip
    return {about: one for about, one in said.items() if one}


def _why(kind: str, own: Sequence[Facts]) -> str:
    if kind == MAPPED:
        return "as the mapping says"
    if kind == GROUPED:
        return f"{len(own)} small teams without objectives of their own: many limits would protect little traffic"
    return ""


def _size(own: Sequence[Facts]) -> str:
    requests, tokens = (sum(getattr(one, name) for one in own) for name in ("requests_share", "tokens_share"))
    month = sum(one.month_usd for one in own)
    return f"{_percent(requests)} of the requests, {_percent(tokens)} of the tokens, ${month:,.0f} a month"


def _evenness(own: Sequence[Facts]) -> str:
    if len(own) != 1:
        return ""
    one = own[0]
    bursty = (one.gap_cv or 0.0) >= BURSTY_CV or one.peak >= BURSTY_PEAK
    cv = "" if one.gap_cv is None else f", CV of its gaps {one.gap_cv:.1f}"
    peak = "" if math.isnan(one.peak) else f"busiest minute {one.peak:.1f} times the mean"
    return f"{'bursty' if bursty else 'steady'}: {peak}{cv}" if peak else ""


def _critical(own: Sequence[Facts]) -> str:
    services, objectives = sum(one.services for one in own), sum(one.objectives for one in own)
    said = f"{services} services depend on it" if services != 1 else ""
    asked = f"{objectives} objective{'s' if objectives != 1 else ''} of its own" if objectives else ""
    return ", ".join(part for part in (said, asked) if part)


def _contention(own: Sequence[Facts]) -> list[str]:
    names = {one.team for one in own}
    takes = [(victim, share) for one in own for victim, share in one.hurts if victim not in names]
    gives = [(culprit, share) for one in own for culprit, share in one.hurt_by if culprit not in names]
    said = []
    if takes:
        victim, share = max(takes, key=lambda pair: pair[1])
        others = len({victim for victim, _ in takes}) - 1
        more = f" and of {others} more team{'s' if others > 1 else ''}" if others else ""
        said.append(f"causes {_percent(share)} of what {victim} loses{more}")
    if gives:
        culprit, share = max(gives, key=lambda pair: pair[1])
        said.append(f"{_percent(share)} of what it loses goes when {culprit} is gone")
    return said


def _percent(share: float) -> str:
    return f"{100 * min(share, 1.0):.{0 if share >= 0.095 else 1}f} %"
