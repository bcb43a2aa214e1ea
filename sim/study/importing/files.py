"""What an import leaves in its folder: the log, its profile as numbers and as a page, and the manifest."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sim import __version__
from sim.metrics.summary import json_safe
from sim.results.store import write_json
from sim.study.importing.options import Options, shown_command
from sim.workload.log.write import FILE

PROFILE = "profile.json"
MANIFEST = "manifest.json"
_VERSIONS = ("numpy", "pyarrow", "pydantic")
_TOLD = ("format", "rows_read", "rows_kept", "rows_rejected", "rejected", "duplicates", "out_of_order", "requests",
         "teams", "clock", "timezone", "start", "end", "span_s", "assumptions", "assumed_requests", "resolution_s",
         "notes", "files")  # fmt: skip


def write_all(out: Path, log: Path, summary: dict[str, Any], options: Options) -> dict[str, Any]:
    """Put everything in its place, the page last; the summary with plain types only."""
    from sim.report.import_report import render

    safe = dict(json_safe(summary))
    write_json(out / PROFILE, safe)
    write_json(out / MANIFEST, manifest(safe, options))
    log.replace(out / FILE)
    render(out)
    return safe


def manifest(summary: dict[str, Any], options: Options) -> dict[str, Any]:
    """What was imported, how and with what; nothing about where or when, and nothing personal."""
    return {
        "keystorm": __version__,
        "kind": "import",
        "command": list(shown_command(options.command)),
        "log": FILE,
        **{name: summary[name] for name in _TOLD},
        "options": {
            "request_tokens": options.request_tokens, "team_by": list(options.team_by),
            "teams": None if options.teams is None else options.teams.name, "seed": options.seed,
        },
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _VERSIONS},
    }  # fmt: skip
