"""Streams of a long study on the workers of a pool: a replication, or one configuration of it, is a job.

A stream can't be cut in time, because each moment depends on the one before. So what is spread are
replications (months of a Monte Carlo), each with its plan drawn where it runs; only readings and
digests travel. A checkpoint holds whole replications.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from sim.engine.stream import Nowhere
from sim.engine.world import Setting
from sim.metrics.context import Context
from sim.scenario.plan_stream import PlanStream
from sim.scenario.schema import Scenario
from sim.scenario.workloads import Trace
from sim.study.checkpoints import Checkpoints
from sim.study.pool import Pool
from sim.study.progress import Progress
from sim.study.streaming import Ended, Streamed, ended, fresh_runs
from sim.workload.importers.trace_rows import TraceRows

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded

Job = tuple[int, tuple[int, ...]]
"""A replication, and the places of the configurations to run on it."""


@dataclass(frozen=True)
class Streams:
    """What all streams of a study share. Pickles."""

    scenario: Scenario
    traces: dict[Trace, TraceRows]
    settings: tuple[Setting, ...]
    context: Context

    @staticmethod
    def of(loaded: Loaded, settings: Sequence[Setting], context: Context) -> Streams:
        """The streams of these configurations."""
        return Streams(loaded.scenario, dict(loaded.traces), tuple(settings), context)

    def run(self, job: Job) -> list[Ended]:
        """Feed one replication's plan to some configurations, from beginning to end."""
        replication, places = job
        plan = PlanStream(self.scenario, replication, self.traces)
        runs = fresh_runs(self.scenario, [self.settings[place] for place in places])
        for chunk in plan:
            for run in runs:
                run.feed(chunk, plan.reached_ns, Nowhere())
        return [ended(run, self.context, replication, Nowhere()) for run in runs]

    def jobs(self, first: int, workers: int) -> Iterator[Job]:
        """All jobs from replication ``first`` on, in the order of a study that runs in one place.

        Drawing a plan once for all its configurations is cheapest; where there are more workers than
        replications, each configuration draws it for itself.
        """
        last, every = self.scenario.replications, tuple(range(len(self.settings)))
        whole = last - first >= workers
        for replication in range(first, last):
            yield from [(replication, every)] if whole else ((replication, (place,)) for place in every)


def spread(state: Streamed, streams: Streams, pool: Pool, progress: Progress, checkpoints: Checkpoints) -> None:
    """Run what is left of a study on a pool. A replication that was under way begins anew."""
    state.plan, state.drawn, state.runs = None, None, []
    jobs = streams.jobs(state.replication, pool.workers)
    parts = (part for some in pool.map(streams.run, jobs) for part in some)
    while whole := list(islice(parts, len(streams.settings))):
        state.take(whole)
        progress.advance(sum(part.planned for part in whole))
        if checkpoints.due():
            checkpoints.save(state)
