"""The findings of a capacity study in words, every number taken from its dict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.report.capacity_terms import (
    SMALL,
    dollars,
    growth_text,
    money_rate,
    percent,
    reason_text,
    tier_name,
)
from sim.report.capacity_view import (
    Json,
    View,
    When,
    by_name,
    calendar_name,
    date_text,
    doubtful,
    limit_text,
    owner,
    span_text,
    when,
)
from sim.report.cautions import capital, counted, joined
from sim.report.numbers import NB, Stat, stat, value_text
from sim.report.objectives import goal_text, objective_text


def first_of(view: View, name: str) -> tuple[Json | None, When]:
    """What breaks first in a case, and when."""
    found = view.case(name)["first"]
    return found, when(found["date"]) if found else When(None)


def question(view: View) -> str:
    """What the study was asked."""
    growth = view.case(view.first)["growth"]
    joining = [f"{one['name']} (as {one['like']}) from {view.month_name(one['month'])}" for one in growth["new_teams"]]
    more = f", with {joined(joining)}" if joining else ""
    return f"How long does it last, what does it cost and what comes next at {growth_text(growth)}{more}?"


def headline(view: View) -> str:
    """When the first arrangement breaks, what breaks it, and what would last longer."""
    place = capital(view.place(view.first))
    found, date = first_of(view, view.first)
    if found is None:
        return f"{place} lasts: nothing breaks within {view.months}{NB}months{_tightest(view)}."
    if date.month is not None and date.month <= 0:
        return f"{place} {_today(date)}: {_what(view, view.first, found)}{_better(view)}."
    return f"{place} lasts {_duration(date, view)}: then {_what(view, view.first, found)}{_better(view)}."


def _today(date: When) -> str:
    """What breaks in month 0, and the doubt about it where its interval reaches beyond."""
    if not doubtful(date):
        return "is too small already today"
    return f"is probably too small already today (95{NB}% interval to {date.late:.1f}{NB}months)"


def _duration(date: When, view: View) -> str:
    """``4.2 months (95 % interval 4.0 to 4.5)``; with a start the month's name too."""
    assert date.month is not None
    span, name = span_text(date, view), calendar_name(date.month, view)
    until = f", until {name}" if name else ""
    return f"{date.month:.1f}{NB}months" + (f" (95{NB}% interval {span})" if span else "") + until


def _what(view: View, name: str, found: Json) -> str:
    """What happens on the first date."""
    case = view.case(name)
    if found["kind"] == "cap":
        cap = by_name(case["caps"], found["name"])
        assert cap is not None
        return f"the spend of {joined(cap['teams'][:3])} reaches the cap of {money_rate(cap['amount'])}"
    if found["kind"] == "objective":
        return f"{objective_text(found['name'])} is missed, though no limit is the cause"
    limit = by_name(case["limits"], found["name"])
    assert limit is not None
    return (
        f"its limit of {limit_text(limit)}{_whose(view, name, limit)} {_harm(view, name, limit, when(found['date']))}"
    )


def _whose(view: View, name: str, limit: Json) -> str:
    """Whose limit it is, unless all limits are of one level."""
    levels = {owner(one["name"]) for one in view.case(name)["limits"]}
    return f" ({owner(limit['name'])})" if len(levels) > 1 else ""


def _harm(view: View, name: str, limit: Json, date: When) -> str:
    """What a limit does to the first team that it harms, with the success that is left where it is so already."""
    harms = limit["harms"]
    team, text = harms["team"], harms["objective"]
    found = next((one for one in view.case(name)["objectives"] if one["text"] == text), None)
    assumed = ", assumed" if found is not None and found["assumed"] else ""
    if found is not None and found["metric"].endswith("success_rate") and date.month is not None and date.month <= 0:
        left = value_text(Stat(stat(found, "now").mean), "share")
        return f"leaves {team} {left} success (objective {text.rpartition(' ')[2].replace('%', NB + '%')}{assumed})"
    return f"makes {team} miss its objective of {goal_text(text)}{assumed and ' (assumed)'}"


