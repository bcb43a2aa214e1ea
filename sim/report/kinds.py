"""Which renderer writes the report of which kind of study: one line here for each kind.

A renderer takes the folder of a finished study, writes its report there from what is in the folder,
runs nothing, and returns the path of the page. It is imported when it is needed. Beside it in the same
module stands ``document(summary, manifest)``, the report before it is written, and where the summary is
not ``summary.json`` its name as ``FILE``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from sim.errors import BadInput
from sim.report.document import Document

KINDS = {
    "compare": "sim.report.render:render",
    "capacity": "sim.report.capacity_report:render",
    "import": "sim.report.import_report:render",
    "fit": "sim.report.fit_report:render",
    "tune": "sim.report.tune_report:render",
    "cost": "sim.report.cost_report:render",
    "live": "sim.report.live_report:render",
    "validate": "sim.report.validate_report:render",
    "gateway": "sim.report.gateway_report:render",
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


def _module(kind: str) -> Any:
    return import_module(KINDS[kind].partition(":")[0])


def summary_file(kind: str) -> str:
    """The name of the file with every number of a study of this kind."""
    return str(getattr(_module(kind), "FILE", "summary.json"))


def document(kind: str, summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> Document:
    """The report of a study that may never have been written to a folder."""
    found: Document = _module(kind).document(summary, manifest)
    return found


def render(directory: Path) -> Path:
    """Write the report of whatever study ``directory`` holds again; the path of its page."""
    kind = kind_of(directory)
    page: Path = getattr(_module(kind), KINDS[kind].partition(":")[2])(directory)
    return page
