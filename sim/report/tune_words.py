"""The answer of a tuning study in words: every number is taken from the summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sim.metrics.declared import BY_NAME
from sim.report.cautions import capital, counted, joined
from sim.report.numbers import NB, Stat, kind_of, stat, value_text
from sim.report.tune_view import Project, View, setting, whole

UNITS = {
    "rpm": "requests a minute", "burst": "requests at once", "input_tokens": "input tokens a minute",
    "output_tokens": "output tokens a minute", "tokens": "tokens a minute",
}  # fmt: skip
"""What accounts give, in words."""


def way_text(one: Mapping[str, Any]) -> str:
    """A way to share an account, as tables call it."""
    if one["name"] == "over":
        return f"Rates sum to {one['overcommit']:g} × the account’s"
    return {
        "needs": "What everybody needs, whatever the account has",
        "guaranteed": "Rates and bursts within the account’s: it never refuses",
        "by_rate": "Rates within the account’s, bursts may meet",
    }[one["name"]]


def percent(share: float, digits: int = 0) -> str:
    """A share as a percentage."""
    return f"{100 * share:.{digits}f}{NB}%"


def value_of(metric: str, value: Mapping[str, Any]) -> str:
    """A metric's mean with its unit, digits as its interval deserves."""
    return value_text(stat({"it": value}, "it"), kind_of(metric))


def headline(view: View) -> str:
    """The finding: how many objectives hold, with which limits in all, against today; who falls short."""
    met, of = _counts(view, "recommended"), len(view.objectives)
    first = f"{_holds(met, of)} with {_sums(view)}{_today(view, of)}"
    return capital(f"{first}. {_too_small(view)}" if view.crowded else first)


def _counts(view: View, side: str) -> int:
    return sum(bool(one["met"] if side == "recommended" else one["today"]["met"]) for one in view.objectives)


def _holds(met: int, of: int) -> str:
    if of == 1:
        return "the objective is met" if met else "the objective is missed"
    if met == of:
        return "both objectives are met" if of == 2 else f"all {counted(of, 'objective')} are met"
    return f"{met} of {of} objectives {'is' if met == 1 else 'are'} met"


def _sums(view: View) -> str:
    told = view.summary["sums"]["recommended"]
    rate, burst = told["rpm"], told["burst"]
    if rate is None:
        return "the recommended limits"
    return (
        f"{whole(rate)} requests a minute" + (f" and bursts of {whole(burst)}" if burst is not None else "") + " in all"
    )


def _today(view: View, of: int) -> str:
    """What there is today, in the same words."""
    met = _counts(view, "today")
    told, configuration = view.summary["sums"]["current"], view.summary["configuration"]
    now = "" if of == 1 else f" {met or 'none'}"
    if of == 1:
        now = " it is met" if met else " it is missed"
    if configuration["built"]:
        return f", today{now} (“{configuration['today']}”)"
    if told["rpm"] is None:
        return f", today{now}"
    burst = f" and {whole(told['burst'])}" if told["burst"] is not None else ""
    return f", today{now} with {whole(told['rpm'])}{burst}"


def _exceeded(account: Mapping[str, Any], sums: Mapping[str, Any]) -> str | None:
    """The first thing of which some settings sum to more than the account gives."""
    for name, gives in account["gives"].items():
        if gives is not None and sums.get(name) is not None and sums[name] > gives:
            return str(name)
    return None


def _too_small(view: View) -> str:
    """That an account is too small for all, and who falls short of what."""
    account = view.crowded[0]
    what = _exceeded(account, account["needed"]) or "rpm"
    start = f"All together need {whole(account['needed'][what])} {UNITS[what]}, more than the "
    start += f"{whole(account['gives'][what])} of “{account['name']}”"
    if not view.short:
        chosen = next(way for way in account["ways"] if way["chosen"])
        if chosen["name"] == "needs":
            return f"{start}; giving it to them all the same meets most, as not everybody is busy at once"
        return f"{start}; slower rates with larger bursts make room"
    worst = view.short[0]
    rest = f", {counted(len(view.short) - 1, 'more project')} fall short too" if len(view.short) > 1 else ""
    gets, wants = worst.recommended.get("rpm"), worst.needed.get("rpm")
    return f"{start}: {worst.name} gets {whole(gets)} of the {whole(wants)} that it needs{rest}"


def details(view: View) -> tuple[str, ...]:
    """What belongs to the headline, a sentence each."""
    return (*_short(view), *_largest(view), *_unreachable(view), *_contained(view), *_theory(view))


def _short(view: View) -> Iterator[str]:
    """Who falls short, and what that costs."""
    for one in view.short[:3]:
        reached = value_text(one.together("recommended"), kind_of(one.primary["metric"]))
        bound = one.primary["text"].split(": ", 1)[1]
        gets = setting(one.recommended, view.dimensions)
        needs = setting(one.needed, view.dimensions)
        yield f"{one.name} needs {needs} for {bound} and gets {gets}: it reaches {reached}."


def _largest(view: View) -> Iterator[str]:
    """Whose rate changes most."""
    changes = [(one.recommended["rpm"] - one.data["current"]["rpm"], one) for one in view.found
               if one.recommended.get("rpm") and "rpm" in one.data["current"] and not one.short]  # fmt: skip
    rises = [pair for pair in changes if pair[0] > 0]
    cuts = [pair for pair in changes if pair[0] < 0]
    if rises:
        _, most = max(rises, key=lambda pair: pair[0])
        yield f"{most.name} gains most: {_move(view, most)}."
    if cuts:
        change, most = min(cuts, key=lambda pair: pair[0])
        yield f"{most.name} can give up {whole(-change)} requests a minute: {_move(view, most)}."


