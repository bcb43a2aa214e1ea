"""Which renderer writes the report of which kind of study: one line here for each kind.

A renderer takes the folder of a finished study, writes its report there from what is in the folder,
runs nothing, and returns the path of the page. It is imported when it is needed.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

from sim.errors import BadInput

KINDS = {
    "compare": "sim.report.render:render",
    "capacity": "sim.report.capacity_report:render",
    "import": "sim.report.import_report:render",
    "tune": "sim.report.tune_report:render",
    "cost": "sim.report.cost_report:render",
    "migrate": "sim.report.migrate_report:render",
}
"""``kind`` of a manifest → ``module:function``."""

DEFAULT = "compare"


def kind_of(directory: Path) -> str:
    """The kind of study that ``directory`` holds, by its manifest. Raises BadInput where there is none."""
    path = directory / "manifest.json"
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        hint = "give the folder that a keystorm command wrote, with manifest.json in it"
        raise BadInput("no result to report on", place=str(path), hint=hint) from None
    except ValueError as error:
        raise BadInput("not valid JSON", place=str(path), value=str(error), hint="run the study again") from None
    found = manifest.get("kind", DEFAULT) if isinstance(manifest, dict) else None
    if not isinstance(found, str) or found not in KINDS:
        hint = f"this keystorm knows {', '.join(KINDS)}; a newer one may have written this"
        raise BadInput("no such kind of study", place=str(path), value=repr(found), hint=hint)
    return found


def render(directory: Path) -> Path:
    """Write the report of whatever study ``directory`` holds again; the path of its page."""
    module, _, name = KINDS[kind_of(directory)].partition(":")
    page: Path = getattr(import_module(module), name)(directory)
    return page
