"""Fits a log: every stream, client and model, then the scenario, then refusals of both under test limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sim.errors import BadInput
from sim.scenario.keys import Limits
from sim.scenario.loader import load_text
from sim.scenario.workloads import Workload
from sim.study.fitting import described
from sim.study.fitting.agents import Chains, sessions
from sim.study.fitting.answers import errors, providers
from sim.study.fitting.arrivals import burstiness, candidates
from sim.study.fitting.choose import Choice, choose
from sim.study.fitting.infer import infer
from sim.study.fitting.log import Log
from sim.study.fitting.retries import Attempts, attempts, clients
from sim.study.fitting.shapes import start_of
from sim.study.fitting.text import scenario_text
from sim.study.fitting.throttling import drawn_burstiness, throttling
from sim.study.fitting.token_sizes import size_fit
from sim.study.fitting.types import Candidate, Estimate, Fitted, LimitTest, Options, SessionFit, StreamFit
from sim.study.progress import Progress, Silent
from sim.workload.profile import DAYS
from sim.workload.rows import I64

Make = Callable[[Candidate], Workload]
"""From a candidate to the workload that it makes of a stream."""

MOST_STREAMS = 400
NAMELESS = "(not said)"


def fit_log(log: Log, options: Options | None = None, progress: Progress | None = None) -> Fitted:
    """Fit a scenario to a log. Raises BadInput where nothing can be fitted."""
    options, progress = options or Options(), progress or Silent()
    sent = log.where(log.replayed)
    if not len(sent):
        raise BadInput("no request to fit", place=log.shown, hint="all rows failed without a size, or met no limit")
    found = attempts(sent)
    asked = requests_of(sent, found)
    models = {name: name or options.model for name in log.models}
    streams = list(_streams(asked, models, options, progress))
    each = tuple(clients(sent, found))
    answered, broken = tuple(providers(log)), errors(log)
    limits = (options.limits, "as told") if options.limits is not None else _inferred(log)
    notes = tuple(_notes(log, sent, options))
    text = scenario_text(asked, options, streams, each, answered, broken, limits, models, notes)
    loaded = load_text(text, Path(f"{options.name}.yaml"))
    progress.start("testing at limits, in the engine", 1)
    tests = tuple(throttling(asked, loaded, models, options))
    measured = drawn_burstiness(loaded, streams, models)
    streams = [replace(one, fitted=measured.get((one.team, one.model))) for one in streams]
    flags = tuple(_flags(streams, tests, options))
    return Fitted(text, loaded, tuple(streams), each, answered, broken, tests, notes, flags)


def requests_of(sent: Log, found: Attempts) -> Log:
    """One row a request: the first attempt, with the answer of the last."""
    last = found.last()
    output = sent["output"][last]
    asked = replace(sent, columns={**sent.columns, "output": output, "status": sent["status"][last]})
    return asked.where(found.first)


def _inferred(log: Log) -> tuple[Limits, str]:
    found = infer(log)
    return found.limits, f"inferred: {found.how}"


def _streams(asked: Log, models: Mapping[str, str], options: Options, progress: Progress) -> Iterator[StreamFit]:
    pairs, sizes = np.unique(np.stack([asked["team"], asked["model"]]), axis=1, return_counts=True)
    if len(sizes) > MOST_STREAMS:
        hint = "map the senders to fewer teams when importing: --teams FILE, or --team-by project"
        raise BadInput("too many teams and models to fit", place=asked.shown, value=f"{len(sizes):,}", hint=hint)
    progress.start("fitting streams", len(sizes))
    for at in np.argsort(-sizes, kind="stable"):
        team, model = int(pairs[0, at]), int(pairs[1, at])
        mine = asked.where((asked["team"] == team) & (asked["model"] == model))
        yield _stream(mine, asked.teams[team], asked.models[model], models, options)
        progress.advance()


def _stream(log: Log, team: str, model: str, models: Mapping[str, str], options: Options) -> StreamFit:
    answered = log["output"] > 0
    session = sessions(log) if options.sessions else None
    inputs = size_fit(log["input"] if session is None else log["input"][Chains(log).starts])
    outputs = size_fit(log["output"][answered] if answered.any() else log["output"])
    cached = _cached(log)
    times = log["start"] if session is None else log["start"][Chains(log).starts]
    choice = _choice(log, times, session, options, lambda one: described.as_workload(described.workload(
        one, options.model, inputs, outputs, cached, session, _start(log))))  # fmt: skip
    return StreamFit(
        team, model, len(log), choice.chosen, choice.candidates, inputs, outputs, cached, session,
        burstiness(log["start"], log.span_ns), None, choice.why, tuple(_minded(log, choice, session)),
    )  # fmt: skip


def _start(log: Log) -> tuple[str, int]:
    day, into = start_of(log)
    return DAYS[day], into


def _choice(log: Log, times: I64, session: SessionFit | None, options: Options, make: Make) -> Choice:
    """Sessions start as a Poisson process in a scenario, whatever their rhythm."""
    found = candidates(log, times)
    if session is None:
        return choose(log, found, make, options)
    starts = [each for each in found if each.process == "poisson"] or [found[0]]
    best = min(starts, key=lambda each: each.aic)
    why = f"{session.sessions:,} sessions whose steps wait for each other; Poisson starts, lowest AIC of their rhythms"
    return Choice(best, found, why)


def _cached(log: Log) -> Estimate:
    """The share of input that was read from a cache, with the interval of a ratio of sums."""
    whole = float(log["input"].sum())
    if not whole or not log["read"].any():
        return Estimate(0.0, 0.0, 0.0)
    share = float(log["read"].sum()) / whole
    error = float((log["read"] - share * log["input"]).std()) * len(log) ** 0.5 / whole
    return Estimate(share, max(0.0, share - 1.96 * error), min(1.0, share + 1.96 * error))


def _minded(log: Log, choice: Choice, session: SessionFit | None) -> Iterator[str]:
    if choice.flag:
        yield choice.flag
    if session is not None and not (log["duration"] > 0).any():
        yield "the log has no durations: think times include the answers"


def _notes(log: Log, sent: Log, options: Options) -> Iterator[str]:
    if len(sent) < len(log):
        yield f"{len(log) - len(sent):,} rows are left out: failures without a size, batches, and a gateway's cache."
    assumed = float((log["assumed"] == 1).mean())
    if assumed:
        yield f"{assumed:.0%} of the requests were drawn or assumed by the import: that is what was fitted."
    if "" in log.models:
        yield f"The log does not say which model was asked for: {options.model} stands for it, its price and its times."
    yield "The log does not say which max_tokens was asked for: the default stands, or the answer's own where larger."


def _flags(streams: Sequence[StreamFit], tests: Sequence[LimitTest], options: Options) -> Iterator[str]:
    for test in tests:
        if test.team == "total" and abs(test.error) > options.tolerance:
            yield (
                f"at {test.limit} the fitted scenario is refused {100 * test.fitted.value:.1f} % and the log "
                f"{100 * test.log:.1f} %: {100 * test.error:+.0f} %"
                + (", which is no more than single runs differ by" if test.likely else "")
            )
    for one in streams:
        for name, size in (("input", one.input), ("output", one.output)):
            off = size.fitted["mean"] / size.log["mean"] - 1 if size.log["mean"] else 0.0
            if abs(off) > options.tolerance:
                yield f"{one.team}, {one.model or NAMELESS}: the mean {name} is {100 * off:+.0f} % off"
        yield from (f"{one.team}, {one.model or NAMELESS}: {note}" for note in one.notes)
