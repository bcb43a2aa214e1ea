"""What belongs to the answer of a tuning study, and what a reader has to mind: numbers of the summary in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sim.metrics.declared import BY_NAME
from sim.report.cautions import counted, joined
from sim.report.numbers import NB, Stat, kind_of, stat, value_text
from sim.report.objectives import goal_text, objective_text
from sim.report.tune_headline import UNITS, asked, exceeded
from sim.report.tune_view import Project, View, setting, whole


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


def details(view: View) -> tuple[str, ...]:
    """What belongs to the headline, a sentence each."""
    parts = (_short, _largest, _tenth, _unreachable, _contained, _theory)
    return tuple(sentence for part in parts for sentence in part(view))


def _short(view: View) -> Iterator[str]:
    """Who falls short, and what that costs."""
    for one in view.short[:3]:
        reached = value_text(one.together("recommended"), kind_of(one.primary["metric"]))
        bound = goal_text(one.primary["text"])
        lacks = tuple(name for name in view.dimensions if (one.recommended[name] or 0) < (one.needed[name] or 0))
        gets, needs = setting(one.recommended, lacks), setting(one.needed, lacks)
        yield f"{one.name} needs {needs} for {bound} and gets {gets}: it reaches {reached}."


def _tenth(view: View) -> Iterator[str]:
    """Whom a tenth less of its rate costs most requests."""
    costs = [(_lost_an_hour(one), one) for one in view.found if not one.short]
    lost, one = max(costs, key=lambda pair: pair[0], default=(0.0, None))
    if one is None or lost < 1:
        return
    row = one.data["sensitivity"][0]
    change = next(each for each in row["objectives"] if each["text"] == one.primary["text"])["difference"]["mean"]
    yield (
        f"10{NB}% less RPM costs {one.name} most: {_amount('success_rate', -change)} of success at "
        f"{setting(row['settings'], view.dimensions[:1])}, {whole(round(lost))} more failed requests an hour."
    )


def _lost_an_hour(one: Project) -> float:
    """The requests an hour that fail more with a tenth less of the rate; 0 where that is not known."""
    row = next((each for each in one.data["sensitivity"] if each["of"] == ["rpm"] and each["percent"] < 0), None)
    if row is None or len(one.data["teams"]) > 1:
        return 0.0
    found = next(each for each in row["objectives"] if each["text"] == one.primary["text"])
    return -float(found["difference"]["mean"] or 0.0) * 60 * float(one.data["traffic"]["per_minute"] or 0.0)


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
    names = tuple(name for name in view.dimensions if name in ("rpm", "burst"))
    now = setting(one.data["current"], names)
    return f"from {now} to {setting(one.recommended, names)}; {label} {before} before, {after} after"


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
                    f"{objective_text(one['text'])} is out of reach while the other limits of {project.name} stay: "
                    f"{reached} without the tuned ones, {missing} short. Without any limit it holds: tune the others "
                    "too (--dimensions)."
                )
            else:
                yield (
                    f"{objective_text(one['text'])} is out of reach for any limit: {reached} without any, {missing} "
                    f"short. The settings of {project.name} come within {near} of that instead."
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
    parts = (_assumed, _built, _overcommitted, _unseen, _beside, _noise, _judged, _inexact)
    return tuple(sentence for part in parts for sentence in part(view))


def _assumed(view: View) -> Iterator[str]:
    """Teams for whose success the scenario has no objective."""
    names = [goal["team"] for one in view.projects for goal in one.objectives if not asked(goal)]
    if names:
        text = next(goal["text"] for one in view.projects for goal in one.objectives if not asked(goal))
        everybody = not any(asked(goal) for one in view.projects for goal in one.objectives)
        who = "any team" if everybody else joined(names) if len(names) <= 4 else counted(len(names), "team")
        yield (
            f"The scenario has no objective for the success of {who}: {goal_text(text)} is assumed"
            + ("" if everybody else ", behind the objectives that it has")
            + ". Write under slos: what is needed."
        )


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
    beside = max(view.summary["refused_beside"]["recommended"].values(), default=0.0)
    why = "More --replications make the search stricter."
    if beside >= 0.001:
        why = "What others use of the account, and of the provider’s slots, is not there for it."
    for one in view.objectives:
        if one["met"] or not alone.get(one["text"]) or reach[one["text"]] == "missed" or one["text"] in contained:
            continue
        yield (
            f"{objective_text(one['text'])} held for the project alone, and is missed with everybody together on draws "
            f"that the search has not seen: {value_of(one['metric'], one['value'])}. {why}"
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
        what = exceeded({"gives": {key: value for key, value in account["gives"].items() if key != "burst"}}, way)
        if what is not None:
            yield (
                f"The recommended limits sum to {whole(way[what])} {UNITS[what]}, more than the "
                f"{whole(account['gives'][what])} of “{account['name']}”: that can be expected to meet most goals, "
                "because not everybody is "
                "busy at once. The account is no longer divided, so a project that sends more than this scenario says "
                "can "
                "cost the others."
            )


def _inexact(view: View) -> Iterator[str]:
    if any(not way["exact"] for account in view.crowded for way in account["ways"]):
        yield "With so many projects the division of the account is a good one, not proven to be the best."
