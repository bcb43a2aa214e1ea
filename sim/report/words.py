"""The answer in words: pure functions of the summary, every number taken from it.

The most hurt team of the baseline (the first configuration) opens; who causes it is read from the
counterfactual form of the contention matrix, and from consumption where there is none. Then what
each other configuration changes, and who pays for it. Where the baseline has a spend cap that is
passed, by how much comes before all that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.report import budgets, incident_words
from sim.report.cast import Summary, configurations, place, teams_by_traffic
from sim.report.cautions import capital, cautions, counted, joined
from sim.report.numbers import NB, UNKNOWN, Stat, stat, value_text, with_interval

HURT = 0.005
"""A loss below half a percent of the requests is not called hurt."""

SLOW = 1.0
"""Seconds: a 95th percentile of throttle wait below this is not called waiting."""

MANY = 5
"""With more different amounts than this, only the best and the worst configuration are named."""

CAUSED = 0.10
"""A culprit must explain at least a tenth of a loss to be named."""


@dataclass(frozen=True)
class Cause:
    """Why a team is hurt. ``kind``: team (counterfactual), held (consumption), self, errors, nobody, unknown."""

    kind: str
    who: str = ""
    share: Stat = UNKNOWN


@dataclass(frozen=True)
class Verdict:
    """The finding: ``kind`` is loss, wait or calm (nobody is hurt); ``cause`` says why."""

    kind: str
    victim: str = ""
    cause: Cause = Cause("unknown")


@dataclass(frozen=True)
class Answer:
    """The opening of a report: one sentence, then a few more, then what the reader must know."""

    headline: str
    details: tuple[str, ...]
    warnings: tuple[str, ...]
    verdict: Verdict
    leads: tuple[str, ...]
    """The teams that the words speak of: victim, culprit, and who pays; the report shows them first."""
    scene: tuple[str, str]
    """(team, configuration) where the harm is plainest: what charts open with."""


def metrics_of(summary: Summary, name: str, team: str) -> Mapping[str, Any]:
    """One team's metrics in one configuration."""
    found: Mapping[str, Any] = summary["configurations"][name]["teams"].get(team, {})
    return found


def success(metrics: Mapping[str, Any]) -> Stat:
    """Success rate of a team's own workload; of all that it offers where that is not known."""
    own = stat(metrics, "own_success_rate")
    return own if own.known else stat(metrics, "success_rate")


def loss(summary: Summary, name: str, team: str) -> Stat:
    """The share of a team's own requests that do not succeed."""
    return success(metrics_of(summary, name, team)).complement()


def _share(summary: Summary, name: str, form: str, victim: str, culprit: str) -> Stat:
    matrices = summary.get("contention", {}).get(name, {})
    mean = matrices.get(form, {}).get(victim, {}).get(culprit)
    bounds = matrices.get(f"{form}_ci95", {}).get(victim, {}).get(culprit)
    return stat({"x": {"mean": mean, "ci95": bounds}}, "x")


def _largest(summary: Summary, name: str, form: str, victim: str) -> tuple[str, Stat]:
    row = summary.get("contention", {}).get(name, {}).get(form, {}).get(victim, {})
    shares = {team: share for team, share in row.items() if share is not None}
    if not shares:
        return "", UNKNOWN
    who = max(sorted(shares), key=lambda team: float(shares[team]))
    return who, _share(summary, name, form, victim, who)


def cause_of(summary: Summary, name: str, victim: str) -> Cause:
    """Who or what hurts ``victim`` in configuration ``name``."""
    who, share = _largest(summary, name, "counterfactual", victim)
    if who and who != victim and share.mean >= CAUSED and not share.low <= 0:
        return Cause("team", who, share)
    metrics = metrics_of(summary, name, victim)
    limited, errors = stat(metrics, "rate_limited_share").mean, stat(metrics, "server_error_share").mean
    if errors > limited:
        return Cause("errors", share=stat(metrics, "server_error_share"))
    taker, held = _largest(summary, name, "consumption", victim)
    if taker == victim:
        return Cause("self", victim, held)
    if who:
        return Cause("nobody")
    return Cause("held", taker, held) if taker else Cause("unknown")


def _blame(summary: Summary, name: str, team: str) -> float:
    """What others do to a team: its loss, times the share that is theirs."""
    cause = cause_of(summary, name, team)
    factor = min(cause.share.mean, 1.0) if cause.kind in ("team", "held") else 0.05
    return loss(summary, name, team).mean * factor


def _hurt_enough(value: Stat) -> bool:
    return value.mean >= HURT and not value.low <= 0


