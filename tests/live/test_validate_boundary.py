"""Where two runs of one plan part, and how near that was to a boundary."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.policy.bucket import NEVER
from sim.scenario.plan import build_plan
from sim.study.validate.agree import compare
from sim.study.validate.boundary import ELSE, FOLLOWS, WITHIN, Analysis, analyse
from sim.study.validate.replayed import replay
from sim.units import MS
from tests.emulator.test_decisions import TEXT as EVERYTHING
from tests.live.sender import late_plan, run_of, tables

HEAD = """
name: edge
duration: 5m
drain: 1m
seed: 5
models: {fast: {price: {input: $3, output: $15}, first_token: 200ms, per_token: 5ms}}
teams:
"""
CROWDED = (
    HEAD
    + """
  shop: {workload: {arrivals: {poisson: {rate: 1200/min}}, model: fast, input_tokens: 900, output_tokens: 90},
         client: {retry: none}}
configurations: {shared: {isolation: shared, limits: {requests: 300/min, burst: 5}}}
"""
)
STORMY = (
    HEAD
    + """
  shop: {workload: {arrivals: {constant: {rate: 20/s}}, model: fast, input_tokens: 900, output_tokens: 90},
         client: {retry: none}}
configurations: {shared: {isolation: shared}}
chaos: [{storm: {status: 503, at: 2m, for: 1m}}]
"""
)
CAPPED = (
    HEAD
    + """
  shop: {workload: {arrivals: {poisson: {rate: 300/min}}, model: fast, input_tokens: 900, output_tokens: 90},
         client: {retry: none}}
configurations: {shared: {isolation: shared, spend_cap: $2/month}}
"""
)


def analysis(folder: Path, text: str, late_ns: int, configuration: str = "shared") -> tuple[Analysis, int]:
    """What is found when the second run's arrivals are up to so much later; and how many end otherwise."""
    path = folder / "edge.yaml"
    path.write_text(text, "utf-8")
    one, two = run_of(str(path), configuration), run_of(str(path), configuration, late_ns)
    found = compare(tables(one), tables(two))
    return analyse(one.setting, one.plan, one.result, two.result, found.differing, 1.0), len(found.differing)


def test_a_run_parts_nowhere_from_itself(tmp_path: Path) -> None:
    found, differing = analysis(tmp_path, CROWDED, 0)
    assert (differing, found.partings) == (0, ())
    assert set(found.counts.values()) == {0}
    assert not found.late_ns.any()


def test_tokens_that_go_to_others_by_a_few_milliseconds_are_at_a_boundary(tmp_path: Path) -> None:
    found, differing = analysis(tmp_path, CROWDED, 20 * MS)
    assert differing >= 20
    assert found.counts[WITHIN] >= 0.7 * differing
    assert found.counts[WITHIN] + found.counts[FOLLOWS] == differing, "no other cause: nothing else was changed"
    for one in found.partings:
        assert one.rule == "account:shared:requests"
        assert (one.distance_ns <= one.late_ns) == (one.cause == WITHIN)
        assert one.late_ns <= 20 * MS


def test_the_edge_of_a_storm_is_a_boundary(tmp_path: Path) -> None:
    """20 requests a second, each up to 150 ms late: a few slip over each edge, and only there."""
    found, differing = analysis(tmp_path, STORMY, 150 * MS)
    assert 1 <= differing <= 8
    assert found.counts[WITHIN] == differing
    assert all(
        min(abs(one.at_ns - edge) for edge in (120_000 * MS, 180_000 * MS)) <= 150 * MS for one in found.partings
    )
    assert {one.rule for one in found.partings} == {"storm:503"}


def test_the_moment_at_which_a_cap_is_reached_is_a_boundary(tmp_path: Path) -> None:
    found, differing = analysis(tmp_path, CAPPED, 400 * MS)
    assert 1 <= differing <= 6
    assert found.counts[WITHIN] == differing
    assert {one.rule for one in found.partings} == {"budget:account:shared"}


def test_a_difference_that_no_lateness_explains_is_called_so(tmp_path: Path) -> None:
    """A request that is refused live in the middle of nowhere: 503 ten seconds before the storm."""
    from dataclasses import replace

    from sim.engine.tables import LOG

    path = tmp_path / "edge.yaml"
    path.write_text(STORMY, "utf-8")
    one = run_of(str(path), "shared")
    log, outcome = one.result.log.copy(), one.result.outcome.copy()
    strange = 110 * 20
    log[strange, LOG.index("refused_by")] = one.setting.refusers.index("storm:503")
    log[strange, LOG.index("status")] = 503
    outcome[strange] = 2
    other = replace(one.result, log=log, outcome=outcome)
    found = analyse(one.setting, one.plan, one.result, other, (strange,), 1.0)
    (parting,) = found.partings
    assert parting.cause == ELSE
    assert parting.distance_ns == pytest.approx(10_000 * MS, rel=0.01)
    assert found.counts == {**dict.fromkeys(found.counts, 0), ELSE: 1}
    assert found.replayed[1].same == found.replayed[1].asked - 1, "nor do the rules say so at these times"


@pytest.mark.parametrize("configuration", ["shared", "projects"])
def test_rules_fed_with_a_run_decide_as_it_did_whatever_it_has_in_it(tmp_path: Path, configuration: str) -> None:
    path = tmp_path / "everything.yaml"
    path.write_text(EVERYTHING, "utf-8")
    run = run_of(str(path), configuration)
    found = replay(run.setting, run.plan, run.result)
    assert found.asked > 1500
    assert found.same == found.asked


def test_the_distance_of_an_attempt_is_the_time_to_its_token(tmp_path: Path) -> None:
    """One request a second on a bucket of one that refills once in three: let in, refused for 2 s, for 1 s, let in."""
    text = (
        HEAD
        + """
  shop: {workload: {arrivals: {constant: {rate: 1/s}}, model: fast, input_tokens: 9, output_tokens: 9},
         client: {retry: none}}
configurations: {shared: {isolation: shared, limits: {requests: 20/min, burst: 1}}}
"""
    )
    path = tmp_path / "edge.yaml"
    path.write_text(text, "utf-8")
    run = run_of(str(path), "shared")
    found = replay(run.setting, run.plan, run.result)
    told = [found.decided[number, 0].distance // MS for number in range(4)]
    assert told == [0, 2000, 1000, 0]
    assert NEVER > found.decided[1, 0].distance


def test_late_plans_keep_their_order(tmp_path: Path) -> None:
    from sim.scenario.loader import load_text

    loaded = load_text(CROWDED, tmp_path / "edge.yaml")
    plan = build_plan(loaded.scenario, 0, {})
    moved = late_plan(plan, 50 * MS)
    assert (moved.arrival_ns[1:] >= moved.arrival_ns[:-1]).all()
    assert 0 <= (moved.arrival_ns - plan.arrival_ns).min()