def _tightest(view: View) -> str:
    """For a study in which nothing breaks: which limit comes nearest."""
    limits = [(view.lines(view.first, "limits", one["name"], "peak").at(view.months), one)
              for one in view.case(view.first)["limits"]]  # fmt: skip
    known = [(peak, one) for peak, one in limits if peak.known]
    if not known:
        return "; it has no limits"
    peak, limit = max(known, key=lambda pair: pair[0].mean)
    return f"; the tightest limit, {limit_text(limit)}, is then asked for {percent(peak.mean)} in the busiest minute"


def _better(view: View) -> str:
    """The other arrangement that lasts longest, if it lasts longer."""
    _, base = first_of(view, view.first)
    others = [(first_of(view, name)[1], name) for name in view.cases[1:]]
    longer = [(date, name) for date, name in others if date.sort > base.sort + 0.05]
    if not longer:
        return "; nothing else that was tried lasts longer" if others else ""
    date, name = max(longer, key=lambda pair: pair[0].sort)
    if date.month is None:
        return f"; {view.place(name)} lasts all {view.months}{NB}months"
    return f"; {view.place(name)} lasts {date.month:.1f}{NB}months"


def details(view: View) -> Iterator[str]:
    """The findings after the headline, in the order in which a manager asks."""
    yield from _room(view)
    yield from _next(view)
    yield from _spend(view)
    yield from _tiers(view)
    yield from _what_ifs(view)


def _room(view: View) -> Iterator[str]:
    """How full the tightest limit is today."""
    limits = [one for one in view.case(view.first)["limits"] if stat(one["now"], "busy").known]
    if not limits:
        yield f"{capital(view.place(view.first))} has no limit that could be full."
        return
    tight = max(limits, key=lambda one: stat(one["now"], "busy").mean)
    now = {name: stat(tight["now"], name) for name in ("asked", "busy", "refused_share")}
    refused = now["refused_share"].mean
    said = "It refuses nothing" if refused < SMALL else f"It refuses {percent(refused)} of the attempts"
    yield (
        f"Room today: of the tightest limit, {limit_text(tight)}{_whose(view, view.first, tight)}, the teams ask for "
        f"{percent(now['asked'].mean)} on average and {percent(now['busy'].mean)} in their busy minutes (99th "
        f"percentile). {said}."
    )


def _next(view: View) -> Iterator[str]:
    """What else breaks within the study, in order."""
    case, (found, _) = view.case(view.first), first_of(view, view.first)
    entries = [(when(one["breaks"]), f"the {limit_text(one)}{_whose(view, view.first, one)}", one["name"])
               for one in case["limits"]]  # fmt: skip
    entries += [(when(one["reached"]), f"the cap of {money_rate(one['amount'])} ({owner(one['name'])})", one["name"])
                for one in case["caps"]]  # fmt: skip
    others = [one for one in entries if not (found and one[2] == found["name"])]
    coming = sorted((one for one in others if one[0].month is not None), key=lambda one: one[0].sort)
    sentences = []
    if coming:
        texts = [f"{what} {date_text(date, view)}" for date, what, _ in coming[:3]]
        more = f" and {counted(len(coming) - 3, 'more limit')}" if len(coming) > 3 else ""
        sentences.append(f"What breaks next: {joined(texts)}{more}.")
    quiet = len(others) - len(coming)
    if quiet > 0 and (coming or found):
        what = counted(quiet, "other limit") if not case["caps"] else counted(quiet, "other limit or cap")
        what = what.replace("limit or caps", "limits and caps")
        sentences.append(f"{capital(what)} hold{'s' if quiet == 1 else ''} for all {view.months}{NB}months.")
    if sentences:
        yield " ".join(sentences)


def _spend(view: View) -> Iterator[str]:
    """What a month costs now and at the end, the sum, who costs most, and what serving all would cost."""
    cost = view.case(view.first)["cost"]
    now, last, together = (stat(cost["total"], name) for name in ("now", "last", "together"))
    if not now.mean > 0:
        return
    text = (
        f"Cost: {dollars(now)} a month now, {dollars(last)} in {view.month_name(view.months)}, "
        f"{dollars(together)} over the {view.months}{NB}months together"
    )
    teams = {team: stat(spent, "last").mean for team, spent in cost["teams"].items()}
    top = max(sorted(teams), key=lambda team: teams[team])
    if len(teams) > 1 and last.mean > 0:
        text += f"; {percent(teams[top] / last.mean)} of the last month is {top}"
    served = stat(cost["all_served"], "last")
    if served.mean > 1.01 * last.mean:
        text += (
            f". If nothing were refused, {view.month_name(view.months)} would cost {dollars(served)}: "
            f"{percent(1 - last.mean / served.mean)} of what is asked for then, by its price, is not served"
        )
    yield text + "."


