"""``keystorm scenarios``: the library, each with the question that it answers."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from sim.cli import console

if TYPE_CHECKING:
    from sim.scenario.library import Entry

NAME = "scenarios"
HELP = "list the scenarios that come with keystorm, each with its question"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--json", action="store_true", help="as JSON, for scripts")


def call(args: argparse.Namespace) -> int:
    """List them; the exit code."""
    from sim.scenario.library import entries

    rows = entries()
    if args.json:
        data = [{**vars(row), "path": str(row.path), "requests": round(row.requests)} for row in rows]
        console.data(json.dumps(data, indent=2, ensure_ascii=False))
        return 0
    width = max(len(row.name) for row in rows)
    console.data("\n".join(f"{row.name:<{width}}  {row.question}{_size(row)}" for row in rows))
    console.message("\nrun one: keystorm compare NAME")
    return 0


def _size(entry: Entry) -> str:
    """A warning where a run takes long."""
    return f" (long: {entry.requests:,.0f} requests a replication)" if entry.long else ""
