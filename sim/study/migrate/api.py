"""The study from Python: ``from sim import migrate``."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sim.results.folder import usable
from sim.scenario.loader import Loaded
from sim.study.api import command_line
from sim.study.api import given as overridden
from sim.study.importing.options import shown_command
from sim.study.manifest import manifest
from sim.study.migrate.migrate import migrate as _migrate
from sim.study.migrate.options import Options
from sim.study.migrate.source import Assumed, Given, given
from sim.study.progress import Progress, Silent
from sim.study.result import Result

__all__ = ["Assumed", "Options", "migrate"]


def migrate(
    source: Loaded | str | Path,
    *,
    seed: int | None = None,
    replications: int | None = None,
    options: Options | None = None,
    assumed: Assumed | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Result:
    """Plan a migration off a shared key and run every step of it on the traffic of ``source``.

    ``source``: what :func:`sim.load` gave, a scenario (path or library name) or a log (raw, or the folder of an
    import); ``assumed`` is what a log does not say. Nothing is kept unless ``out`` names a folder: settings of the
    steps stand only there, and :meth:`Result.write` writes them nowhere. ``missed`` are the scenario's objectives that
    are missed after the last step. Raises BadScenario, BadInput and RunInvalid.
    """
    chosen = options or Options()
    folder = chosen.out if out is None else usable(Path(out))
    command = chosen.command or command_line("migrate", source, seed=seed, replications=replications)
    chosen = replace(chosen, out=folder, command=shown_command(command))
    with tempfile.TemporaryDirectory(prefix="keystorm-") as scratch:
        overrides = overridden(seed=seed, replications=replications)
        found = _given(source, folder or Path(scratch), overrides, assumed or Assumed(), progress or Silent())
        study = _migrate(found, chosen, progress or Silent())
        told = manifest(found.loaded, kind="migrate", engine=chosen.engine, command=chosen.command)
    return Result("migrate", study.summary, told, study.missed, study.directory)


def _given(
    source: Loaded | str | Path, out: Path, overrides: Mapping[str, object], assumed: Assumed, progress: Progress
) -> Given:
    if isinstance(source, Loaded):
        return Given(source, "scenario")
    return given(str(source), out, overrides=overrides, assumed=assumed, progress=progress)