def _tiers(view: View) -> Iterator[str]:
    """Which tier each account needs, and when it needs the next."""
    for entry in view.case(view.first)["tiers"]:
        several = len(view.case(view.first)["tiers"]) > 1
        who = f"Account {entry['account']}" if several else "The traffic"
        yield f"{who} {_steps(entry, view)}.{_by_rates(entry, view)}"
        if several:
            yield from _other_accounts(view)
            return


def _other_accounts(view: View) -> Iterator[str]:
    rest = view.case(view.first)["tiers"][1:]
    yield f"The table below has the tiers of {counted(len(rest), 'more account')}."


def _steps(entry: Any, view: View) -> str:
    first, *later = entry["steps"]
    text = f"needs {tier_name(first['tier'], entry['provider'])} now"
    if first["because"]:
        text += f", because {reason_text(first['because'])}"
    for step in later:
        text += f"; {tier_name(step['tier'], entry['provider'])} {date_text(when(step['from']), view)}"
        text += f", when {reason_text(step['because'])}"
    return text if later else f"{text}, and keeps it for all {view.months}{NB}months"


def _by_rates(entry: Any, view: View) -> str:
    """Which tier would do if only the spend cap were raised, where it is a smaller one."""
    first = entry["by_rates"][0]
    if entry["steps"][0]["tier"] == first["tier"] or first["tier"] is None:
        return ""
    text = f" By its rates alone {tier_name(first['tier'], entry['provider'])} would do"
    if len(entry["by_rates"]) == 1:
        return f"{text} for all {view.months}{NB}months."
    date = when(entry["by_rates"][1]["from"])
    return f"{text} until it is outgrown {date_text(date, view)}."


def _what_ifs(view: View) -> Iterator[str]:
    """One sentence for each other arrangement: how long it lasts and what it changes in cost."""
    for name in view.cases[1:]:
        yield f"{capital(view.place(name))} {_fate(view, name)}{_dearer(view, name)}."


def _fate(view: View, name: str) -> str:
    found, date = first_of(view, name)
    if found is None:
        return f"lasts all {view.months}{NB}months"
    if date.month is not None and date.month <= 0:
        return f"{_today(date)}: {_what(view, name, found)}"
    return f"lasts {_duration(date, view)}: then {_what(view, name, found)}"


def _dearer(view: View, name: str) -> str:
    """What the last month costs more or less, as more or less is let through."""
    change = stat(view.summary["paired"][name], "usd_last")
    if not change.differs or not change.known:
        return ""
    lets, word = ("lets more through", "more") if change.mean > 0 else ("refuses more", "less")
    same = view.case(name)["growth"] == view.case(view.first)["growth"]
    size = value_text(Stat(abs(change.mean)), "usd")
    return f"; it {lets + ' and ' if same else ''}costs {size} a month {word} by {view.month_name(view.months)}"


def warnings(view: View) -> Iterator[str]:
    """What a reader has to mind."""
    summary = view.summary
    faults = summary["faults"]
    if faults["labels"] and not faults["kept"]:
        yield (
            f"The scenario’s {counted(len(faults['labels']), 'fault')} ({joined(list(faults['labels']))}) "
            "are left out: growth is judged on ordinary days. --with-faults keeps them."
        )
    if faults["labels"] and faults["kept"]:
        yield "The scenario’s faults are in every month, and costs count them as if they came all month long."
    assumed = list(dict.fromkeys(one["team"] for one in view.case(view.first)["objectives"] if one["assumed"]))
    if assumed:
        who = joined(assumed) if len(assumed) <= 4 else counted(len(assumed), "team")
        yield f"The scenario states no success objective for {who}: 99{NB}% is assumed."
    if summary["uncovered_models"]:
        yield f"No tier of the catalogue covers {joined(list(summary['uncovered_models']))}."
    if summary["replications"] == 1:
        yield "One replication only: no intervals, so a date may be luck. Use --replications 20."
