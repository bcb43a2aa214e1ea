"""One door to the engines: which engine, which world → what happened."""

from __future__ import annotations

from collections.abc import Callable

from sim.engine.loop import close
from sim.engine.loop import run as run_loop
from sim.engine.tables import RunResult, World, result_of
from sim.engine.world import fresh_state, interpreted
from sim.errors import BadInput

ENGINES = ("compiled", "plain", "simpy")


def _plain(world: World) -> RunResult:
    readable = interpreted(world)
    state = fresh_state(readable)
    run_loop(readable, state, 0)
    close(readable, state, 0)
    return result_of(state.requests, state.calls, state.log)


def _simpy(world: World) -> RunResult:
    from sim.engine.simpy_engine import SimpyEngine

    readable = interpreted(world)
    return SimpyEngine(readable, fresh_state(readable)).run()


def _compiled(world: World) -> RunResult:
    from sim.engine.compiled_engine import run_compiled

    return run_compiled(world)


_DOORS: dict[str, Callable[[World], RunResult]] = {"compiled": _compiled, "plain": _plain, "simpy": _simpy}


def run_world(engine: str, world: World) -> RunResult:
    """Run one world to its horizon. Raises BadInput for an engine that does not exist."""
    if engine not in _DOORS:
        raise BadInput("no such engine", value=repr(engine), hint=f"one of {', '.join(ENGINES)}")
    return _DOORS[engine](world)