def verdict(summary: Summary, name: str | None = None) -> Verdict:
    """The most hurt team of configuration ``name`` (the first by default) and why."""
    name = name or configurations(summary)[0]
    teams = sorted(summary["configurations"][name]["teams"])
    losers = [team for team in teams if _hurt_enough(loss(summary, name, team))]
    if losers:
        worst = max(losers, key=lambda team: _blame(summary, name, team))
        return Verdict("loss", worst, cause_of(summary, name, worst))
    waits = {team: stat(metrics_of(summary, name, team), "throttle_wait_p95_s") for team in teams}
    waiting = [team for team in teams if waits[team].mean >= SLOW and not waits[team].low <= 0]
    if not waiting:
        return Verdict("calm")
    worst = max(waiting, key=lambda team: waits[team].mean)
    return Verdict("wait", worst, cause_of(summary, name, worst))


def because(cause: Cause) -> str:
    """The half-sentence that names a cause; empty when nothing is known."""
    share = Stat(min(cause.share.mean, 1.0)) if cause.share.known else UNKNOWN
    text = f"{100 * share.mean:.0f}{NB}%" if share.known else ""
    return {
        "team": f", {text} of that because of {cause.who}",
        "held": f"; {cause.who} held {text} of the capacity that it was missing",
        "self": f"; {text} of the capacity that it was missing it had used itself",
        "nobody": ", but no other team is the cause",
        "errors": f"; {value_text(share, 'share')} of its attempts met server errors, whoever else was on the key",
    }.get(cause.kind, "")


def _elsewhere(summary: Summary, found: Verdict) -> str:
    """What each other configuration does to the victim; configurations with the same amount stand together."""
    amounts: dict[str, list[str]] = {}
    for name in configurations(summary)[1:]:
        amounts.setdefault(_amount(summary, name, found), []).append(place(summary, name))
    verb = "loses" if found.kind == "loss" else "waits"
    if len(amounts) > MANY:
        return _range(summary, found, verb)
    texts = [f"{joined(places)} it {verb} {amount}" for amount, places in amounts.items()]
    return "".join(f"; {text}" for text in texts)


def _range(summary: Summary, found: Verdict, verb: str) -> str:
    """Where the victim fares best and worst, when there are too many configurations to name."""
    others = configurations(summary)[1:]
    known = [name for name in others if _harm_of(summary, name, found).known]
    best, worst = (pick(known, key=lambda name: _harm_of(summary, name, found).mean) for pick in (min, max))
    low, high = _amount(summary, best, found), _amount(summary, worst, found)
    where = f"from {low} ({place(summary, best)}) to {high} ({place(summary, worst)})"
    return f"; in the other {len(others)} configurations it {verb} {where}"


def _harm_of(summary: Summary, name: str, found: Verdict) -> Stat:
    if found.kind == "loss":
        return loss(summary, name, found.victim)
    return stat(metrics_of(summary, name, found.victim), "throttle_wait_p95_s")


def _amount(summary: Summary, name: str, found: Verdict) -> str:
    return with_interval(_harm_of(summary, name, found), "share" if found.kind == "loss" else "seconds")


def headline(summary: Summary, found: Verdict) -> str:
    """The one sentence that a reader takes away."""
    base = configurations(summary)[0]
    where = capital(place(summary, base))
    if found.kind == "calm":
        return _calm(summary, where)
    amount = _amount(summary, base, found)
    if found.kind == "loss":
        text = f"{where} {found.victim} loses {amount} of its requests{because(found.cause)}"
    else:
        text = (
            f"{where} no team clearly loses requests, but {found.victim} waits {amount} for capacity (95th percentile)"
        )
    harm = _harm(summary) if found.kind == "wait" else ""
    return f"{text}{_elsewhere(summary, found)}{harm}."


def _harm(summary: Summary) -> str:
    """Whom each other configuration makes lose, where the baseline hurts nobody."""
    texts = []
    for name in configurations(summary)[1:]:
        falling = payers(summary, name)
        if falling:
            team = falling[0][0]
            amount = with_interval(loss(summary, name, team), "share")
            texts.append(f"{place(summary, name)} {team} loses {amount}")
    return f"; but {joined(texts)}" if texts else ""


def _calm(summary: Summary, where: str) -> str:
    base = configurations(summary)[0]
    teams = summary["configurations"][base]["teams"]
    worst = min(sorted(teams), key=lambda team: (success(teams[team]).mean, team))
    value = success(teams[worst])
    rate, least = with_interval(value, "share"), "at least " if value.mean < 1 else ""
    who = f" ({worst})" if value.mean < 1 else ""
    return (
        f"{where} no team is clearly hurt: every team succeeds with {least}{rate} of its requests{who}{_harm(summary)}."
    )


