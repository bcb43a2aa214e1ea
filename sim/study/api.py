"""The same as the command, from Python: :func:`load`, :func:`compare`, :func:`run`, :func:`fit`.

They read a scenario (a path or a library name), call the engines, and give back a
:class:`~sim.study.compare.Study` whose ``summary`` is what ``summary.json`` holds. Nothing is
written unless ``out`` names a directory.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sim.scenario.loader import Loaded, load
from sim.study.compare import Options, Study
from sim.study.compare import compare as _compare
from sim.study.progress import Progress, Silent

if TYPE_CHECKING:
    from sim.study.fitting.log import Log
    from sim.study.fitting.run import InForce
    from sim.study.fitting.run import Study as FitStudy
    from sim.study.fitting.types import Options as FitOptions

__all__ = ["Loaded", "Options", "Study", "compare", "fit", "load", "run"]


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


def fit(
    log: Log | str | Path,
    *,
    options: FitOptions | None = None,
    known: InForce | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
) -> FitStudy:
    """Fit a described scenario to a log, and compare with its history where it has one.

    ``log`` is what :func:`sim.study.fitting.log.read_log` gave, a folder that ``keystorm import``
    wrote, or any file that it reads. ``known`` is the arrangement of keys that was in force. Raises
    BadInput where there is nothing to fit.
    """
    from sim.study.fitting import run as fitting
    from sim.study.fitting.log import Log as InMemory
    from sim.study.fitting.types import Options as Chosen
    from sim.study.importing.options import Options as Reading

    chosen, shown = options or Chosen(), progress or Silent()
    if isinstance(log, InMemory):
        return fitting.fit(log, chosen, shown, out=out, known=known)
    with fitting.opened(str(log), Reading(), shown) as opened:
        return fitting.fit(opened, chosen, shown, out=out, known=known)
