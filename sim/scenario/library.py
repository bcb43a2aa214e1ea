"""The library of scenarios that comes with keystorm."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import sim
from sim.scenario.yaml_lines import read


@dataclass(frozen=True)
class Entry:
    """A scenario of the library: its name, the question that it answers, and its file."""

    name: str
    question: str
    path: Path


def folder() -> Path:
    """Where the library is: inside the installed package, or in a checkout beside it."""
    package = Path(sim.__file__).parent
    installed = package / "_scenarios"
    return installed if installed.is_dir() else package.parent / "scenarios"


def names() -> tuple[str, ...]:
    """The names of the library's scenarios, sorted."""
    return tuple(sorted(path.stem for path in folder().glob("*.yaml")))


def find(name: str) -> Path | None:
    """The file of a scenario of the library; None when there is none of this name."""
    return folder() / f"{name}.yaml" if name in names() else None


def entries() -> tuple[Entry, ...]:
    """Every scenario of the library with its question."""
    return tuple(_entry(folder() / f"{name}.yaml") for name in names())


def _entry(path: Path) -> Entry:
    document = read(path.read_text("utf-8"), path.name)
    return Entry(path.stem, " ".join(str(document.data.get("question", "")).split()), path)


def starter() -> str:
    """The commented scenario that ``keystorm init`` writes."""
    return files("sim.scenario").joinpath("starter.yaml").read_text("utf-8")
