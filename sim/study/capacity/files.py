"""A capacity study's folder: the numbers, the manifest, then the report made from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.results.store import write_json
from sim.study.capacity.options import Options
from sim.study.manifest import manifest

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded


def write(out: Path, loaded: Loaded, options: Options, summary: Mapping[str, Any]) -> Path:
    """Write everything into ``out``; the path of the page."""
    from sim.report.kinds import render

    write_json(out / "capacity.json", dict(summary))
    write_json(out / "manifest.json", manifest(loaded, kind="capacity", engine=options.engine, command=options.command))
    return render(out)
