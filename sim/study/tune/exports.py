"""Recommended settings as other programs read them: a configuration, LiteLLM keys, workspace limits, a table."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from sim.scenario.keys import DIMENSIONS, Limits, RateLimit
from sim.scenario.topology import Node, Topology
from sim.study.tune.grid import rounded_up
from sim.units import MONTH, SECOND

FILES = {"limits.yaml": "limits.yaml", "litellm": "litellm.json", "anthropic": "anthropic.json", "csv": "limits.csv"}
"""Form → file name."""
MARGIN = 1.25
"""A budget without a cap in the scenario: so many times the upper end of the expected month."""

# Types of WorkspaceRateLimitUpdateValueParam, anthropic 2.14.0 for Python.
_LIMITER = {
    "rpm": "requests_per_minute",
    "input_tokens": "input_tokens_per_minute_cache_aware",
    "output_tokens": "output_tokens_per_minute",
}


# A keystorm configuration


def configuration_yaml(topology: Topology, name: str, head: Sequence[str]) -> str:
    """The configuration as YAML to paste under ``configurations:``, below comment lines ``head``."""
    import yaml

    body: dict[str, Any] = {"accounts": {account.name: _account(account) for account in topology.accounts}}
    if topology.client is not None:
        body["client"] = topology.client.model_dump(mode="json", exclude_unset=True)
    text = yaml.safe_dump(
        {"configurations": {name: body}}, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True
    )
    return "".join(f"# {line}\n" for line in head) + text


def _account(node: Node) -> dict[str, Any]:
    only = node.children[0] if len(node.children) == 1 else None
    gateway = {"gateway": True} if node.gateway else {}
    if only is not None and only.name == "default" and _bare(only) and _single(only) is not None:
        return {**gateway, **_level(node), "teams": list(_single(only) or ())}
    return {**gateway, **_level(node), "projects": {child.name: _project(child) for child in node.children}}


def _project(node: Node) -> dict[str, Any]:
    teams = _single(node)
    content = {"content_policy": {"allowed": list(node.allowed_content)}} if node.allowed_content else {}
    if teams is not None:
        return {"teams": list(teams), **_level(node), **content}
    keys = {key.name: {"teams": list(key.teams), **_level(key)} for key in node.children}
    return {**_level(node), **content, "keys": keys}


def _bare(node: Node) -> bool:
    return not node.limits and not node.spend_caps and node.models is None and not node.allowed_content


def _single(node: Node) -> tuple[str, ...] | None:
    """The teams of a project's only key, where that key has nothing of its own."""
    key = node.children[0] if len(node.children) == 1 else None
    return key.teams if key is not None and key.name == "default" and _bare(key) else None


