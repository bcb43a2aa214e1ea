"""What is applied at each step, as other programs read it: the forms of ``tune``, for the keys that change.

``limits.yaml`` is the whole arrangement after the step, ``rollback.yaml`` the one before it; the others
have the projects that are made at this step and the new limits of the shared key.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.errors import BadInput
from sim.scenario.keys import SpelledOut
from sim.scenario.topology import Topology, build_topology
from sim.study.migrate.hybrid import Grant, Target
from sim.study.migrate.keys import KeyName
from sim.study.migrate.limits import Got, told
from sim.study.migrate.order import State
from sim.study.migrate.steps import name_of
from sim.study.tune.exports import FILES, anthropic, configuration_yaml, litellm, safe
from sim.study.tune.options import ANTHROPIC, CSV, LIMITS_YAML, LITELLM
from sim.study.tune.settings import DIMENSIONS, amounts
from sim.workload.rows import Expected

ROLLBACK = "rollback.yaml"
NEW, CHANGED, KEPT = "create", "change", "keep"
HEADS = ("action", "project", "teams", "key", "environment_variable", *DIMENSIONS, "spend_cap_usd_per_month", "alert")


@dataclass(frozen=True)
class Plan:
    """What exports are made from: the target, what each project got, the names of keys, and the scenario's name."""

    target: Target
    got: Mapping[str, Got]
    names: Mapping[str, KeyName]
    scenario: str


def step_files(plan: Plan, number: int, before: State, after: State, forms: Sequence[str]) -> dict[str, str]:
    """File name → text of one step."""
    made = [name for name in plan.got if name in after - before]
    texts = {ROLLBACK: arrangement(plan, number - 1, before)}
    for form in forms:
        if form == LIMITS_YAML:
            texts[FILES[form]] = arrangement(plan, number, after)
        elif form == CSV:
            texts[FILES[form]] = table(plan, before, after)
        elif plan.target.rung != "keys":
            texts[FILES[form]] = json.dumps(_body(plan, form, made, after), indent=2, ensure_ascii=False) + "\n"
    return texts


def arrangement(plan: Plan, number: int, state: State) -> str:
    """The configuration of a state as YAML."""
    head = (
        f"{'Today' if number == 0 else f'After step {number}'} of the migration of {plan.scenario} to "
        f"{plan.target.rung}, made by keystorm migrate.",
        "Paste this under `configurations:` of the scenario, then: keystorm compare SCENARIO",
    )
    return configuration_yaml(plan.target.topology(state, name_of(number)), name_of(number), head)


def read_back(text: str, expected: Mapping[str, Expected]) -> Topology:
    """The configuration that an exported file holds, as a scenario that it is pasted into would have it."""
    import yaml

    ((name, body),) = yaml.safe_load(text)["configurations"].items()
    return build_topology(name, SpelledOut.model_validate(body), expected)


def _body(plan: Plan, form: str, made: Sequence[str], after: State) -> dict[str, Any]:
    summary = {
        "scenario": {"name": plan.scenario},
        "projects": {name: told(plan.got[name]) for name in made},
    }
    models = {grant.name: grant.models for grant in plan.target.grants}
    if form == LITELLM:
        caps = {grant.name: grant.caps[0] for grant in plan.target.grants if grant.caps}
        body = litellm(summary, caps, models)
        for key in body["keys"]:
            key["metadata"]["environment_variable"] = plan.names[key["key_alias"]].env
    elif form == ANTHROPIC:
        body = anthropic(summary, models)
        for workspace in body["workspaces"]:
            workspace["environment_variable"] = plan.names[workspace["workspace"]].env
    else:
        raise BadInput("no such form of export", place="--export", value=repr(form))
    body["made_by"] = f"keystorm migrate {plan.scenario}"
    shared = _shared(plan, after)
    return body if shared is None else {**body, "shared_key": shared}


_TYPES = {
    "rpm": "requests_per_minute", "input_tokens": "input_tokens_per_minute_cache_aware",
    "output_tokens": "output_tokens_per_minute",
}  # fmt: skip


def _shared(plan: Plan, after: State) -> dict[str, Any] | None:
    """The new limits of those who stay, where they have limits of their own."""
    limits = plan.target.shared_limits(after)
    if not limits:
        return None
    values = amounts(limits[0])
    return {
        "workspace": plan.target.shared_name, "teams": list(plan.target.remaining(after)),
        "body": {"limits": [{"type": kind, "value": int(values[name])}
                            for name, kind in _TYPES.items() if name in values]},
        "burst": values.get("burst"),
    }  # fmt: skip


# A table


def table(plan: Plan, before: State, after: State) -> str:
    """One row a key that is there after a step: what to do with it, its names, limits and cap."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(HEADS)
    shared = plan.target.remaining(after)
    if shared:
        limits = plan.target.shared_limits(after)
        action = KEPT if limits == plan.target.shared_limits(before) else CHANGED
        writer.writerow(_row(action, Grant(plan.target.shared_name, shared, (), limits), KeyName("shared", "")))
    for grant in plan.target.moved(after):
        writer.writerow(_row(KEPT if grant.name in before else NEW, grant, plan.names[grant.name]))
    return target.getvalue()


def _row(action: str, grant: Grant, name: KeyName) -> list[str]:
    values = amounts(grant.limits[0]) if grant.limits else {}
    cap = grant.caps[0] if grant.caps else None
    money = [f"{cap.amount.micro_usd / 1e6:.10g}", "80%"] if cap is not None else ["", ""]
    cells = [f"{values[key]:.10g}" if key in values else "" for key in DIMENSIONS]
    return [action, safe(grant.name), safe("+".join(grant.teams)), name.name, name.env, *cells, *money]
