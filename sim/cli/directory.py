"""Which directories a result may go to: new, empty, or holding an earlier result of keystorm."""

from __future__ import annotations

import json
import re
from pathlib import Path

from sim.errors import BadInput

MANIFEST = "manifest.json"
_IGNORED = re.compile(r"^\.")


def is_result(directory: Path) -> bool:
    """Whether keystorm wrote this directory: it has a manifest that says so."""
    try:
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and "keystorm" in manifest


def usable(directory: Path) -> Path:
    """``directory`` itself, or BadInput when writing a result there could destroy something else.

    Hidden files do not count: a result interrupted earlier may have left its partial files.
    """
    if not directory.exists():
        return directory
    if not directory.is_dir():
        raise BadInput("is a file, not a directory", place="--out", value=str(directory), hint="name a directory")
    if is_result(directory) or all(_IGNORED.match(entry.name) for entry in directory.iterdir()):
        return directory
    raise BadInput(
        "the directory is not empty and holds no keystorm result",
        place="--out",
        value=str(directory),
        hint="name a new directory, or empty this one yourself",
    )


def finished(directory: Path) -> Path:
    """``directory`` itself, or BadInput when it holds no result that can be rendered."""
    if is_result(directory):
        return directory
    problem = "holds no keystorm result" if directory.is_dir() else "no such directory"
    hint = "a directory that `keystorm compare` or `keystorm run` wrote"
    raise BadInput(problem, place="report", value=str(directory), hint=hint)
