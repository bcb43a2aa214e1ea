"""Run one plan in the simulator and over HTTP, and compare what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.engine.frames import attempt_frame, request_frame
from sim.scenario.plan import build_plan
from sim.study.live import options as live_options
from sim.study.live.files import invalid
from sim.study.live.run import Send, aimed, sent
from sim.study.naming import slug, working_folder
from sim.study.runs import Run, agree, checked_run, compile_once, labels_of, names_of, settings_of
from sim.study.validate.agree import compare
from sim.study.validate.boundary import analyse
from sim.study.validate.compress import Slice, slice_of
from sim.study.validate.options import Compared, Options, Validation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from sim.scenario.loader import Loaded
    from sim.study.progress import Progress


def validate(
    loaded: Loaded, options: Options, environment: Mapping[str, str], progress: Progress, send: Send | None = None
) -> Validation:
    """Compare both worlds in each configuration, one after the other, and write what came of it.

    Raises BadInput or BadScenario for what can't be validated, RunInvalid where a run did not come to an end.
    """
    from sim.study.validate.files import write

    live_options.installed(serving=True)
    names = options.configurations or (next(iter(loaded.scenario.configurations)),)
    settings_of(loaded, names)  # every name is checked before the first is run
    with working_folder(options.out) as work:
        slices = [_sliced(loaded, name, options, work) for name in names]
        found = [_compared(part, name, options, environment, progress, work, send)
                 for part, name in zip(slices, names, strict=True)]  # fmt: skip
        progress.start("comparing and drawing", 1)
        told = write(options, loaded, found)
        progress.advance()
        return told


def _sliced(loaded: Loaded, name: str, options: Options, work: Path) -> Slice:
    path = work / f"slice-{slug(name)}.yaml"
    part = slice_of(loaded, name, options.wall_ns, options.speed, path)
    path.write_text(part.text, "utf-8")
    return part


def _compared(
    part: Slice, name: str, options: Options, environment: Mapping[str, str], progress: Progress, work: Path,
    send: Send | None,
) -> Compared:  # fmt: skip
    """One configuration: simulated, checked in a second engine, sent, compared, explained."""
    for note in part.notes:
        progress.note(note)
    setting = settings_of(part.loaded, (name,))[0]
    plan = build_plan(part.loaded.scenario, 0, part.loaded.traces)
    compile_once("compiled", progress)
    progress.start(f"simulating {name}", 1)
    run = checked_run("compiled", setting, plan, 0)
    agree(run, "simpy")
    simulated = _frames(run)
    progress.advance()
    asked = live_options.Options(
        name, options.out, api=options.api, speed=options.speed, workers=options.workers, command=options.command
    )
    folder = work / slug(name)
    with aimed(part.loaded, setting, asked, environment, folder, progress) as aim:
        outcome = sent(aim, folder, progress, send)
    live = (outcome.requests, outcome.attempts)
    agreement = compare(simulated, live, options.tolerances)
    analysis = analyse(
        setting, plan, run.result, outcome.result, agreement.differing, float(options.speed), outcome.refusers
    )
    return Compared(name, part, simulated, outcome, agreement, analysis, run.digest, tuple(invalid(outcome)))


def _frames(run: Run) -> tuple[pd.DataFrame, pd.DataFrame]:
    names = names_of([run.setting])
    labels = labels_of(run.setting, run.replication, names)
    return request_frame(run.result, labels, names), attempt_frame(run.result, labels, names)
