"""Which provider tier is needed when: at the edges of the tiers, and by what a scenario asks for."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from sim.catalogue import tiers
from sim.scenario.loader import load_text
from sim.scenario.schema import Scenario
from sim.study.capacity.classes import amounts, class_of, classes_of, limits_of_tier
from sim.study.capacity.cost import month_factors, together
from sim.study.capacity.curves import Table
from sim.study.capacity.growth import Base
from sim.study.capacity.measure import Measured
from sim.study.capacity.steps import steps
from sim.study.capacity.tiers import Ladder, ladders, uncovered
from sim.units import MONTH
from tests.unit.capacity_sample import only, run, scenario

LADDER = Ladder(
    "anthropic", ("anthropic/start", "anthropic/build", "anthropic/scale"), (("sonnet-4", ("claude-sonnet-4-5",)),)
)


def asking(requests: list[float], usd: list[float] | None = None, tokens: float = 1.0, runs: int = 2) -> Table:
    """An account that asks for these amounts month by month, in replications that agree."""
    points = []
    for month, amount in enumerate(requests):
        numbers = {
            ("asked", "one", "sonnet-4", "requests"): amount,
            ("asked", "one", "sonnet-4", "input_tokens"): tokens,
            ("asked", "one", "sonnet-4", "output_tokens"): 1.0,
            ("asked_usd", "one"): usd[month] if usd else 1.0,
        }
        points += [Measured("a", float(month), run, numbers, "", 1) for run in range(runs)]
    return Table(points)


def found(table: Table, **options: Any) -> list[tuple[str | None, float | None, str | None]]:
    taken = steps(table, "one", LADDER, **options)
    return [(one.tier, one.date.at, one.reason.dimension if one.reason else None) for one in taken]


def test_the_tiers_of_the_catalogue_are_a_ladder() -> None:
    start, build, scale = (tiers()[name] for name in LADDER.names)
    assert (start.rank, build.rank, scale.rank) == (1, 2, 3)
    for smaller, larger in ((start, build), (build, scale)):
        for title, limits in smaller.classes.items():
            assert all(amounts(larger.classes[title])[name] >= amount for name, amount in amounts(limits).items())
    known = {model for limits in start.classes.values() for model in limits.models or ()}
    from sim.catalogue import model_names

    assert {name for name in model_names() if name.startswith("claude-")} <= known


def test_a_tier_is_enough_up_to_its_very_limit() -> None:
    assert found(asking([1000.0, 1000.0])) == [("anthropic/start", 0, None)]
    assert found(asking([1000.1, 1000.1])) == [("anthropic/build", 0, "requests")]
    assert found(asking([5000.0, 5000.0])) == [("anthropic/build", 0, "requests")]
    assert found(asking([5000.1, 5000.1])) == [("anthropic/scale", 0, "requests")]
    assert found(asking([10_000.0, 10_000.0])) == [("anthropic/scale", 0, "requests")]
    assert found(asking([10_001.0, 10_001.0])) == [(None, 0, "requests")]
    assert found(asking([1.0, 1.0], tokens=2_000_000.0)) == [("anthropic/start", 0, None)]
    assert found(asking([1.0, 1.0], tokens=2_000_001.0)) == [("anthropic/build", 0, "input_tokens")]
    assert found(asking([1000.1, 1000.1], runs=1)) == [("anthropic/build", 0, "requests")]


def test_the_spend_cap_of_a_tier_counts_as_its_limits_do() -> None:
    flat = [1.0, 1.0]
    assert found(asking(flat, [500.0, 500.0])) == [("anthropic/start", 0, None)]
    assert found(asking(flat, [500.01, 500.01])) == [("anthropic/build", 0, "spend")]
    assert found(asking(flat, [1000.01, 1000.01])) == [("anthropic/scale", 0, "spend")]
    assert found(asking(flat, [200_001.0, 200_001.0])) == [(None, 0, "spend")]
    assert found(asking(flat, [200_001.0, 200_001.0]), spend=False) == [("anthropic/start", 0, None)]


def test_the_next_tier_is_needed_from_the_month_in_which_the_last_is_outgrown() -> None:
    grows = [800 * 1.5**month for month in range(8)]
    taken = found(asking(grows))
    assert [tier for tier, _, _ in taken] == ["anthropic/start", "anthropic/build", "anthropic/scale", None]
    for (_, date, _), limit in zip(taken[1:], (1000, 5000, 10_000), strict=True):
        exact = math.log(limit / 800) / math.log(1.5)
        assert date == pytest.approx(exact, abs=0.1)  # straight lines between whole months
    assert found(asking([100.0, 7000.0]))[1][0] == "anthropic/build"


def test_the_reason_is_what_is_outgrown_first() -> None:
    table = asking([900.0, 1100.0], [100.0, 2000.0])
    for spend, date, reason in ((True, (500 - 100) / 1900, "spend"), (False, 0.5, "requests")):
        tier, at, because = found(table, spend=spend)[1]
        assert (tier, because) == ("anthropic/build", reason)
        assert at == pytest.approx(date)


# Classes of models

MODELS = """
name: models
duration: 10m
models:
  fast: {like: quicker}
  quicker: {like: claude-haiku-4-5}
  alien: {price: {input: $1, output: $1}, first_token: 1s, per_token: 0s}
