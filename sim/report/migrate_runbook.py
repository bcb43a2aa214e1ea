"""The runbook: what to do at each step, as a checklist in Markdown. Keys by name and variable, never a secret."""

from __future__ import annotations

from collections.abc import Iterator

from sim.report.cautions import counted
from sim.report.migrate_view import (
    Json,
    View,
    bound_text,
    day_text,
    limits_text,
    names_text,
    of_services,
    percent,
    risk_text,
    services_text,
    usd,
    when_text,
)
from sim.report.numbers import NB, stat
from sim.report.objectives import objective_text

WORKSPACE = {
    "keys": "key", "projects": "project (workspace) with a key", "gateway": "project of the gateway with a key",
    "accounts": "account with a project and a key",
}  # fmt: skip


def runbook(view: View) -> str:
    """The whole file."""
    return "\n".join(_lines(view)).replace(NB, " ") + "\n"


def _lines(view: View) -> Iterator[str]:
    summary = view.summary
    yield f"# Runbook: {summary['scenario']['name']} to {summary['rung']}"
    yield ""
    yield (
        f"{counted(len(view.projects), 'project').capitalize()} in {counted(len(view.steps), 'step')}. Risk today "
        f"{risk_text(view.today)} of {services_text(view)}, at the end {risk_text(view.end)}. Settings to "
        "apply are in `steps/`. Keys stand here by name and by the variable that services read; secrets "
        "belong into the "
        "secrets manager and nowhere else."
    )
    yield ""
    yield "## Before the first step"
    yield ""
    yield from _before(view)
    for step in view.steps:
        yield ""
        yield from _step(view, step)
    yield ""
    yield "## After the last step"
    yield ""
    yield from _after(view)


def _before(view: View) -> Iterator[str]:
    facts = {one["id"] for one in view.summary["warnings"]}
    yield "- [ ] The plan is agreed with " + names_text(sorted(view.summary["teams"]), 8)
    if "default-workspace" in facts:
        yield (
            f"- [ ] If the shared key is in the default workspace, which can have no limits: make the workspace "
            f"`{view.summary['today']['shared_key']}`, make a key there, and move everybody to it"
        )
    yield "- [ ] The 429 share of each key is on a dashboard, with the bounds below as alerts"
    yield "- [ ] Every service can read a new key without a release, and go back to the old one as fast"
    yield "- [ ] The shared key stays valid until the last watch is over"


def _step(view: View, step: Json) -> Iterator[str]:
    slot = step["slot"]
    date = when_text(step) + (f" {slot['day'][:4]}" if slot["day"] else "")
    canary = ", canary" if step["canary"] else ""
    yield f"## Step {step['number']}: {names_text(step['projects'], 6)} ({date}{canary})"
    yield ""
    yield (
        f"Risk {risk_text(stat(step, 'risk_before'))} → {risk_text(stat(step, 'risk_after'))}. Better off: "
        f"{names_text([one['team'] for one in step['improved']])}. Hurt: "
        f"{names_text([one['team'] for one in step['hurt']])}."
    )
    yield ""
    for one in step["tell"]:
        yield f"- [ ] Tell {names_text(one['who'], 6)}: {one['why']}"
    for name in step["projects"]:
        yield from _project(view, view.projects[name])
    yield from _shared(view, step)
    yield f"- [ ] {names_text(step['teams'], 6)}: put the new key into the secrets manager, restart, check one request"
    yield from _watch(view, step)
    yield from _rollback(view, step)


def _project(view: View, one: Json) -> Iterator[str]:
    yield f"- [ ] Create the {WORKSPACE[view.summary['rung']]}: `{one['key']}`, read from `{one['env']}`"
    if one["limits"]:
        yield f"- [ ] Limits of {one['name']}: {limits_text(one['limits'])}"
    if one["cap_usd"] is not None:
        yield f"- [ ] Spend cap of {one['name']}: {usd(one['cap_usd'])} a month, alert at {usd(0.8 * one['cap_usd'])}"


def _shared(view: View, step: Json) -> Iterator[str]:
    shared = step["shared"]
    if not shared["teams"]:
        yield "- [ ] Nobody is left on the shared key"
    elif shared["changes"] and shared["after"]:
        before = limits_text(shared["before"])
        yield f"- [ ] New limits of the shared key: {limits_text(shared['after'])} (before: {before})"


def _watch(view: View, step: Json) -> Iterator[str]:
    slot = step["slot"]
    every = view.summary["calendar"]["every_days"]
    until = f"until {day_text(slot['until'])}" if slot["until"] else f"for {counted(every, 'working day')}"
    for one in step["watch"]:
        expected = f"expected {percent(one['expected'], 1)}"
        yield (
            f"- [ ] Watch {until}, {expected}; go back: {bound_text(one)}"
            if one["telling"]
            else (f"- [ ] Watch {until}: {bound_text(one)}")
        )


def _rollback(view: View, step: Json) -> Iterator[str]:
    yield f"- [ ] To go back: give {names_text(step['teams'], 6)} the shared key again"
    limits = step["rollback"]["limits"]
    if limits:
        yield f"      and the shared key its limits of before: {limits_text(limits)}"
    yield f"      (`steps/{step['folder']}/rollback.yaml`; run: it gives the state before to the digit)"


def _after(view: View) -> Iterator[str]:
    yield "- [ ] Revoke the shared key, and see that nothing answers 401"
    if view.summary["rung"] == "gateway":
        yield "- [ ] Give the gateway a new key of the provider, and revoke the one that services had"
    missed = [objective_text(text) for text in view.states[-1]["objectives"]["missed"]]
    if missed:
        yield f"- [ ] Still missed: {names_text(missed, 6)}"
    yield "- [ ] After a week: import the new logs, and run `keystorm tune` on them for the limits"
    worst = max(view.states[-1]["incidents"], key=lambda one: one["services_below"], default=None)
    if worst is not None:
        yield (
            f"- [ ] What isolation does not fix: {worst['incident']} of {worst['team']} still takes "
            f"{of_services(worst['services_below'], view)} below their objective"
        )
