"""A comparison in bounded memory: plans stream through the compiled loop, tallies are all that stays in memory.

Memory holds a chunk of the plan and what is under way, whatever the duration. Rows, if they are kept, are
written as the run goes on. Every so often the whole state is written to a checkpoint beside the result;
the same command goes on from there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sim import __version__
from sim.engine.digest import combined
from sim.engine.kernel_source import COUNTING, cache_root, is_warm, kernel_name
from sim.engine.stream import Nowhere, StreamRun
from sim.engine.tally_tables import fresh_tallies
from sim.engine.world import Setting
from sim.errors import RunInvalid
from sim.metrics.context import Context
from sim.metrics.tallied import Reading, read, reported
from sim.scenario.plan import Plan
from sim.scenario.plan_stream import PlanStream
from sim.study.checkpoints import Checkpoints, asked_to_stop
from sim.study.kept_rows import KeptRows, NoRows
from sim.study.runs import agree, checked_run, settings_of, smallest

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded
    from sim.scenario.schema import Scenario
    from sim.study.pool import Pool
    from sim.study.progress import Progress

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
    drawn: tuple[Plan, int] | None = None
    """The chunk that comes next, drawn while the one before went through the runs."""
    runs: list[StreamRun] = field(default_factory=list)
    readings: dict[str, list[Reading]] = field(default_factory=dict)
    digests: list[str] = field(default_factory=list)
    planned: int = 0
    reported: int = 0
    parts: int = 0
    """Parts of the tables of rows that are whole and on the disk."""

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
        self.plan, self.drawn, self.runs = None, None, []
        self.replication += 1

    @property
    def handled(self) -> int:
        """Requests that went through some configuration so far."""
        return self.planned + sum(run.requests for run in self.runs)


def identity_of(loaded: Loaded, settings: Sequence[Setting], rows: str) -> str:
    """What must be equal for a checkpoint to be gone on from: scenario, seed, configurations, rows kept, code."""
    scenario = loaded.scenario
    names = [setting.name for setting in settings]
    said = [scenario.model_dump_json(by_alias=True), loaded.sha256, names, rows, kernel_name(), __version__]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def stream(
    loaded: Loaded,
    settings: Sequence[Setting],
    context: Context,
    progress: Progress,
    checkpoints: Checkpoints,
    pool: Pool | None = None,
    rows: str = "none",
) -> tuple[Streamed, KeptRows | NoRows]:
    """Run every replication through every configuration, from the last checkpoint on if there is one.

    With a ``pool``, replications are spread over its workers, and checkpoints stand between them; then no
    rows are kept. ``context`` is what readings need of the scenario; its counts are not looked at. Gives
    what was found, and the rows that were written and are yet to be put in place. Raises RunInvalid when
    fewer requests are told of than were planned.
    """
    if not is_warm(COUNTING):
        progress.note(f"compiling what counts once, into {cache_root()}; later runs start at once")
        _compile_counting()
    state = _begun(checkpoints, identity_of(loaded, settings, rows), settings, rows, progress)
    _announce(state, loaded, settings, progress)
    if pool is not None:
        from sim.study.spreading import Streams, spread

        spread(state, Streams.of(loaded, settings, context), pool, progress, checkpoints)
    kept: KeptRows | NoRows = NoRows()
    if rows != "none":
        assert checkpoints.folder is not None, "rows need a place"
        kept = KeptRows(checkpoints.folder, state.identity, settings, rows, state.parts)
    try:
        _all_replications(state, loaded, settings, context, progress, checkpoints, kept)
    except BaseException:
        kept.drop()
        raise
    return state, kept


def _begun(
    checkpoints: Checkpoints, identity: str, settings: Sequence[Setting], rows: str, progress: Progress
) -> Streamed:
    """The state of an interrupted run of the very same study, or a fresh one."""
    state: Streamed | None = checkpoints.load(identity)
    if state is not None and state.parts and not checkpoints.has_rows(state.parts, attempts=rows == "attempts"):
        progress.note("the rows beside the checkpoint are gone: beginning anew")
        state = None
    if state is None:
        return Streamed(identity, readings={setting.name: [] for setting in settings})
    progress.note(f"going on from a checkpoint: {state.handled:,} requests are done")
    return state


def _all_replications(
    state: Streamed, loaded: Loaded, settings: Sequence[Setting], context: Context,
    progress: Progress, checkpoints: Checkpoints, kept: KeptRows | NoRows,
) -> None:  # fmt: skip
    def keep(now: bool = False) -> None:
        if now or checkpoints.due():
            state.parts = kept.mark()
            checkpoints.save(state)

    while state.replication < loaded.scenario.replications:
        sinks = kept.begin(settings, state.replication)
        with asked_to_stop(checkpoints.folder is not None) as stop:
            for count in _chunks(state, loaded, settings, sinks):
                kept.write()
                progress.advance(count)
                keep(now=stop.is_set())
                if stop.is_set():
                    progress.note(f"interrupted after {state.handled:,} requests: the same command goes on from there")
                    raise KeyboardInterrupt
        state.take([ended(run, context, state.replication, sink) for run, sink in zip(state.runs, sinks, strict=True)])
        kept.write()
        keep()
    keep(now=True)


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


def _chunks(state: Streamed, loaded: Loaded, settings: Sequence[Setting], sinks: Sequence[Any]) -> Iterator[int]:
    """Feed one replication's chunks to all configurations at once, each in a thread of its own; requests in each."""
    scenario = loaded.scenario
    if state.plan is None:
        state.plan = PlanStream(scenario, state.replication, loaded.traces)
        state.runs = fresh_runs(scenario, settings)
        state.drawn = _drawn(state.plan)
    with ThreadPoolExecutor(len(settings)) as pool:
        while state.drawn is not None:
            chunk, until = state.drawn
            feeds = [pool.submit(run.feed, chunk, until, sink) for run, sink in zip(state.runs, sinks, strict=True)]
            ahead = _drawn(state.plan)  # while they run
            for feed in feeds:
                feed.result()
            state.drawn = ahead
            yield len(chunk) * len(settings)


def _drawn(plan: PlanStream) -> tuple[Plan, int] | None:
    """The next chunk, and the time before which no later one begins; None after the last."""
    chunk = next(plan, None)
    return None if chunk is None else (chunk, plan.reached_ns)


def fresh_runs(scenario: Scenario, settings: Sequence[Setting]) -> list[StreamRun]:
    """A replication's runs before anything is fed to them."""
    duration, horizon = scenario.duration, scenario.duration + scenario.drain
    return [StreamRun(setting, duration, horizon, 0, fresh_tallies(scenario, setting)) for setting in settings]


def ended(run: StreamRun, context: Context, replication: int, sink: Any) -> Ended:
    """Close a run that all chunks were fed to. Raises RunInvalid when it tells of fewer requests than were planned."""
    digest, name = run.end(sink), run.setting.name
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
