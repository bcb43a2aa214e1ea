"""Which directories a command reads a result from, and writes one to."""

from __future__ import annotations

from pathlib import Path

from sim.errors import BadInput
from sim.results.folder import is_result, usable

__all__ = ["finished", "is_result", "usable"]


def finished(directory: Path) -> Path:
    """``directory`` itself, or BadInput when it holds no result that can be rendered."""
    if is_result(directory):
        return directory
    problem = "holds no keystorm result" if directory.is_dir() else "no such directory"
    hint = "a directory that `keystorm compare` or `keystorm run` wrote"
    raise BadInput(problem, place="report", value=str(directory), hint=hint)
