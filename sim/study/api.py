"""The same as the command, from Python: :func:`load`, :func:`compare`, :func:`run`.

They read a scenario (a path or a library name), call the engines, and give back a
:class:`~sim.study.compare.Study` whose ``summary`` is what ``summary.json`` holds. Nothing is
written unless ``out`` names a directory.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sim.scenario.loader import Loaded, load
from sim.study.compare import Options, Study
from sim.study.compare import compare as _compare
from sim.study.progress import Progress, Silent

__all__ = ["Loaded", "Options", "Study", "compare", "load", "run"]


def _loaded(source: Loaded | str | Path, seed: int | None, replications: int | None) -> Loaded:
    if isinstance(source, Loaded):
        return source
    return load(source, overrides=given(seed=seed, replications=replications))


def given(**values: object) -> Mapping[str, object]:
    """The arguments that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def compare(
    source: Loaded | str | Path,
    *,
    seed: int | None = None,
    replications: int | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Study:
    """Run every configuration of a scenario on the same draws.

    ``source`` is what :func:`load` gave, or a path or library name; only then do ``seed`` and
    ``replications`` replace what the file says. Raises BadScenario, BadInput and RunInvalid.
    """
    return _compare(_loaded(source, seed, replications), options or Options(), progress or Silent())


def run(
    source: Loaded | str | Path,
    configuration: str | None = None,
    *,
    seed: int | None = None,
    replications: int | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Study:
    """Run one configuration, the first in the file by default. Otherwise as :func:`compare`."""
    from dataclasses import replace

    loaded = _loaded(source, seed, replications)
    name = configuration or next(iter(loaded.scenario.configurations))
    only = replace(options or Options(), configurations=(name,))
    return _compare(loaded, only, progress or Silent())
