"""A comparison that keeps no rows: plans stream through the compiled loop, tallies are all that stays.

Memory holds a chunk of the plan and what is under way, whatever the duration. Every so often the
whole state is written to a checkpoint beside the result; the same command goes on from there.
"""

from __future__ import annotations

import hashlib
import pickle
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sim import __version__
from sim.engine.digest import combined
from sim.engine.kernel_source import COUNTING, is_warm, kernel_name
from sim.engine.stream import Nowhere, StreamRun
from sim.engine.tally_tables import fresh_tallies
from sim.engine.world import Setting
from sim.errors import RunInvalid
from sim.metrics.context import Context
from sim.metrics.tallied import Reading, read, reported
from sim.scenario.plan_stream import PlanStream
from sim.study.runs import agree, checked_run, settings_of, smallest

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded
    from sim.scenario.schema import Scenario
    from sim.study.pool import Pool
    from sim.study.progress import Progress

CHECKPOINT = ".checkpoint.pickle"
EVERY_S = 20.0
"""Seconds between checkpoints."""
CHECKED_REQUESTS = 10_000


@dataclass(frozen=True)
class Ended:
    """What is kept of one configuration's run on one replication."""

    name: str
    digest: str
    planned: int
    reported: int
    reading: Reading


@dataclass
class Streamed:
    """How far a streaming study is, and all that it knows. This is what a checkpoint holds."""

    identity: str
    replication: int = 0
    plan: PlanStream | None = None
    runs: list[StreamRun] = field(default_factory=list)
    readings: dict[str, list[Reading]] = field(default_factory=dict)
    digests: list[str] = field(default_factory=list)
    planned: int = 0
    reported: int = 0

    @property
    def digest(self) -> str:
        """The digest of all runs so far, in the order of a study that keeps rows."""
        return combined(self.digests)

    def take(self, parts: Sequence[Ended]) -> None:
        """A replication is over: what its runs leave, in the order of the configurations."""
        for part in parts:
            self.digests.append(part.digest)
            self.planned += part.planned
            self.reported += part.reported
            self.readings[part.name].append(part.reading)
        self.plan, self.runs = None, []
        self.replication += 1

    @property
    def handled(self) -> int:
        """Requests that went through some configuration so far."""
        return self.planned + sum(run.requests for run in self.runs)


def identity_of(loaded: Loaded, settings: Sequence[Setting]) -> str:
    """What must be equal for a checkpoint to be gone on from: scenario, seed, configurations, code."""
    scenario = loaded.scenario
    names = [setting.name for setting in settings]
    said = [scenario.model_dump_json(by_alias=True), loaded.sha256, names, kernel_name(), __version__]
    return hashlib.sha256(repr(said).encode()).hexdigest()


