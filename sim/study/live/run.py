"""A live run from options to a folder: aim, send, measure as a simulation is measured, write, report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.engine.digest import digest
from sim.engine.world import Setting
from sim.errors import BadInput
from sim.live.cores import parted
from sim.live.order import LiveOrder
from sim.live.target import check_owned, parse, variables
from sim.study.live.emulator import emulator
from sim.study.live.limits import beyond_reach, expected_of, secrets_of, without_unreachable
from sim.study.live.options import Options, check
from sim.study.naming import working_folder
from sim.study.runs import settings_of

if TYPE_CHECKING:
    from sim.live.outcome import LiveOutcome
    from sim.live.preflight import Preflight
    from sim.scenario.loader import Loaded
    from sim.study.progress import Progress

Send = Callable[[LiveOrder, Path, Mapping[str, str], Any], "LiveOutcome"]
"""What sends a plan: :func:`sim.live.run.run_live`."""


@dataclass(frozen=True)
class Live:
    """What a live run found, and whether it says anything."""

    summary: dict[str, Any]
    missed: list[dict[str, Any]]
    directory: Path
    outcome: LiveOutcome

    @property
    def invalid(self) -> list[str]:
        """Why the run says nothing, in sentences; empty for a valid one."""
        return list(self.summary["live"]["invalid"])


@dataclass(frozen=True)
class Aim:
    """Where a run goes, and what was found there."""

    order: LiveOrder
    environment: Mapping[str, str]
    preflight: Preflight | None
    notes: tuple[str, ...]


def live(
    loaded: Loaded, options: Options, environment: Mapping[str, str], progress: Progress, send: Send | None = None
) -> Live:
    """Send one configuration's plan and write what came of it into ``options.out``.

    ``loaded`` has one replication. Secrets are read from ``environment``. Raises BadInput for what is wrong before
    anything is sent, RunInvalid when the run did not come to an end.
    """
    check(options)
    setting = settings_of(loaded, (options.configuration,))[0]
    with working_folder(options.out) as work:
        with aimed(loaded, setting, options, environment, work, progress) as aim:
            outcome = sent(aim, work, progress, send)
        shown = loaded if options.target is None else without_unreachable(loaded)
        return finish(shown, setting, options, aim, outcome, progress)


def sent(aim: Aim, folder: Path, progress: Progress, send: Send | None = None) -> LiveOutcome:
    """Do the run itself; its files go into ``folder``."""
    if send is None:
        from sim.live.run import run_live

        send = run_live
    folder.mkdir(parents=True, exist_ok=True)
    return send(aim.order, folder, aim.environment, _Told(progress))


class _Told:
    """Hands on how far a run is."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._done, self._started = progress, 0, False

    def __call__(self, done: int, planned: int, note: str) -> None:
        """So many of the planned requests have started."""
        if not self._started and planned:
            self._progress.start("sending", planned)
            self._started = True
        if note:
            self._progress.note(note)
        if self._started and done > self._done:
            self._progress.advance(done - self._done)
            self._done = done


@contextmanager
def aimed(
    loaded: Loaded, setting: Setting, options: Options, environment: Mapping[str, str], work: Path, progress: Progress
) -> Iterator[Aim]:
    """The order, with a target that is ready to be sent to; an emulator of our own lives as long as the block."""
    order = LiveOrder(
        scenario=str(loaded.path.resolve()), scenario_sha256=loaded.sha256, configuration=setting.name, base_url="",
        api=options.api, seed=options.seed, speed=str(options.speed), workers=options.workers, stream=options.stream,
        models=dict(options.models), skip_bad_rows=options.skip_bad_rows, max_requests=options.max_requests,
        max_spend_usd=options.max_spend_usd,
    )  # fmt: skip
    if options.target is not None:
        yield _at_target(loaded, setting, options, environment, order, progress)
        return
    progress.start("starting the emulator", 1)
    with emulator(order.scenario, setting.name, work / "emulator", speed=options.speed, port=options.port,
                  skip_bad_rows=options.skip_bad_rows, cores=parted(options.workers).answering) as served:  # fmt: skip
        progress.advance()
        named = variables(setting.keys)
        base = served.url if options.api == "anthropic" else f"{served.url}/v1"
        order = replace(order, base_url=base, control_url=served.url, secrets=named)
        secrets = {name: served.secrets[key] for key, name in named.items()}
        yield Aim(order, {**environment, **secrets}, None, ())


def _at_target(
    loaded: Loaded, setting: Setting, options: Options, environment: Mapping[str, str], order: LiveOrder,
    progress: Progress,
) -> Aim:  # fmt: skip
    """A real target: ours to load, with a key for everybody, and reachable. Raises BadInput."""
    from sim.live import preflight

    target = parse(options.target or "", options.api)
    check_owned(target, options.owned)
    named = secrets_of(setting, environment)
    progress.start("checking the target", 1)
    expected = expected_of(setting)
    if options.models:
        known = {key: tuple(options.models.get(one, one) for one in want.models) for key, want in expected.items()}
        expected = {key: replace(want, models=known[key]) for key, want in expected.items()}
    found = preflight.check(target, named, environment, expected)
    progress.advance()
    for line in preflight.lines(found):
        progress.note(line)
    if found.problems:
        hint = "nothing was sent; keys are read from the environment, see docs/live.md"
        raise BadInput("the target is not ready: " + "; ".join(found.problems), place="--target",
                       value=target.base_url, hint=hint)  # fmt: skip
    notes = beyond_reach(loaded)
    for note in notes:
        progress.note(note)
    order = replace(order, base_url=target.base_url, secrets=named, plan_header=False, control_url=None)
    return Aim(order, environment, found, tuple(notes))


def finish(
    loaded: Loaded, setting: Setting, options: Options, aim: Aim, outcome: LiveOutcome, progress: Progress
) -> Live:  # fmt: skip
    """Measure the tables as those of a simulation, and write the folder."""
    from sim.metrics.summary import summarise
    from sim.study import compare
    from sim.study.live.files import told, write

    progress.start("measuring and drawing", 1)
    checks = (len(outcome.requests), len(outcome.requests), digest(outcome.result))
    context = compare.context_of(loaded, [setting], compare.Options(engine="live"), checks)
    summary = summarise(outcome.requests, outcome.attempts, None, context)
    summary["live"] = told(aim, outcome, options)
    write(options, loaded, outcome, summary)
    progress.advance()
    return Live(summary, compare.missed_of(summary, None), options.out, outcome)
