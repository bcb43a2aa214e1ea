"""The files of a tuning study: the summary, the manifest, the exports, then the report from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.results.store import write_json, write_text
from sim.scenario.keys import SpendCap
from sim.scenario.loader import Loaded
from sim.scenario.topology import Node, Topology
from sim.study.manifest import manifest
from sim.study.tune.arrange import Arrangement, with_capacity
from sim.study.tune.exports import FILES, anthropic, configuration_yaml, litellm, table_csv
from sim.study.tune.options import ANTHROPIC, CSV, LIMITS_YAML, LITELLM, Options
from sim.study.tune.settings import Settings
from sim.study.tune.subjects import Path as NodePath
from sim.study.tune.subjects import Subject, with_limits

NAME = "tuned"
"""What the exported configuration is called."""


def write(out: Path, loaded: Loaded, options: Options, found: Arrangement, summary: Mapping[str, Any]) -> None:
    """Write everything into ``out``; exports of an earlier study that were not asked for again go."""
    from sim.report.tune_report import render

    for form, name in FILES.items():
        if form not in options.exports:
            (out / name).unlink(missing_ok=True)
    for form in options.exports:
        write_text(out / FILES[form], text_of(form, loaded, options, found, summary))
    write_json(out / "tune.json", summary)
    write_json(out / "manifest.json", manifest(loaded, kind="tune", engine=options.engine, command=options.command))
    render(out)


def text_of(form: str, loaded: Loaded, options: Options, found: Arrangement, summary: Mapping[str, Any]) -> str:
    """One export as text."""
    if form == CSV:
        return table_csv(summary)
    if form == LIMITS_YAML:
        return configuration_yaml(recommended(options, found, summary), NAME, _head(loaded, options))
    models = {one.name: _models(loaded, one) for one in found.subjects}
    caps = {one.name: _cap(found.topology, one) for one in found.subjects}
    if form not in (LITELLM, ANTHROPIC):
        raise ValueError(f"no such form of export: {form!r}")
    body = litellm(summary, caps, models) if form == LITELLM else anthropic(summary, models)
    return json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def recommended(options: Options, found: Arrangement, summary: Mapping[str, Any]) -> Topology:
    """The configuration with the recommended settings."""
    projects = summary["projects"]
    limits = {
        one.path: one.base.limits(Settings.of(projects[one.name]["recommended"]))
        for one in found.subjects
        if projects[one.name]["recommended"] is not None
    }
    return with_limits(with_capacity(found.topology, options.account_capacity), limits)


def _head(loaded: Loaded, options: Options) -> list[str]:
    scenario = loaded.scenario
    return [
        f"Limits that keystorm tune recommends for {scenario.name} (seed {scenario.seed}, "
        f"replications: {scenario.replications}).",
        "Paste this under `configurations:` of the scenario, then: keystorm compare SCENARIO",
    ]


def _models(loaded: Loaded, subject: Subject) -> list[str]:
    teams = loaded.scenario.teams
    return sorted({workload.model for team in subject.teams for workload in teams[team].workload})


def _cap(topology: Topology, subject: Subject) -> SpendCap | None:
    """The spend cap of a project itself: a LiteLLM key has one, so that of the longest window over all models."""
    nodes: dict[NodePath, Node] = {}

    def visit(node: Node, above: NodePath) -> None:
        nodes[(*above, node.name)] = node
        for child in node.children:
            visit(child, (*above, node.name))

    for account in topology.accounts:
        visit(account, ())
    caps = [cap for cap in nodes[subject.path].spend_caps if cap.models is None]
    return max(caps, key=lambda cap: cap.amount.period_ns, default=None)