def _move(view: View, one: Project) -> str:
    before, after = (
        value_text(one.together(side), kind_of(one.primary["metric"])) for side in ("today", "recommended")
    )
    label = BY_NAME[one.primary["metric"]].label.lower()
    now = setting(one.data["current"], view.dimensions)
    return f"from {now} to {setting(one.recommended, view.dimensions)}; {label} {before} before, {after} after"


def _unreachable(view: View) -> Iterator[str]:
    """Objectives that no limit can meet, and what was aimed at instead."""
    for project in view.projects:
        for one in project.objectives:
            if one["reach"] != "missed":
                continue
            reached = value_of(one["metric"], one["unlimited"])
            missing = _amount(one["metric"], one["short_by"])
            near = _amount(one["metric"], one["near"])
            if one["met_without_any_limit"]:
                yield (
                    f"{one['text']} is out of reach while the other limits of {project.name} stay: {reached} without "
                    "the "
                    f"tuned ones, {missing} short. Without any limit it holds: tune the others too (--dimensions)."
                )
            else:
                yield (
                    f"{one['text']} is out of reach for any limit: {reached} without any, {missing} short. The "
                    "settings "
                    f"of {project.name} come within {near} of that instead."
                )


def _amount(metric: str, value: float) -> str:
    if BY_NAME[metric].unit == "share":
        return f"{100 * value:.{1 if value >= 0.001 else 2}f}{NB}points"
    return value_text(Stat(value), kind_of(metric))


def _contained(view: View) -> Iterator[str]:
    names = [one.name for one in view.projects if one.data["contained"]]
    if names:
        yield (
            f"What a fault sends in the name of {joined(names)} is not served: no objective asks for it, and a limit "
            "is "
            "there to stop it. It is there when everybody is run together."
        )


def _theory(view: View) -> Iterator[str]:
    """The project for which Poisson theory is furthest off."""
    told = [(one, one.data["theory"]) for one in view.found if one.data.get("theory")]
    known = [(one, it) for one, it in told if it["poisson_burst"] and it["traffic_burst"]]
    if not known:
        return
    one, it = max(known, key=lambda pair: pair[1]["traffic_burst"] / pair[1]["poisson_burst"])
    if it["traffic_burst"] >= 1.5 * it["poisson_burst"]:
        yield (
            f"Poisson theory would have been wrong for {one.name}: a burst of {whole(it['poisson_burst'])} at "
            f"{whole(it['rpm'])}/min, where its traffic without retries needs {whole(it['traffic_burst'])}."
        )


def warnings(view: View) -> tuple[str, ...]:
    """What a reader has to mind."""
    parts = (_built, _overcommitted, _unseen, _beside, _noise, _judged, _inexact)
    return tuple(sentence for part in parts for sentence in part(view))


def _built(view: View) -> Iterator[str]:
    if view.summary["configuration"]["built"]:
        yield (
            "No configuration of the scenario limits each team by itself. A project a team was made under the limits "
            "of "
            f"“{view.summary['configuration']['today']}”; limits.yaml has it."
        )
    if view.summary["replications"] < 2:
        yield "One replication has no interval: a goal counts as met when this one replication meets it."


def _unseen(view: View) -> Iterator[str]:
    """Objectives that held alone and are missed together on fresh draws."""
    alone = {goal["text"]: goal["met"] for one in view.found if not one.short for goal in one.data["alone"]}
    reach = {goal["text"]: goal["reach"] for one in view.found for goal in one.objectives}
    contained = {goal["text"] for one in view.projects if one.data["contained"] for goal in one.objectives}
    for one in view.objectives:
        if one["met"] or not alone.get(one["text"]) or reach[one["text"]] == "missed" or one["text"] in contained:
            continue
        yield (
            f"{one['text']} held for the project alone, and is missed with everybody together on draws that the search "
            f"has not seen: {value_of(one['metric'], one['value'])}. More --replications make the search stricter."
        )


def _beside(view: View) -> Iterator[str]:
    """What refuses beside the tuned limits when everybody is there."""
    for name, share in view.summary["refused_beside"]["recommended"].items():
        if share >= 0.001:
            what = "for want of a slot" if name.startswith("slots:") else "by the account itself"
            yield f"With everybody together {percent(share, 1)} of all attempts are refused {what} ({name})."


def _noise(view: View) -> Iterator[str]:
    search = view.summary["search"]
    if search["violations"]:
        yield (
            f"A larger limit was worse in {counted(search['violations'], 'place')} of the search: retries make such "
            "exceptions. The neighbours of each chosen setting were looked at one by one."
        )


def _judged(view: View) -> Iterator[str]:
    if view.summary["untuned"]:
        yield f"Larger limits do not help {joined(view.summary['untuned'])}: judged below, not tuned for."


def _overcommitted(view: View) -> Iterator[str]:
    for account in view.crowded:
        way = next(one for one in account["ways"] if one["chosen"])
        what = _exceeded({"gives": {key: value for key, value in account["gives"].items() if key != "burst"}}, way)
        if what is not None:
            yield (
                f"The recommended limits sum to {whole(way[what])} {UNITS[what]}, more than the "
                f"{whole(account['gives'][what])} of “{account['name']}”: that met most goals here, because not "
                "everybody is "
                "busy at once. The account is no longer divided, so a project that sends more than this scenario says "
                "can "
                "cost the others."
            )


def _inexact(view: View) -> Iterator[str]:
    if any(not way["exact"] for account in view.crowded for way in account["ways"]):
        yield "With so many projects the division of the account is a good one, not proven to be the best."