def _slower(summary: Summary, found: Verdict) -> list[str]:
    """How long the victim's answers take, here and elsewhere."""
    texts = []
    for name in configurations(summary):
        value = stat(metrics_of(summary, name, found.victim), "latency_p95_s")
        if value.known:
            texts.append(f"{with_interval(value, 'seconds')} {place(summary, name)}")
    if not texts:
        return []
    return [f"The p95 latency of {found.victim} is {joined(texts)}."]


def _retries(summary: Summary) -> list[str]:
    """Who tries most often on the baseline, where that at least doubles its load."""
    base = configurations(summary)[0]
    teams = summary["configurations"][base]["teams"]
    tries = {team: stat(teams[team], "attempts_per_request") for team in sorted(teams)}
    loud = [team for team in tries if tries[team].mean >= 2]
    if not loud:
        return []
    most = max(loud, key=lambda team: tries[team].mean)
    return [f"{most} makes {with_interval(tries[most], 'ratio')} attempts for each request {place(summary, base)}."]


def _remains(summary: Summary, found: Verdict) -> list[str]:
    """Where the victim still loses elsewhere, and server errors rather than limits are why."""
    names = [name for name in configurations(summary)[1:] if _hurt_enough(loss(summary, name, found.victim))]
    names = [name for name in names if cause_of(summary, name, found.victim).kind == "errors"]
    if not names:
        return []
    where = joined([place(summary, name) for name in names])
    return [f"What {found.victim} still loses {where} comes from server errors, which no arrangement of keys prevents."]


def payers(summary: Summary, name: str) -> list[tuple[str, Stat]]:
    """Teams whose success rate falls in ``name`` against the baseline, worst first."""
    pair = summary.get("paired", {}).get(f"{name} - {configurations(summary)[0]}", {}).get("teams", {})
    changes = [(team, success(metrics)) for team, metrics in sorted(pair.items())]
    falling = [(team, change) for team, change in changes if change.mean <= -HURT and change.differs]
    return sorted(falling, key=lambda item: item[1].mean)


def prices(summary: Summary) -> list[str]:
    """Who pays for each other configuration: the team that gets worse, or that nobody does."""
    groups: dict[str, list[str]] = {}
    for name in configurations(summary)[1:]:
        falling = payers(summary, name)
        groups.setdefault(falling[0][0] if falling else "", []).append(name)
    return [_price(summary, team, names) for team, names in groups.items()]


def _price(summary: Summary, team: str, names: list[str]) -> str:
    """The sentence on one payer and the configurations that make it pay."""
    base = configurations(summary)[0]
    if not team:
        where = joined([place(summary, name) for name in names])
        return f"No team loses more requests {where} than {place(summary, base)}."
    after = joined([_after(summary, name, team) for name in names])
    before = value_text(success(metrics_of(summary, base, team)), "share")
    more = max(len(payers(summary, name)) for name in names) - 1
    tail = f" Up to {counted(more, 'other team')} lose{'s' if more == 1 else ''} there too." if more else ""
    return f"The price is paid by {team}: {before} of its requests succeed {place(summary, base)}, {after}.{tail}"


def _after(summary: Summary, name: str, team: str) -> str:
    rate = success(metrics_of(summary, name, team))
    change = next(change for who, change in payers(summary, name) if who == team)
    points = with_interval(change, "share", sign=True, unit="points")
    return f"{value_text(rate, 'share')} {place(summary, name)} ({points})"


def answer(summary: Summary) -> Answer:
    """All words that open a report."""
    found = verdict(summary)
    blamed = found.cause.kind in ("team", "held")
    first = incident_words.opening(summary, blamed=blamed) or budgets.opening(summary)
    plain = headline(summary, found)
    slower = [plain] if first else _slower(summary, found) if found.victim else []
    details = slower + (_remains(summary, found) if found.victim else []) + prices(summary) + _retries(summary)
    warnings = cautions(summary)
    leads, words = _leads(summary, found), first or plain
    scene = _scene(summary, found, leads)
    return Answer(words, tuple(dict.fromkeys(details)), tuple(warnings), found, leads, scene)


def _leads(summary: Summary, found: Verdict) -> tuple[str, ...]:
    worst = [falling[0][0] for name in configurations(summary)[1:] if (falling := payers(summary, name))]
    return tuple(dict.fromkeys(name for name in (found.victim, found.cause.who, *worst) if name))


def _scene(summary: Summary, found: Verdict, leads: tuple[str, ...]) -> tuple[str, str]:
    base, *others = configurations(summary)
    if not found.victim:
        for name in others:
            if falling := payers(summary, name):
                return falling[0][0], name
    return (leads or teams_by_traffic(summary))[0], base
