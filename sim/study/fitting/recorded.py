"""The history of a log without fitting its arrivals: answer times, prices and the limit are enough."""

from __future__ import annotations

from sim.scenario.keys import Ladder
from sim.scenario.schema import Scenario
from sim.study.fitting import described
from sim.study.fitting.answers import errors, providers
from sim.study.fitting.history import against_history, has_history
from sim.study.fitting.infer import infer
from sim.study.fitting.log import Log
from sim.study.fitting.text import storms
from sim.study.fitting.types import History, Options

FEWEST, MOST = 200, 200_000
"""Rows of a log that are worth a history, and that one is made of while importing."""
SHARED = "shared"


def history_of(log: Log, options: Options) -> History | None:
    """Simulated against recorded, all on one key; None where the log says too little, or is too long."""
    if not FEWEST <= len(log) <= MOST or not has_history(log):
        return None
    found = None if options.limits is not None else infer(log)
    limits = options.limits if found is None else found.limits
    answered = [(one.model or options.model, described.model(one, options.model)) for one in providers(log)]
    known = {name or options.model for name in log.models}
    said = {
        "name": "recorded", "duration": "1s",
        "models": {name: each for name, each in answered if each is not None and name in known},
        "teams": {"nobody": {"workload": {"arrivals": {"herd": {"size": 1}}, "model": options.model,
                                          "input_tokens": 1, "output_tokens": 1}}},
        "configurations": {SHARED: {"isolation": "shared"}}, "chaos": storms(errors(log), log),
    }  # fmt: skip
    scenario = Scenario.model_validate(said)
    shared = Ladder(isolation="shared", limits=(limits,))  # type: ignore[arg-type]
    scenario = scenario.model_copy(update={"configurations": {SHARED: shared}})
    return against_history(log, scenario, SHARED, options, inferred="" if found is None else found.how)
