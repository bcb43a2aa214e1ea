"""Which directories a command reads a result from, and writes one to."""

from __future__ import annotations

import re
from pathlib import Path

from sim.errors import BadInput
from sim.results.folder import is_result, usable

__all__ = ["finished", "is_result", "slug", "usable"]


def finished(directory: Path) -> Path:
    """``directory`` itself, or BadInput when it holds no result that can be rendered."""
    if is_result(directory):
        return directory
    problem = "holds no keystorm result" if directory.is_dir() else "no such directory"
    hint = "a directory that `keystorm compare` or `keystorm run` wrote"
    raise BadInput(problem, place="report", value=str(directory), hint=hint)


def slug(name: str) -> str:
    """A name that is safe as one part of a path: ``a/b: c`` becomes ``a-b-c``."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "configuration"
