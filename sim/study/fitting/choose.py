"""Which process stands for a stream: the simplest that is refused at test limits as the log is.

Akaike's criterion says how much detail the log can bear; of candidates within 4 of its best the one with
the fewest parameters stands for the best. Of that and those with fewer
parameters, the one with the fewest is taken whose refusals at the stream's own test limits are within
half of the tolerance. Where none is, the criterion's best is taken, if chance may explain what it
misses; otherwise finer candidates are tried too, and the nearest of all is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sim.scenario.keys import Limits
from sim.scenario.schema import Team
from sim.scenario.workloads import Trace, Workload
from sim.study.fitting.bench import Bench, Traffic, fitting_limits, likely
from sim.study.fitting.log import Log
from sim.study.fitting.types import Candidate, Options
from sim.units import MINUTE

F64 = NDArray[np.float64]

CLOSE = 4.0
"""Differences of the criterion up to this say little: Burnham, Anderson, Model Selection (2002), §2.6."""
ENOUGH = 200
"""Below so many requests refusals are too few to choose by."""
BUDGET, FEWEST, MOST = 400_000, 5, 20
"""Requests that one candidate may cost, and replications within that."""
MORE = 6
"""Finer candidates that are tried where the criterion's best is off."""
FAR = 3
"""Times the tolerance: so far off, no further replication is run."""


@dataclass(frozen=True)
class Choice:
    """What was taken, all candidates with their errors, and why. ``flag`` says what does not fit."""

    chosen: Candidate
    candidates: tuple[Candidate, ...]
    why: str
    flag: str = ""


def choose(
    log: Log, found: Sequence[Candidate], make: Callable[[Candidate], Workload], options: Options
) -> Choice:  # fmt: skip
    """Choose among candidates for the requests of one stream."""
    best = supported(found)
    if len(found) == 1:
        return Choice(best, tuple(found), _only(best))
    if len(log) < ENOUGH:
        few = [each for each in found if each.parameters <= 2]
        best = min(few, key=lambda each: each.aic)
        return Choice(
            best, tuple(found), f"lowest AIC; {len(log):,} requests are too few for more than a rate and a CV"
        )
    return _tested(log, list(found), best, make, options)


def supported(found: Sequence[Candidate]) -> Candidate:
    """The candidate of the fewest parameters among those that the criterion hardly tells from its best."""
    least = min(each.aic for each in found)
    near = [each for each in found if each.aic <= least + CLOSE]
    return min(near, key=lambda each: (each.parameters, each.aic))


def _only(candidate: Candidate) -> str:
    said = {"herd": "requests come in equal herds at equal distances", "constant": "all gaps are equal"}
    return said.get(candidate.process, "too few requests for more than a rate")


def _tested(
    log: Log, found: list[Candidate], best: Candidate, make: Callable[[Candidate], Workload], options: Options
) -> Choice:  # fmt: skip
    bench = log_bench(log, make(best).model, options)
    limits = fitting_limits(bench, len(log) * MINUTE / log.span_ns, options.shares)
    if not limits:
        return Choice(best, tuple(found), "lowest AIC; no whole limit refuses what the test needs")
    base = bench.refused(limits)[0, :, -1]
    inside = False
    for at in _worth_trying(found, best):
        error, inside = _error(log, make(found[at]), limits, base, options)
        found[at] = replace(found[at], error=error)
        if abs(error) <= options.tolerance / 2:
            return Choice(found[at], tuple(found), _why(found[at], best))
    chosen = found[found.index(replace(best, error=error))]
    if abs(error) <= options.tolerance or inside:
        chance = "" if abs(error) <= options.tolerance else (
            "; refusals differ from the log’s by no more than single runs of it differ"
        )  # fmt: skip
        return Choice(chosen, tuple(found), f"lowest AIC{chance}")
    for at in _finer(found, best):
        error, _ = _error(log, make(found[at]), limits, base, options)
        found[at] = replace(found[at], error=error)
        if abs(error) <= options.tolerance / 2:
            break
    return _nearest(found, options)


def _error(
    log: Log, workload: Workload, limits: Sequence[Limits], base: F64, options: Options
) -> tuple[float, bool]:  # fmt: skip
    """The worst relative error over the limits, and whether chance may explain it.

    A few replications are enough to see that a process is far off.
    """
    most = int(np.clip(BUDGET // len(log), FEWEST, MOST))
    for replications in (FEWEST, most):
        shares = _refusals(log, workload, limits, replications, options)
        errors = shares.mean(axis=0) / base - 1
        worst = float(errors[np.argmax(np.abs(errors))])
        inside = bool(likely(base, shares).all())
        if abs(worst) > FAR * options.tolerance or replications == most:
            break
    return worst, inside


def _finer(found: Sequence[Candidate], best: Candidate) -> list[int]:
    """The best process of each finer shape, the simplest first."""
    return sorted(
        (at for at in _by_shape(found) if found[at].parameters > best.parameters), key=lambda at: found[at].parameters
    )[:MORE]


def _nearest(found: Sequence[Candidate], options: Options) -> Choice:
    """The one whose refusals are nearest, and what it still misses."""
    chosen = min((each for each in found if each.error is not None), key=lambda each: abs(each.error or 0.0))
    error = abs(chosen.error or 0.0)
    flag = f"refusals at test limits are up to {100 * error:.0f} % off with {chosen.title}, the best that was found"
    return Choice(chosen, tuple(found), "nearest in refusals", flag if error > options.tolerance else "")


def _why(chosen: Candidate, best: Candidate) -> str:
    said = f"fewest parameters with refusals within {100 * abs(chosen.error or 0.0):.1f} % of the log’s"
    return f"{said}, and lowest AIC" if chosen.aic == best.aic else f"{said}; lowest AIC: {best.title}"


def _worth_trying(found: Sequence[Candidate], best: Candidate) -> list[int]:
    """The best process of each shape, the simplest first, the criterion's best last."""
    tried = [at for at in _by_shape(found) if found[at].parameters < best.parameters]
    return [*sorted(tried, key=lambda at: found[at].parameters), found.index(best)]


def _by_shape(found: Sequence[Candidate]) -> list[int]:
    """The places of the best candidate of each shape."""
    best: dict[tuple[str, float], int] = {}
    for at, each in enumerate(found):
        key = each.shape, each.step_s
        if key not in best or each.aic < found[best[key]].aic:
            best[key] = at
    return list(best.values())


def log_bench(log: Log, model: str, options: Options) -> Bench:
    """The log itself, replayed."""
    trace = Trace(file="log")
    said = {"arrivals": {"trace": trace}, "model": model}
    team = Team(workload=(Workload.model_validate(said),))
    return Bench(Traffic({"log": team}, {trace: log.trace()}, log.span_ns, options.seed, 1), options.engine)


def _refusals(
    log: Log, workload: Workload, limits: Sequence[Limits], replications: int, options: Options
) -> F64:  # fmt: skip
    """Of a described stream: float ``(replications, limits)``."""
    traffic = Traffic({"fit": Team(workload=(workload,))}, {}, log.span_ns, options.seed, replications)
    shares: F64 = Bench(traffic, options.engine).refused(limits)[:, :, -1]
    return shares
