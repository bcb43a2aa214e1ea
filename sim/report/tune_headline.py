"""The answer of a tuning study in one sentence: every number is taken from the summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.report.cautions import capital, counted
from sim.report.tune_view import Project, View, whole

UNITS = {
    "rpm": "requests a minute", "burst": "requests at once", "input_tokens": "input tokens a minute",
    "output_tokens": "output tokens a minute", "tokens": "tokens a minute", "concurrency": "requests under way at once",
}  # fmt: skip
"""What accounts give, in words."""


def headline(view: View) -> str:
    """The finding: whether the account has enough, how many objectives hold against today, and who falls short."""
    return capital(_divided(view) if view.crowded else _enough(view))


def _enough(view: View) -> str:
    """What is enough, against what there is."""
    out = len([goal for one in view.projects for goal in one.objectives if goal["reach"] == "missed" and asked(goal)])
    tail = f"; {counted(out, 'objective')} {'is' if out == 1 else 'are'} out of reach for these limits" if out else ""
    return f"{_sums(view)} {_meet(view)}{_today(view)}{tail}"


def asked(goal: Mapping[str, Any]) -> bool:
    """Whether the scenario asks for an objective; the others were added by default."""
    return bool(goal["source"] != "default")


def _divided(view: View) -> str:
    """What an account lacks, how far what it has goes, and who falls short of what."""
    account = view.crowded[0]
    what = exceeded(account, account["needed"]) or "rpm"
    start = f"“{account['name']}” gives {whole(account['gives'][what])} {UNITS[what]} and its "
    start += f"{counted(len(account['projects']), 'project')} need {whole(account['needed'][what])}"
    return f"{start}: the recommended limits {_meet(view)}{_today(view)}; {_lacking(view, account)}"


def _lacking(view: View, account: Mapping[str, Any]) -> str:
    """Who falls short and by how much, or why nobody does."""
    if not view.short:
        chosen = next(way for way in account["ways"] if way["chosen"])
        if chosen["name"] == "needs":
            return "each is given what it needs all the same, as not everybody is busy at once"
        return "slower rates with larger bursts make room"
    worst, more = view.short[0], len(view.short) - 1
    rest = f", and {counted(more, 'more project')} {'falls' if more == 1 else 'fall'} short too" if more else ""
    return f"{gets_of(worst)}{rest}"


def gets_of(one: Project) -> str:
    """What a project that falls short gets of what it needs, in the limit that it lacks most of."""
    name, gets, wants = one.missing
    return f"{one.name} gets {whole(gets)} of the {whole(wants)} {UNITS[name]} that it needs"


def _judged_here(view: View) -> list[Mapping[str, Any]]:
    """The objectives that the headline counts: the scenario's, or what was assumed where it has none."""
    return [one for one in view.objectives if asked(one)] or view.objectives


def _counts(view: View, side: str) -> int:
    found = _judged_here(view)
    return sum(bool(one["met"] if side == "recommended" else one["today"]["met"]) for one in found)


def _meet(view: View) -> str:
    """How many objectives some limits meet."""
    met, of = _counts(view, "recommended"), len(_judged_here(view))
    if of == 1:
        return "meet the objective" if met else "miss the objective"
    if met == of:
        return "meet both objectives" if of == 2 else f"meet all {counted(of, 'objective')}"
    return f"meet {met or 'none'} of {of} objectives"


def _sums(view: View) -> str:
    told = view.summary["sums"]["recommended"]
    rate, burst = told["rpm"], told["burst"]
    if rate is None:
        return "the recommended limits"
    more = f" and bursts of {whole(burst)}" if burst is not None else ""
    return f"{whole(rate)} requests a minute{more}{' in all' if len(view.projects) > 1 else ''}"


def _today(view: View) -> str:
    """What there is today, in the same words."""
    met, now, of = _counts(view, "today"), _counts(view, "recommended"), len(_judged_here(view))
    limits = _limits_today(view)
    if view.crowded and met != now:
        return f" (today’s: {met or 'none'})"
    if met == now:
        return f", and so do {limits}" if met == of else f", as many as {limits}"
    if of == 1:
        return f"; {limits} {'meet' if met else 'miss'} it"
    return f"; {limits} meet {met or 'none'}"


def _limits_today(view: View) -> str:
    told, configuration = view.summary["sums"]["current"], view.summary["configuration"]
    if configuration["built"]:
        return f"the limits of “{configuration['today']}”"
    if told["rpm"] is None or view.crowded:
        return "today’s"
    burst = f" and {whole(told['burst'])}" if told["burst"] is not None else ""
    return f"today’s {whole(told['rpm'])}{burst}"


def exceeded(account: Mapping[str, Any], sums: Mapping[str, Any]) -> str | None:
    """The thing of which some settings sum to most above what the account gives; the rate before the burst."""
    over = {
        name: sums[name] / gives
        for name, gives in account["gives"].items()
        if gives and sums.get(name) is not None and sums[name] > gives
    }
    return max(over, key=lambda name: (name != "burst", over[name]), default=None)