def _level(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if node.limits:
        sets = [_limits(one) for one in node.limits]
        found["limits"] = sets[0] if len(sets) == 1 else sets
    if node.spend_caps:
        caps = [cap.model_dump(mode="json", exclude_defaults=True) for cap in node.spend_caps]
        found["spend_cap"] = caps[0] if len(caps) == 1 else caps
    if node.models is not None:
        found["models"] = list(node.models)
    return found


def _limits(limits: Limits) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in DIMENSIONS:
        limit = getattr(limits, name)
        if limit is not None:
            found[name] = _rate(limit)
            if name == "requests" and limits.burst is not None:
                found["burst"] = limits.burst
    rest = limits.model_dump(mode="json", exclude_defaults=True, exclude={*DIMENSIONS, "burst"})
    return found | rest


def _rate(limit: RateLimit) -> Any:
    return str(limit.rate) if limit.burst is None else {"rate": str(limit.rate), "burst": limit.burst}


# LiteLLM


def litellm(summary: Mapping[str, Any], caps: Mapping[str, Any], models: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Bodies of ``POST /key/generate``, a key for each project.

    ``caps``: project → its spend cap of the scenario; ``models``: project → models it asks for.
    """
    keys = [_key(name, one, caps.get(name), models.get(name, ())) for name, one in summary["projects"].items()]
    return {
        "made_by": f"keystorm tune {summary['scenario']['name']}",
        "how_to_use": "POST each entry of keys to /key/generate of the proxy",
        "notes": [
            "LiteLLM counts requests in fixed windows of a minute. rpm_limit is the smallest window limit that meets "
            "the "
            "objectives of the project alone, found by the same search; it is no token bucket's rate.",
            "tpm_limit and max_parallel_requests are the tuned limits where they were tuned. Elsewhere they are the "
            "busiest minute and the most requests at once that were seen, so that they refuse nothing. LiteLLM leaves "
            "cached input out of tpm_limit, and so do these numbers.",
            "max_budget is the project's spend cap. Where the scenario has none it is "
            f"{MARGIN:g} times the upper end of the cost that a month of the measured traffic would have.",
        ],
        "keys": [one for one in keys if one is not None],
    }


def _key(name: str, project: Mapping[str, Any], cap: Any, models: Sequence[str]) -> dict[str, Any] | None:
    settings = project["recommended"]
    if settings is None:
        return None
    traffic = project["traffic"]
    window = project.get("exports", {}).get("window_rpm") if not project["shortfall"] else None
    return {
        "key_alias": name,
        "models": list(models),
        "rpm_limit": window if window is not None else settings.get("rpm"),
        "tpm_limit": _tokens(settings) or rounded_up(max(1.0, traffic["most_tokens"])),
        "max_parallel_requests": settings.get("concurrency") or max(1, math.ceil(traffic["most_at_once"])),
        **_budget(project, cap),
        "metadata": {"teams": list(project["teams"]), "rpm_limit_from": _window_source(settings, window)},
    }


def _window_source(settings: Mapping[str, Any], window: int | None) -> str:
    if window is not None:
        return "smallest fixed window that meets the objectives"
    return "its share of the account, which is less than it needs" if settings.get("rpm") else "not tuned"


def _tokens(settings: Mapping[str, Any]) -> int | None:
    if settings.get("tokens") is not None:
        return int(settings["tokens"])
    parts = [settings.get("input_tokens"), settings.get("output_tokens")]
    return None if None in parts else sum(int(one) for one in parts if one is not None)


def _budget(project: Mapping[str, Any], cap: Any) -> dict[str, Any]:
    if cap is not None:
        days = cap.amount.period_ns // (24 * 3600 * SECOND)
        duration = f"{days}d" if days else f"{cap.amount.period_ns // (3600 * SECOND)}h"
        return {"max_budget": cap.amount.micro_usd / 1e6, "budget_duration": duration}
    return {"max_budget": math.ceil(MARGIN * month_usd(project)["high"]), "budget_duration": "30d"}


def month_usd(project: Mapping[str, Any]) -> dict[str, float]:
    """What 30 days of the measured traffic cost: the mean over replications and the upper end of its interval."""
    mean = high = 0.0
    for team in project["teams_alone"].values():
        cost = team["cost_usd"]
        mean += cost["mean"] or 0.0
        high += (cost["ci95"][1] if cost["ci95"][1] is not None else cost["mean"]) or 0.0
    factor = MONTH / SECOND / project["measured_s"]
    return {"mean": mean * factor, "high": high * factor}


# Anthropic


def anthropic(summary: Mapping[str, Any], models: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Workspace rate limits: for each project the body that sets them, for the group of its models."""
    made = [_workspace(name, one, models.get(name, ())) for name, one in summary["projects"].items()]
    return {
        "made_by": f"keystorm tune {summary['scenario']['name']}",
        "how_to_use": "for each workspace POST its body to /v1/organizations/workspaces/{workspace_id}/rate_limits/"
        "{rate_limit_id} of the Admin API, with the rate limit of the organization that covers its models",
        "notes": [
            "The burst of a workspace limit can't be chosen and is not published. requests_per_minute assumes a bucket "
            "of "
            "one minute's worth; if_enforced_per_second is what it would take if 60 a minute meant 1 a second.",
            "Token limits are the tuned ones where they were tuned. Elsewhere they are the busiest minute that was "
            "seen, so that they refuse nothing. input_tokens_per_minute_cache_aware counts without cache reads, as the "
            "organization's own limit does on current models.",
            "The organization's own limits apply as well, even where workspaces add up to more.",
            "Each group of models has limits of its own. Where a workspace's models lie in several groups, a body that "
            "is set for each lets as much pass in each of them.",
        ],
        "workspaces": [one for one in made if one is not None],
    }


def _workspace(name: str, project: Mapping[str, Any], models: Sequence[str]) -> dict[str, Any] | None:
    settings = project["recommended"]
    if settings is None:
        return None
    alone = project.get("exports", {}).get("provider_burst_rpm") if not project["shortfall"] else None
    wanted = (alone or {}).get("minute") or settings.get("rpm")
    values = {
        "rpm": wanted,
        "input_tokens": settings.get("input_tokens") or rounded_up(max(1.0, project["traffic"]["most_input_tokens"])),
        "output_tokens": settings.get("output_tokens")
        or rounded_up(max(1.0, project["traffic"]["most_output_tokens"])),
    }
    limits = [{"type": _LIMITER[key], "value": value} for key, value in values.items() if value is not None]
    return {
        "workspace": name, "teams": list(project["teams"]), "models": list(models), "body": {"limits": limits},
        "if_enforced_per_second": {"requests_per_minute": (alone or {}).get("second")},
    }  # fmt: skip


# A table


def table_csv(summary: Mapping[str, Any]) -> str:
    """One row a project: what it has, what it needs, what is recommended, and what that gives with everybody there."""
    target = io.StringIO()
    names = [
        name
        for name in ("rpm", "burst", "input_tokens", "output_tokens", "tokens", "concurrency")
        if name in summary["dimensions"]
    ]
    heads = [f"{column}_{name}" for column in ("current", "needed", "recommended") for name in names]
    bounds = [f"needed_{name}_{end}" for name in names for end in ("low", "high")]
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(["project", "teams", *heads, *bounds, "shortfall", "objective", *_RESULTS])
    for name, one in summary["projects"].items():
        cells = [(one[column] or {}).get(key) for column in ("current", "needed", "recommended") for key in names]
        cells += [one.get("needed_ci95", {}).get(key, {}).get(end) for key in names for end in ("low", "high")]
        row = [safe(name), safe("+".join(one["teams"])), *map(_plain, [*cells, one["shortfall"]])]
        writer.writerow([*row, *_success(one)])
    return target.getvalue()


_RESULTS = ("success_current", "success_recommended", "success_low", "success_high")
"""What the objective's own metric is today, with the recommended limits, and the 95 % interval of that."""


def _success(project: Mapping[str, Any]) -> list[str]:
    """The project's first objective about success, and its metric with everybody there, within 0 and 1."""
    one = primary(project["objectives"])
    today, now = (project["together"][side][one["team"]][one["metric"]] for side in ("today", "recommended"))
    bounds = [None if end is None else min(1.0, max(0.0, end)) for end in now["ci95"]]
    return [safe(one["text"]), *map(_plain, (today["mean"], now["mean"], *bounds))]


def primary(objectives: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Of a project's objectives the one that tables show: the first about success, the scenario's before the others."""
    success = [one for one in objectives if one["metric"] in ("success_rate", "own_success_rate")]
    return min(success, key=lambda one: one["source"] == "default")


def _plain(value: Any) -> str:
    return "" if value is None else f"{value:.10g}"


def safe(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text
