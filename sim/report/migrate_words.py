"""The findings of a migration in words, every number taken from its summary."""

from __future__ import annotations

from collections.abc import Iterator

from sim.report.cautions import capital, counted, joined
from sim.report.migrate_view import (
    RUNGS,
    Json,
    View,
    day_text,
    limits_text,
    names_text,
    percent,
    risk_text,
    services_text,
)
from sim.report.numbers import NB, Stat, number, stat, value_text
from sim.report.objectives import objective_text
from sim.report.terminal import visible


def question(view: View) -> str:
    """What the study was asked."""
    return view.summary["scenario"].get("question") or ""


def headline(view: View) -> str:
    """What the way does to the risk, and which step does most of it."""
    where, count = RUNGS[view.summary["rung"]], counted(len(view.steps), "step")
    today, end = view.today, view.end
    way = f"{counted(len(view.projects), 'project')} in {count} to {where}"
    whole = services_text(view)
    if today.mean <= 0:
        return f"{capital(way)}: nothing is at risk today, on this traffic and in these drills"
    said = f"{capital(way)}: the risk goes from {risk_text(today)} to {risk_text(end)} of {whole}"
    best = _best_step(view)
    if best is None:
        return f"{said}; no step lowers it"
    fell = -stat(best, "risk_change").mean
    drop = today.mean - end.mean
    part = f", {percent(fell / drop)} of the fall" if 0 < fell <= drop and len(view.steps) > 1 else ""
    return f"{said}; step {best['number']} ({names_text(best['projects'])}) does most{part}"


def _best_step(view: View) -> Json | None:
    falling = [step for step in view.steps if stat(step, "risk_change").mean < 0]
    return min(falling, key=lambda step: stat(step, "risk_change").mean, default=None)


def details(view: View) -> tuple[str, ...]:
    """What belongs to the headline, a sentence each."""
    parts = (_meaning, _order, _early, _hurt, _short, _incidents, _objectives, _shared, _money, _back, _days)
    return tuple(sentence for part in parts for sentence in part(view))


def _meaning(view: View) -> Iterator[str]:
    yield (
        "Risk is how many services are as good as down: each team’s services times the share of its requests that "
        "get no answer, or one that refusals held up for more than 30"
        f"{NB}s; half of it on the traffic as it is, half in drills of the biggest consumers."
    )


def _order(view: View) -> Iterator[str]:
    order = view.summary["order"]
    chosen, others = order["chosen"], order["others"]
    worst = max(others, key=lambda one: one["exposure"])
    how = (
        "the best of all orders of these projects"
        if order["how"] == "exact" and not order["canary"]
        else "found step by step, each time the move that leaves least risk"
    )
    text = f"The order is {how}"
    if order["canary"]:
        text += f", after a canary ({order['canary']}: few services, little traffic)"
    text += f". On the way the mean risk is {number(chosen['exposure'], 2)} services"
    free = next((one for one in others if one["name"] == "without a canary"), None)
    if free is not None and free["exposure"] < chosen["exposure"] - 0.005:
        text += f" ({number(free['exposure'], 2)} without the canary)"
    if worst["exposure"] > chosen["exposure"] + 0.005:
        text += f", in {worst['name']} order {number(worst['exposure'], 2)}"
    yield text + "."


def _early(view: View) -> Iterator[str]:
    """After which step most of the fall has happened, where there are several."""
    drop = view.today.mean - view.end.mean
    if len(view.steps) < 4 or drop <= 0:
        return
    for step in view.steps[:-1]:
        fallen = view.today.mean - stat(step, "risk_after").mean
        if fallen >= 0.8 * drop:
            yield f"{percent(fallen / drop)} of the fall has happened after step {step['number']} of {len(view.steps)}."
            return


def _hurt(view: View) -> Iterator[str]:
    """Which steps cost somebody something."""
    harmful = [step for step in view.steps if step["hurt"]]
    if not harmful:
        yield "No step makes any team lose more of its requests, as far as these replications can tell."
        return
    for step in sorted(harmful, key=_harm)[:2]:
        one = step["hurt"][0]
        others = f", and {counted(len(step['hurt']) - 1, 'more team')}" if len(step["hurt"]) > 1 else ""
        yield (
            f"Step {step['number']} ({names_text(step['projects'])}) hurts {one['team']}: it loses "
            f"{percent(stat(one, 'loss_after').mean)} of its requests instead of "
            f"{percent(stat(one, 'loss_before').mean)}"
            f"{others}."
        )


def _harm(step: Json) -> float:
    return -sum(float(one["change"]["mean"]) * int(one["services"]) for one in step["hurt"])


def _short(view: View) -> Iterator[str]:
    """Who gets less than it needs of a fixed account."""
    short = sorted((one for one in view.projects.values() if one["shortfall"] > 0), key=lambda one: -one["shortfall"])
    if not short:
        return
    one = short[0]
    lacks = [name for name in one["need"] if (one["settings"].get(name) or 0) < (one["need"][name] or 0)]
    gets, needs = ({name: one[key][name] for name in lacks} for key in ("settings", "need"))
    who = f"{one['name']} gets {limits_text([gets])} of the {limits_text([needs])} that it needs"
    more = f", {counted(len(short) - 1, 'more project')} falls short too" if len(short) == 2 else ""
    more = f", {counted(len(short) - 1, 'more project')} fall short too" if len(short) > 2 else more
    yield f"The account gives less than the projects need: {who}{more}."


