"""Every check that looks at more than one place of a scenario, in the order of cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from sim.errors import BadInput
from sim.scenario.check_faults import idle, idle_notes
from sim.scenario.check_incidents import incidents, unused
from sim.scenario.check_names import names
from sim.scenario.check_numbers import MAX_REQUESTS, never_fits, numbers, silent, traffic
from sim.scenario.limit_rows import Rows, rows_of
from sim.scenario.parts import Parts
from sim.scenario.schema import Scenario
from sim.scenario.topology import build_topology
from sim.scenario.words import Found
from sim.workload.rows import Expected

if TYPE_CHECKING:
    from sim.scenario.workloads import Trace
    from sim.workload.importers import TraceRows

__all__ = ["MAX_REQUESTS", "cross_references", "divided", "expected_traffic", "notes", "traffic"]


def cross_references(parts: Parts) -> Iterator[Found]:
    """Names that refer to nothing and numbers that can't work, in the sound parts."""
    yield from names(parts)
    yield from numbers(parts)
    yield from incidents(parts)


def expected_traffic(scenario: Scenario, rows: Mapping[Trace, TraceRows]) -> dict[str, Expected]:
    """What each team is expected to send over the duration, without what faults add; teams sorted."""
    from sim.workload.generate import expected

    found: dict[str, Expected] = {}
    for name in sorted(scenario.teams):
        each = [
            expected(work, scenario.duration, rows[work.arrivals.trace] if work.arrivals.trace else None)
            for work in scenario.teams[name].workload
        ]
        sums = [sum(getattr(one, field) for one in each) for field in ("requests", "input_tokens", "output_tokens")]
        found[name] = Expected(*sums)
    return found


def divided(scenario: Scenario, expected: Mapping[str, Expected]) -> Iterator[Found]:
    """Limits that can't be counted once a total is divided among the teams; then cuts of them, and idle faults."""
    found: dict[str, Rows] = {}
    for name, configuration in scenario.configurations.items():
        try:
            found[name] = rows_of(build_topology(name, configuration, expected))
        except BadInput as error:
            problem = error.problem
            yield Found(("configurations", name), problem.message, problem.value, problem.hint)
            return
    yield from idle(scenario, found)


def notes(parts: Parts, scenario: Scenario, expected: Mapping[str, Expected]) -> Iterator[str]:
    """What is allowed and still worth knowing."""
    yield from silent(expected)
    yield from never_fits(parts)
    yield from unused(parts)
    rows = {name: rows_of(build_topology(name, one, expected)) for name, one in scenario.configurations.items()}
    yield from idle_notes(scenario, rows)
