"""Words to the user: messages on standard error, data on standard output, colour on terminals only."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sim.report.console import wants_colour
from sim.study.progress import visible

_RED, _YELLOW, _BOLD, _PLAIN = "\033[1;31m", "\033[33m", "\033[1m", "\033[0m"


def _painted(text: str, colour: str) -> str:
    return f"{colour}{text}{_PLAIN}" if wants_colour(sys.stderr) else text


def error(text: str) -> None:
    """An error: what happened, where, and what would be right."""
    _say(_painted("keystorm: error: ", _RED) + visible(text))


def warning(text: str) -> None:
    """Something that is not an error and should not be missed."""
    _say(_painted("keystorm: ", _YELLOW) + visible(text))


def message(text: str) -> None:
    """A plain sentence."""
    _say(visible(text))


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def data(text: str) -> None:
    """What the user asked for, on standard output, with one line end."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def result(
    args: argparse.Namespace,
    summary: Any,
    words: Callable[[Any], str],
    directory: Path | None,
    caution: str = "",
    files: tuple[tuple[str, str], ...] = (("report", "report.html"),),
) -> None:
    """What a study found: ``--json`` as it is, otherwise in ``words``; then a ``caution``, and where its files are."""
    if args.json:
        data(json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False))
    if args.quiet:
        return
    if not args.json:
        data(words(summary))
    if caution:
        warning(caution)
    if directory is not None:
        for what, name in files:
            message(f"{what}: {directory / name}")


def missed_text(count: int, what: str, code: int) -> str:
    """``2 objectives are missed …: exit code 99``; empty for none."""
    said = "1 objective is" if count == 1 else f"{count} objectives are"
    return f"{said} {what}: exit code {code}" if count else ""


def tolerate_any_text() -> None:
    """Let the standard streams write any character, escaped where their encoding lacks it."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