teams:
  a:
    workload:
      - {arrivals: {poisson: {rate: 1/min}}, model: claude-sonnet-4-5, input_tokens: 10, output_tokens: 10}
      - {arrivals: {poisson: {rate: 1/min}}, model: claude-sonnet-4-6, input_tokens: 10, output_tokens: 10}
      - {arrivals: {poisson: {rate: 1/min}}, model: claude-opus-4-8, input_tokens: 10, output_tokens: 10}
      - {arrivals: {poisson: {rate: 1/min}}, model: fast, input_tokens: 10, output_tokens: 10}
      - {arrivals: {poisson: {rate: 1/min}}, model: alien, input_tokens: 10, output_tokens: 10}
configurations: {shared: {isolation: shared, limits: {requests: 60/min}}}
"""


def models() -> Scenario:
    return load_text(MODELS, Path("models.yaml")).scenario


def test_models_of_one_class_share_a_pool_and_a_model_goes_where_what_it_is_like_goes() -> None:
    found = classes_of(tiers()["anthropic/start"], models())
    assert found == {
        "opus-4": ("claude-opus-4-8",),
        "sonnet-4": ("claude-sonnet-4-5", "claude-sonnet-4-6"),
        "haiku-4-5": ("fast",),
    }
    assert class_of(tiers()["anthropic/start"], models().models, "alien") is None
    assert class_of(tiers()["article/project"], models().models, "alien") == "all"
    assert uncovered(models()) == ("alien",)


def test_only_ranked_tiers_are_proposed() -> None:
    (ladder,) = ladders(models())
    assert ladder.names == LADDER.names
    gpt = models().model_copy(update={"teams": {"a": models().teams["a"]}})
    only_alien = gpt.teams["a"].model_copy(update={"workload": gpt.teams["a"].workload[-1:]})
    assert ladders(gpt.model_copy(update={"teams": {"a": only_alien}})) == ()


def test_the_limits_of_a_tier_name_the_models_that_are_used() -> None:
    found = limits_of_tier(tiers()["anthropic/start"], models())
    assert [one.models for one in found] == [
        ("claude-opus-4-8",), ("claude-sonnet-4-5", "claude-sonnet-4-6"), ("fast",),
    ]  # fmt: skip


# From a scenario


def test_a_scenario_asks_for_what_its_constant_rate_says() -> None:
    rungs = "  shared: {isolation: shared, limits: {requests: 60/min}}\n"
    rungs += "  accounts: {isolation: accounts}\n  keys: {isolation: keys}"
    given = scenario({"a": "{constant: {rate: 600/min}}", "b": "{constant: {rate: 500/min}}"}, rungs, minutes=2)
    study = run(given, months=2, what_ifs=("accounts", "keys"))
    (entry,) = only(study)["tiers"]
    assert entry["account"] == "shared"
    # Both teams together, whatever the limit of 60 refuses.
    assert entry["asked"]["sonnet-4 requests"]["mean"][0] == pytest.approx(1100, abs=1)
    assert entry["asked"]["sonnet-4 input_tokens"]["mean"][0] == pytest.approx(1_100_000, abs=1000)
    assert entry["by_rates"][0]["tier"] == "anthropic/build"
    assert entry["by_rates"][0]["because"]["dimension"] == "requests"
    usd = 0.0045 * (1199 + 999) / 2 * 43200  # of each team the last arrival falls on the end
    assert entry["usd"]["mean"][0] == pytest.approx(usd, rel=1e-6)
    assert usd > 200_000
    assert entry["steps"][0]["tier"] is None  # beyond what Scale may spend
    assert study.summary["cases"]["keys"]["tiers"] == [entry]  # two keys of one account
    # On accounts of their own each fits into Start by its rates.
    apart = study.summary["cases"]["accounts"]["tiers"]
    assert [one["account"] for one in apart] == ["a", "b"]
    assert [one["by_rates"][0]["tier"] for one in apart] == ["anthropic/start"] * 2


# Cost


def test_a_month_is_scaled_by_time_and_by_rhythm() -> None:
    plain = scenario({"a": "{poisson: {rate: 6/min}}"}, "  shared: {isolation: shared}", minutes=60)
    base = Base(plain.scenario, {})
    assert month_factors(base)["a"] == pytest.approx(720)
    hours = ", ".join(["3"] + ["1"] * 23)  # the first hour is three times as busy as the others
    busy = plain.text.replace("model: quick", f"model: quick, profile: {{hours: [{hours}]}}")
    found = month_factors(Base(load_text(busy, plain.path).scenario, {}))["a"]
    assert found == pytest.approx(MONTH / (3600e9 * 3 / (26 / 24)))


def test_months_together_are_the_area_under_their_curve() -> None:
    import numpy as np

    assert together(np.array([0.0, 1.0, 3.0]), np.array([[10.0], [20.0], [20.0]])).tolist() == [15 + 40]
