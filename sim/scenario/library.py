"""The library of scenarios that comes with keystorm."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import sim


@dataclass(frozen=True)
class Entry:
    """A scenario of the library: its name, the question that it answers, and its file.

    ``requests`` is how many a replication sends on average. It is ``long`` when they do not stand in
    memory at once, so that its runs are streamed.
    """

    name: str
    question: str
    path: Path
    requests: float
    long: bool


def folder() -> Path:
    """Where the library is: inside the installed package, or in a checkout beside it."""
    package = Path(sim.__file__).parent
    installed = package / "_scenarios"
    return installed if installed.is_dir() else package.parent / "scenarios"


def names(*, long: bool | None = None) -> tuple[str, ...]:
    """The names of the library's scenarios, sorted: all of them, only the long ones, or only the others."""
    found = tuple(sorted(path.stem for path in folder().glob("*.yaml")))
    return found if long is None else tuple(entry.name for entry in map(_entry, found) if entry.long is long)


def find(name: str) -> Path | None:
    """The file of a scenario of the library; None when there is none of this name."""
    return folder() / f"{name}.yaml" if name in names() else None


def entries() -> tuple[Entry, ...]:
    """Every scenario of the library with its question and its size."""
    return tuple(map(_entry, names()))


def _entry(name: str) -> Entry:
    from sim.scenario.loader import load  # which looks names up here
    from sim.scenario.plan import expected_requests, requires_streaming

    loaded = load(folder() / f"{name}.yaml")
    question = " ".join(loaded.scenario.question.split())
    requests = expected_requests(loaded.scenario, loaded.traces)
    return Entry(name, question, loaded.path, requests, requires_streaming(loaded))


def starter() -> str:
    """The commented scenario that ``keystorm init`` writes."""
    return files("sim.scenario").joinpath("starter.yaml").read_text("utf-8")
