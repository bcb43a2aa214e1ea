"""The files of a migration: the summary, the manifest, the settings of each step, then the report from them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.results.store import write_json, write_text
from sim.study.manifest import manifest
from sim.study.migrate.exports import step_files
from sim.study.migrate.migrate import Found

SUMMARY, STEPS = "summary.json", "steps"


def write(out: Path, found: Found, summary: Mapping[str, Any]) -> None:
    """Write everything into ``out``; steps of an earlier study go."""
    from sim.report.migrate_report import render

    partial = out / f".{STEPS}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    states = found.ordered.states
    for step in summary["steps"]:
        at = step["number"]
        files = step_files(found.plan, at, states[at - 1], states[at], found.options.exports)
        for name, text in files.items():
            write_text(partial / step["folder"] / name, text)
    shutil.rmtree(out / STEPS, ignore_errors=True)
    partial.rename(out / STEPS)
    write_json(out / SUMMARY, summary)
    options = found.options
    write_json(
        out / "manifest.json", manifest(found.loaded, kind="migrate", engine=options.engine, command=options.command)
    )
    render(out)
