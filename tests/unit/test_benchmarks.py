"""What `make bench` compares with simulates the same, request by request; and its page tells what it measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.engine.digest import digest
from sim.engine.run import run_world
from tests.benchmarks import by_c, by_ciw, by_heapq, by_simpy, engines
from tests.benchmarks.full import full_world
from tests.benchmarks.pages import Section, Target, markdown_of, page, sections_of
from tests.benchmarks.scale import sizes
from tests.benchmarks.timing import Contestant, Measured, side_by_side
from tests.benchmarks.workload import ATTEMPTS, Outcome, Plain, plain


@pytest.fixture(scope="module")
def given() -> Plain:
    return plain(2000, load=2.0)


@pytest.fixture(scope="module")
def wanted(given: Plain) -> str:
    return digest(run_world("plain", given.world))


def test_the_workload_has_retries_and_requests_that_give_up(given: Plain) -> None:
    result = run_world("plain", given.world)
    assert result.attempts.max() == ATTEMPTS
    assert set(np.unique(result.outcome).tolist()) == {by_heapq.SUCCEEDED, by_heapq.GAVE_UP}
    assert result.attempts.mean() > 1.1


def test_simpy_as_a_user_writes_it_agrees(given: Plain, wanted: str) -> None:
    assert by_simpy.run(by_simpy.Requests(given)).digest() == wanted


def test_a_loop_over_heapq_agrees(given: Plain, wanted: str) -> None:
    assert by_heapq.run(by_heapq.Inputs.of(given)).digest() == wanted


@pytest.mark.parametrize("function", ["plain_events", "plain_direct"])
def test_c_agrees(function: str, given: Plain, wanted: str, tmp_path: Path) -> None:
    if by_c.compiler() is None:
        pytest.skip("there is no C compiler")
    assert by_c.runner(by_c.build(tmp_path), function, given)().digest() == wanted


def test_ciw_agrees(given: Plain, wanted: str) -> None:
    pytest.importorskip("ciw", reason="Ciw is not installed")
    assert by_ciw.run(by_ciw.build(given)).digest() == wanted


def test_another_outcome_has_another_digest(given: Plain) -> None:
    found = by_heapq.run(by_heapq.Inputs.of(given))
    later = found.finish.copy()
    later[7] += 1
    assert Outcome(found.outcome, found.attempts, later, found.cost).digest() != found.digest()
    with pytest.raises(SystemExit, match="outcomes differ"):
        engines.same(
            {
                "one": Measured(1.0, found),
                "other": Measured(1.0, Outcome(found.outcome, found.attempts, later, found.cost)),
            }
        )


def test_the_full_scenario_has_everything_on() -> None:
    world = full_world()
    rules = world.rules
    assert {limit.dimension for limit in rules.limits} == {0, 1, 2, 3, 4} - {3}
    assert {cap.reserve for cap in rules.caps} == {0, 1}
    assert len(rules.effects) == 2
    assert all(client.max_concurrent > 0 and client.deadline > 0 for client in world.clients[:-1])


def test_contestants_take_turns_and_the_median_counts() -> None:
    ticks = iter([0.0, 5.0, 5.0, 6.0, 6.0, 7.0, 7.0, 9.0, 9.0, 12.0, 12.0, 13.0])
    order: list[str] = []
    found = side_by_side(
        [Contestant("a", lambda _: order.append("a")), Contestant("b", lambda given: given, lambda: order.append("b"))],
        3,
        lambda: next(ticks),
    )
    assert order == ["a", "b"] * 3
    assert [found["a"].seconds, found["b"].seconds] == [3.0, 1.0]


def test_a_target_says_whether_it_was_reached() -> None:
    assert Target("ratio", 41.2, 40).row == ("ratio", "≥ 40 ×", "41.2 ×", "reached")
    assert Target("ratio", 39.9, 40).row[-1] == "**missed**"
    assert Target("time", 8.1, 8, "s", most=True).row == ("time", "≤ 8 s", "8.1 s", "**missed**")


def test_the_page_is_markdown() -> None:
    section = Section(
        "Speed", "How.", ("", "ns"), [("one", "7"), ("eleven", "1,234")], [Target("r", 2, 1)], ["A note."]
    )
    text = markdown_of(section)
    table = ["|        |    ns |", "| ------ | ----: |", "| one    |     7 |", "| eleven | 1,234 |"]
    assert text.splitlines()[4:8] == table
    assert "| r      | ≥ 1 × |      2 × | reached |" in text
    assert text.endswith("\n- A note.\n")
    assert page("# Benchmarks\n", [text, text]).count("## Speed") == 2


def test_parts_of_a_page_are_kept_where_the_machine_is_the_same() -> None:
    first, second = (markdown_of(Section(name, "How.", notes=["A note."])) for name in ("Speed", "Size"))
    written = page("# Benchmarks: here\n", [first, second])
    kept = sections_of(written, "# Benchmarks: here\n")
    assert list(kept) == ["Speed", "Size"]
    assert page("# Benchmarks: here\n", list(kept.values())) == written
    assert sections_of(written, "# Benchmarks: elsewhere\n") == {}


def test_sizes_are_powers_of_ten() -> None:
    assert sizes(1e6) == [10_000, 100_000, 1_000_000]