class Checkpoints:
    """Where the state of a study is written, and when. ``clock`` gives seconds."""

    def __init__(self, folder: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = None if folder is None else folder / CHECKPOINT
        self._clock = clock
        self._next = clock() + EVERY_S

    def load(self, identity: str) -> Streamed | None:
        """The state of an interrupted run of the very same study, if there is one."""
        if self.path is None or not self.path.exists():
            return None
        head, _, body = self.path.read_bytes().partition(b"\n")
        if head.decode() != identity:
            return None
        state: Streamed = pickle.loads(body)
        return state

    def save(self, state: Streamed, *, now: bool = False) -> None:
        """Write the state when it is time, under a temporary name first."""
        if self.path is None or (not now and self._clock() < self._next):
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        partial.write_bytes(state.identity.encode() + b"\n" + pickle.dumps(state, pickle.HIGHEST_PROTOCOL))
        partial.replace(self.path)
        self._next = self._clock() + EVERY_S

    def clear(self) -> None:
        """The study is done."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def stream(
    loaded: Loaded,
    settings: Sequence[Setting],
    context: Context,
    progress: Progress,
    checkpoints: Checkpoints,
    pool: Pool | None = None,
) -> Streamed:
    """Run every replication through every configuration, from the last checkpoint on if there is one.

    With a ``pool``, replications are spread over its workers, and checkpoints stand between them.
    ``context`` is what readings need of the scenario; its counts are not looked at. Raises
    RunInvalid when fewer requests are told of than were planned.
    """
    identity = identity_of(loaded, settings)
    if not is_warm(COUNTING):
        progress.note("compiling what counts once; later runs start at once")
        _compile_counting()
    state = checkpoints.load(identity)
    if state is None:
        state = Streamed(identity, readings={setting.name: [] for setting in settings})
    else:
        progress.note(f"going on from a checkpoint: {state.handled:,} requests are done")
    _announce(state, loaded, settings, progress)
    if pool is not None:
        from sim.study.spreading import Streams, spread

        spread(state, Streams.of(loaded, settings, context), pool, progress, checkpoints)
    while state.replication < loaded.scenario.replications:
        _replication(state, loaded, settings, progress, checkpoints)
        state.take([ended(run, context, state.replication) for run in state.runs])
        checkpoints.save(state)
    return state


def _compile_counting() -> None:
    """Make the machine code here, before many workers would each make it."""
    loaded = smallest()
    (run,) = fresh_runs(loaded.scenario, settings_of(loaded, None))
    for chunk in PlanStream(loaded.scenario, 0, {}):
        run.feed(chunk, run.horizon_ns, Nowhere())
    run.end(Nowhere())


def _announce(state: Streamed, loaded: Loaded, settings: Sequence[Setting], progress: Progress) -> None:
    expected = PlanStream(loaded.scenario, 0, loaded.traces).expected_total
    progress.start("streaming", round(expected * len(settings) * loaded.scenario.replications))
    progress.advance(state.handled)


def _replication(
    state: Streamed, loaded: Loaded, settings: Sequence[Setting], progress: Progress, checkpoints: Checkpoints
) -> None:
    """Feed one replication's chunks to all configurations at once; each has a thread of its own."""
    scenario = loaded.scenario
    if state.plan is None:
        state.plan = PlanStream(scenario, state.replication, loaded.traces)
        state.runs = fresh_runs(scenario, settings)
    with ThreadPoolExecutor(len(settings)) as pool:
        for chunk in state.plan:
            until = state.plan.reached_ns
            list(pool.map(lambda run, chunk=chunk, until=until: run.feed(chunk, until, Nowhere()), state.runs))
            progress.advance(len(chunk) * len(settings))
            checkpoints.save(state)


def fresh_runs(scenario: Scenario, settings: Sequence[Setting]) -> list[StreamRun]:
    """A replication's runs before anything is fed to them."""
    duration, horizon = scenario.duration, scenario.duration + scenario.drain
    return [StreamRun(setting, duration, horizon, 0, fresh_tallies(scenario, setting)) for setting in settings]


def ended(run: StreamRun, context: Context, replication: int) -> Ended:
    """Close a run that all chunks were fed to. Raises RunInvalid when it tells of fewer requests than were planned."""
    digest, name = run.end(Nowhere()), run.setting.name
    tallies = run.tallies
    assert tallies is not None, "the runs of a study count"
    told = reported(tallies)
    if told != run.requests:
        raise RunInvalid(f"{name}, replication {replication}: {run.requests:,} requests planned, {told:,} reported")
    return Ended(name, digest, run.requests, told, read(tallies, context, name))


def check_start(loaded: Loaded, settings: Sequence[Setting], progress: Progress) -> None:
    """Repeat the beginning of the first replication in SimPy. Raises RunInvalid when engines disagree."""
    beginning = next(PlanStream(loaded.scenario, 0, loaded.traces, chunk_rows=CHECKED_REQUESTS))
    progress.start("checking the beginning against the simpy engine", len(settings))
    for setting in settings:
        agree(checked_run("compiled", setting, beginning, 0), "simpy")
        progress.advance()
