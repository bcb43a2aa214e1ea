"""The opening of a report on an incident: what a ban, a leak, a rotation, a storm or a price change did to whom.

Where what goes wrong is one kind of fault, who is hurt most is less of an answer than how far it reaches.
Each opening is one sentence with a part a configuration; configurations with the same numbers stand together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sim.metrics.incidents import cause_of
from sim.report.cast import Summary, configurations, place
from sim.report.cautions import capital, joined
from sim.report.numbers import NB, Stat, count_text, stat, value_text, with_interval

CERTAIN = 0.005
"""A share of runs or requests below this is not told."""

Opening = Callable[[Summary], str]


def kinds(summary: Summary) -> set[str]:
    """The kinds of faults on the timeline."""
    return {str(fault.get("kind", "")) for fault in summary.get("chaos", ())}


def incidents_of(summary: Summary, name: str) -> Mapping[str, Any]:
    """What faults did in one configuration; empty where no rows were kept."""
    found: Mapping[str, Any] = summary["configurations"][name].get("incidents") or {}
    return found


def opening(summary: Summary, *, blamed: bool) -> str | None:
    """The sentence for what the faults of this scenario are, or None where the most hurt team is the answer.

    ``blamed``: another team is the cause of its loss, which a storm that hits everybody alike does not explain.
    """
    found = kinds(summary)
    if all(incidents_of(summary, name) for name in configurations(summary)):
        for kind, write in OPENINGS.items():
            if found == {kind}:
                return write(summary)
    if found == {"storm"}:
        return policies(summary) or (None if blamed else storm(summary))
    return stuck(summary) or policies(summary)


def _parts(summary: Summary, text: Callable[[str], str]) -> str:
    """``text`` of every configuration, the baseline first; those that say the same stand together."""
    groups: dict[str, list[str]] = {}
    for name in configurations(summary):
        groups.setdefault(text(name), []).append(place(summary, name))
    return capital("; ".join(f"{joined(places)} {said}" for said, places in groups.items())) + "."


def _services(summary: Summary, name: str, cause: str) -> str:
    """``47 of 47 services (5 teams) for 180 min``."""
    entry = cause_of(incidents_of(summary, name), cause)
    hit = stat(entry, "services_hit")
    if not hit.known or hit.mean <= 0:
        return "no service"
    total = sum(team["services"] for team in summary["configurations"][name]["blast_radius"]["teams"].values())
    teams, minutes = stat(entry, "teams_hit"), stat(entry, "outage_min")
    many = "team" if teams.mean == 1 else "teams"
    return f"{count_text(hit)} of {total} services ({count_text(teams)} {many}) for {_minutes(minutes)}"


def _minutes(value: Stat) -> str:
    if value.mean >= 120:
        return f"{value.mean / 60:.1f}{NB}h"
    return f"{value.mean:.0f}{NB}min"


def ban(summary: Summary) -> str:
    """How many services a ban stops, and what is refused where there is none."""

    def text(name: str) -> str:
        if not cause_of(incidents_of(summary, name), "ban"):
            lost = stat(cause_of(incidents_of(summary, name), "policy"), "lost")
            refused = "nothing is refused" if not lost.known else f"{count_text(lost)} are refused"
            return f"nobody is banned, and {refused} for their content"
        return f"the ban stops {_services(summary, name, 'ban')}"

    return _parts(summary, text)


def leak(summary: Summary) -> str:
    """What strangers spend, and whom the revocation stops."""

    def text(name: str) -> str:
        spent = stat(incidents_of(summary, name).get("foreign") or {}, "cost_usd")
        return (
            f"strangers spend {with_interval(spent, 'usd')} before the leaked key is revoked, "
            f"and the revocation stops {_services(summary, name, 'credential')}"
        )

    return _parts(summary, text)


def rotation(summary: Summary) -> str:
    """Whom rotations stop."""

    def text(name: str) -> str:
        entry = cause_of(incidents_of(summary, name), "credential")
        lost, refused = stat(entry, "lost"), stat(entry, "attempts")
        if not refused.known:
            return "no rotation is felt by anybody"
        if lost.mean <= 0:
            return f"rotations cost {count_text(refused)} attempts and no request"
        return f"rotations lose {count_text(lost)} requests and stop {_services(summary, name, 'credential')}"

    return _parts(summary, text)


def price(summary: Summary) -> str:
    """Whose request costs what after the change, and who meets a cap because of it."""
    base = configurations(summary)[0]
    costs = incidents_of(summary, base)["unit_cost_usd"]["teams"]
    moved = {team: stat(entry, "change_share") for team, entry in costs.items()}
    told = [
        f"{team} pays {value_text(Stat(abs(change.mean)), 'share')} {'more' if change.mean > 0 else 'less'}"
        for team, change in sorted(moved.items(), key=lambda one: -one[1].mean)
        if change.known and abs(change.mean) >= CERTAIN
    ]
    if not told:
        return "The change of prices moves nobody's bill."
    text = f"After the change of prices {joined(told)} for a request"
    return f"{text}{_spent_up(summary)}."


def _spent_up(summary: Summary) -> str:
    """Where a spend cap then refuses, whom and how many."""
    parts = []
    for name in configurations(summary):
        entry = cause_of(incidents_of(summary, name), "budget")
        hit = [(stat(team, "lost").mean, who) for who, team in entry.get("teams", {}).items()]
        lost, who = max(hit, default=(0.0, ""))
        if lost > 0:
            many = count_text(Stat(lost))
            parts.append(f"{place(summary, name)} {who} loses {many} requests to its spend cap")
    return f"; {joined(parts)}" if parts else ""


def storm(summary: Summary) -> str:
    """Which team rides a storm out best and worst, at how many attempts."""
    from sim.report.words import loss, metrics_of

    base, *others = configurations(summary)
    teams = sorted(summary["configurations"][base]["teams"])
    lost = {team: loss(summary, base, team) for team in teams}
    ranked = sorted(teams, key=lambda team: (lost[team].mean, team))
    tries = {team: stat(metrics_of(summary, base, team), "attempts_per_request") for team in teams}

    def told(team: str) -> str:
        amount = with_interval(lost[team], "share")
        return f"{amount} of its requests with {value_text(tries[team], 'ratio')} attempts each"

    if len(teams) == 1:
        text = f"{ranked[0]} loses {told(ranked[0])}"
    else:
        text = f"{ranked[-1]} loses {told(ranked[-1])}, {ranked[0]} {told(ranked[0])}"
    same = [name for name in others if abs(loss(summary, name, ranked[-1]).mean - lost[ranked[-1]].mean) < CERTAIN]
    tail = f"; {joined([place(summary, name) for name in same])} that is the same" if same else ""
    return f"{capital(place(summary, base))} {text}{tail}."


def policies(summary: Summary) -> str | None:
    """Where three or more configurations have the same keys and capacity: with which most requests succeed, and fewest.

    What they differ in is how clients behave (or how limits count); spend caps have an opening of their own.
    """
    from sim.report.words import success

    sides = {name: summary["configurations"][name] for name in configurations(summary)}
    alike = {(str(side.get("isolation")), repr(side.get("capacity"))) for side in sides.values()}
    rates = {name: success(side["total"]) for name, side in sides.items()}
    best, worst = max(rates, key=lambda name: rates[name].mean), min(rates, key=lambda name: rates[name].mean)
    if any(side.get("budgets") for side in sides.values()):
        return None
    if len(sides) < 3 or len(alike) > 1 or not rates[best].mean - rates[worst].mean >= CERTAIN:
        return None

    def told(name: str) -> str:
        tries, slow = (stat(sides[name]["total"], metric) for metric in ("attempts_per_request", "latency_p95_s"))
        return (
            f"{with_interval(rates[name], 'share')} of all requests succeed, with {value_text(tries, 'ratio')} "
            f"attempts each and a p95 latency of {value_text(slow, 'seconds')}"
        )

    return f"{capital(place(summary, best))} most is done: {told(best)}; {place(summary, worst)} least: {told(worst)}."


def stuck(summary: Summary) -> str | None:
    """In which share of the runs the overload outlives the last fault; None where it never does."""
    shares = {name: _recovered(summary, name) for name in configurations(summary)}
    if not shares or all(share is None or share >= 1 - CERTAIN for share in shares.values()):
        return None
    groups: dict[str, list[str]] = {}
    for name, share in shares.items():
        groups.setdefault(_of_runs(0.0 if share is None else 1 - share), []).append(place(summary, name))
    told = "; ".join(f"{text} {joined(places)}" for text, places in groups.items())
    return f"After the last fault is over, overload stays: {told}."


def _of_runs(share: float) -> str:
    if share < CERTAIN:
        return "in no run"
    return "in every run" if share > 1 - CERTAIN else f"in {value_text(Stat(share), 'share')} of runs"


def _recovered(summary: Summary, name: str) -> float | None:
    share = summary["configurations"][name]["blast_radius"].get("recovered_share")
    return None if share is None else float(share)


OPENINGS: dict[str, Opening] = {
    "policy_violations": ban,
    "leaked_key": leak,
    "key_rotation": rotation,
    "price_change": price,
}
"""Who writes the opening where all faults are of this kind."""
