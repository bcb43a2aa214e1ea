"""The study from Python: ``from sim import migrate``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sim.scenario.loader import Loaded
from sim.study.api import given as overridden
from sim.study.migrate.migrate import Study
from sim.study.migrate.migrate import migrate as _migrate
from sim.study.migrate.options import Options
from sim.study.migrate.source import Assumed, Given, given
from sim.study.progress import Progress, Silent

__all__ = ["Assumed", "Options", "Study", "migrate"]


def migrate(
    source: Loaded | str | Path,
    *,
    seed: int | None = None,
    replications: int | None = None,
    options: Options | None = None,
    assumed: Assumed | None = None,
    progress: Progress | None = None,
) -> Study:
    """Plan a migration off a shared key and run every step of it on the traffic of ``source``.

    ``source``: what :func:`sim.load` gave, a scenario (path or library name) or a log (raw, or the folder of an
    import); ``assumed`` is what a log does not say. Nothing is kept unless ``options.out`` names a directory.
    Raises BadScenario, BadInput and RunInvalid.
    """
    chosen, speaking = options or Options(), progress or Silent()
    if isinstance(source, Loaded):
        return _migrate(Given(source, "scenario"), chosen, speaking)
    overrides = overridden(seed=seed, replications=replications)
    with tempfile.TemporaryDirectory(prefix="keystorm-") as scratch:
        out = chosen.out or Path(scratch)
        found = given(str(source), out, overrides=overrides, assumed=assumed or Assumed(), progress=speaking)
        return _migrate(found, chosen, speaking)