def _incidents(view: View) -> Iterator[str]:
    """What each incident of the biggest consumer takes down, today and at the end."""
    first, last = view.states[0]["incidents"], view.states[-1]["incidents"]
    if not first:
        return
    team = first[0]["team"]
    parts = []
    for today, end in zip(first, last, strict=True):
        if today["team"] != team:
            break
        parts.append(f"{today['incident']} {_many(today['services_below'])} → {_many(end['services_below'])}")
    yield (
        f"When {team}, the biggest consumer, goes wrong, so many of {services_text(view)} fall below their "
        f"objective (today → at the end): {'; '.join(parts)}."
    )


def _many(count: float) -> str:
    return number(count, 0 if abs(count - round(count)) < 0.05 else 1)


def _objectives(view: View) -> Iterator[str]:
    now, end = view.states[0]["objectives"], view.states[-1]["objectives"]
    text = f"Objectives met: {now['met']} of {end['of']} today, {end['met']} after the last step"
    missed = [objective_text(text) for text in end["missed"]]
    yield text + (f"; missed then: {names_text(missed, 2)}." if missed else ".")


def _shared(view: View) -> Iterator[str]:
    """What becomes of the shared key on the way."""
    said = {
        "keys": "Keys have no limits of their own, so the shared key keeps what it has.",
        "gateway": "The shared key does not pass the gateway: until the last project has moved, those who "
        "stay are held "
        "back by nothing but the account’s limits.",
        "accounts": "The shared account keeps all of its limits: what moved projects get comes on top.",
    }
    rung = view.summary["rung"]
    if rung in said:
        yield said[rung]
        return
    step = next((one for one in view.steps if one["shared"]["changes"] and one["shared"]["after"]), None)
    if step is not None:
        yield (
            "The shared key’s limits shrink at every step by what the moved projects get, so that nobody who stays can "
            f"take it from them: to {limits_text(step['shared']['after'])} after step {step['number']}."
        )


def _money(view: View) -> Iterator[str]:
    caps = view.summary["caps"]
    if caps["sum_usd"] is None:
        return
    month = sum(one["month_usd"] for one in view.projects.values())
    text = (
        f"A month costs {value_text(Stat(month), 'usd')} at list prices; the projects’ spend caps sum to "
        f"{value_text(Stat(caps['sum_usd']), 'usd')}, with an alert at {percent(caps['alert'])}"
    )
    scaled = caps["scaled"] < 1
    yield text + (
        f", cut to {percent(caps['scaled'])} of what the rule asks for to stay within the account’s own cap."
        if scaled
        else "."
    )


def _back(view: View) -> Iterator[str]:
    if all(view.summary["checks"]["rollbacks_restore"]):
        yield (
            f"Going back is exact: for {'each step' if len(view.steps) > 1 else 'the step'} the exported "
            "rollback was run "
            "and gave the results of the state before it, to the digit."
        )


def _days(view: View) -> Iterator[str]:
    start = view.steps[0]["slot"]["day"]
    if start is None:
        last = view.steps[-1]["slot"]["offset"]
        every = counted(view.summary["calendar"]["every_days"], "working day")
        yield f"At one step every {every} the last is on working day {last} after the first."
        return
    until = view.steps[-1]["slot"]["until"]
    yield f"From {day_text(start, year=True)} to the end of the last watch on {day_text(until, year=True)}."


def warnings(view: View) -> tuple[str, ...]:
    """What a reader has to mind."""
    return tuple(_warnings(view))


def _warnings(view: View) -> Iterator[str]:
    summary = view.summary
    yield from summary["source"]["notes"]
    rising = [step for step in view.steps if stat(step, "risk_change").mean > 0 and stat(step, "risk_change").differs]
    if rising:
        which = joined([str(step["number"]) for step in rising])
        at = f"Risk rises at step{'s' if len(rising) > 1 else ''} {which}"
        yield f"{at}: consider to stop before, or to raise the account."
    if summary["source"]["kind"] == "log":
        yield (
            "Every replication replays the same requests: they differ by answer times, retries and drills. Intervals "
            "do not say how another week would go."
        )
    assumed = sum(one["source"] == "assumed" for one in summary["objectives"])
    if assumed:
        yield f"For {counted(assumed, 'team')} without an objective of success, 99{NB}% is assumed."
    if summary["replications"] == 1:
        yield "One replication only: no intervals, so small differences may be luck. Use --replications 10."


def plain(view: View) -> list[str]:
    """Headline, details and warnings for a terminal."""
    lines = [headline(view) + ".", *details(view)]
    return [visible(line).replace(NB, " ") for line in lines]


__all__ = ["details", "headline", "plain", "question", "warnings"]
