"""``keystorm cost``: paired months, exact bills, a saving that sums, assumptions that are drawn once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import BadInput, RunInvalid
from sim.scenario.finance import Finance, Saving
from sim.scenario.ranges import triangular
from sim.study.cost import tornado
from sim.study.cost.assumptions import HOURLY_RATE, assumptions, at_modes, drawn
from sim.study.cost.checkpoint import Kept
from sim.study.cost.cost import Found, cases_of, prepare, run_all, tornado_cases
from sim.study.cost.ledger import Account, Ledger
from sim.study.cost.month import Bill, Case, Job, Month, refuser_names, run_month
from sim.study.cost.options import Options, budget_of, chosen
from sim.study.cost.other import other_costs
from sim.study.cost.saving import BILL, PRICE, parts_of
from sim.study.progress import Silent
from sim.units import MICRO
from tests.unit.cost_sample import TEXT, loaded, run, study

OFF = TEXT.replace(", project_spend_cap: $20/month", "").replace("requests: 60/min", "requests: 6000/min")
"""The same with nothing that limits or caps: configurations differ in name only."""


@pytest.fixture(scope="module")
def found() -> Found:
    return run(months=30, tornado=4)


def test_months_are_paired_across_configurations(found: Found) -> None:
    quiet = [found.ledger[Case(name, quiet=True)].bill for name in found.names]
    for other in quiet[1:]:
        assert np.array_equal(quiet[0], other), "without incidents nothing distinguishes the configurations"
    free = run(OFF, months=8)
    loud = [free.ledger[Case(name)].bill[:, :, 2] for name in free.names]
    bans = np.array([month.counts["ban"] for month in free.months])
    assert np.array_equal(loud[0][bans == 0], loud[1][bans == 0]) and (loud[0] > 0).any()


def test_incidents_are_what_a_month_has_more(found: Found) -> None:
    calm = [at for at, month in enumerate(found.months) if not sum(month.counts.values())]
    assert 0 < len(calm) < len(found.months)
    for name in found.names:
        loud, quiet = found.ledger[Case(name)], found.ledger[Case(name, quiet=True)]
        assert np.array_equal(loud.bill[calm], quiet.bill[calm])
        assert not quiet.bill[:, :, 2].any()
        assert (loud.bill[:, :, 2].sum(axis=1) > 0).any()


def test_bills_are_requests_times_their_price(found: Found) -> None:
    # Every request has 1,000 tokens at $10 a million: a cent.
    for name in found.names:
        account = found.ledger[Case(name)]
        assert np.array_equal(account.bill[:, :, 0], (account.offered - account.lost) * 10_000)
        assert not (account.bill % 10_000).any()
    cheap = found.ledger[Case("shared", repriced=True)]
    assert np.array_equal(cheap.bill * 10, found.ledger[Case("shared")].bill)


def test_a_cap_holds_and_leaves_work_undone(found: Found) -> None:
    capped, shared = found.ledger[Case("capped")], found.ledger[Case("shared")]
    assert shared.bill.sum(axis=2).max() > 21 * MICRO
    # postpaid: what was under way when the cap was reached is still billed
    assert capped.bill.sum(axis=2).max() <= 20 * MICRO + 60 * 10_000
    assert capped.lost.sum() > shared.lost.sum()


def test_a_ban_reaches_who_shares_the_account(found: Found) -> None:
    struck = [month for month in found.months if month.counts["ban"]]
    assert len(struck) >= 3
    reached = {name: [month.bills[Case(name)].reached["ban"] for month in struck] for name in found.names}
    # None at all where batch was cut off by its cap before it could break a policy.
    assert set(reached["accounts"]) <= {0.0, 0.5} and 0.5 in reached["accounts"]
    assert set(reached["shared"]) <= {0.5, 1.0} and 1.0 in reached["shared"]
    assert sum(reached["accounts"]) < sum(reached["capped"])
    assert refuser_names(loaded().scenario.incidents[1], loaded().scenario) >= {"policy:other", "ban:account"}
    assert refuser_names(loaded().scenario.incidents[0], loaded().scenario) == set()


def test_other_costs_by_hand(found: Found) -> None:
    finance = loaded().scenario.finance
    assert finance is not None
    for month in found.months:
        for name in found.names:
            costs = other_costs(finance, month, Case(name))
            hours = 4 if name == "shared" else 1
            assert costs["counting"] == round(hours * month.values[HOURLY_RATE])
            assert costs["audit"] == 10 * MICRO
            bill = month.bills[Case(name)]
            assert costs["goodwill"] == int(bill.lost.sum()) * 100_000
            reach = bill.reached["ban"] * month.counts["ban"]
            assert costs["recovery"] == round(reach * month.values["finance/costs/recovery"])


@pytest.mark.parametrize(("executor", "workers"), [("threads", 2), ("processes", 2)])
def test_pools_change_nothing(found: Found, executor: str, workers: int) -> None:
    other = run(months=6, executor=executor, workers=workers)
    for first, second in zip(found.months[:6], other.months, strict=True):
        assert (first.digests, first.values, first.counts) == (second.digests, second.values, second.counts)
        for case, bill in first.bills.items():
            assert np.array_equal(bill.micro_usd, second.bills[case].micro_usd)


def test_an_interrupted_study_goes_on(tmp_path: Path) -> None:
    what, options = loaded(), Options(months=5, tornado_months=0)
    names, work = tuple(what.scenario.configurations), prepare(what, options)
    ran: list[Job] = []

    class Counting:
        workers = 1

        def map(self, call, items):  # type: ignore[no-untyped-def]
            for job in items:
                ran.append(job)
                yield call(job)

    times = iter(range(0, 10_000, 30))
    kept = Kept(tmp_path, "same", lambda: float(next(times)))
    first = run_all(work, names, replace(options, months=3), Counting(), Silent(), kept)
    again = run_all(work, names, options, Counting(), Silent(), Kept(tmp_path, "same"))
    assert [job.month for job in ran] == [0, 1, 2, 3, 4]
    assert [month.digests for month in again.months[:3]] == [month.digests for month in first.months]
    other = Kept(tmp_path, "another scenario")
    assert not other.done
    kept.clear()
    assert not list(tmp_path.iterdir())


def test_engines_agree_on_a_month() -> None:
    what = loaded()
    job = Job(1, (Case("shared"), Case("capped"), Case("accounts", repriced=True)))
    fast, slow = (
        run_month(prepare(what, Options(engine=engine)), job) for engine in ("compiled", "simpy")
    )  # fmt: skip
    assert fast.digests == slow.digests
    assert sum(fast.counts.values()) > 0


# Savings


@st.composite
def ledgers(draw: st.DrawFn) -> tuple[Ledger, Saving]:
    names = ("a", "b", "c", "d")[: draw(st.integers(2, 4))]
    priced = draw(st.booleans())
    months = draw(st.integers(1, 5))
    amounts = st.integers(0, 10**12)

    def account() -> Account:
        bill = np.array(draw(st.lists(amounts, min_size=6 * months, max_size=6 * months)), np.int64)
        other = np.array(draw(st.lists(amounts, min_size=2 * months, max_size=2 * months)), np.int64)
        zeros = np.zeros((months, 2), np.int64)
        return Account(bill.reshape(months, 2, 3), other.reshape(months, 2), zeros, zeros)

    accounts = {
        Case(name, repriced): account() for name in names for repriced in ((False, True) if priced else (False,))
    }
    prices = {"m": {"input": "$1", "output": "$1"}} if priced else {}
    saving = Saving.model_validate({"from": names[0], "to": list(names[1:]), "prices": prices})
    return Ledger(("x", "y"), ("hours", "bans"), accounts), saving


@settings(max_examples=60, deadline=None)
@given(ledgers())
def test_the_parts_of_a_saving_sum_to_it_exactly(made: tuple[Ledger, Saving]) -> None:
    ledger, saving = made
    parts = parts_of(ledger, saving)
    last = Case(saving.to[-1], repriced=bool(saving.prices))
    saved = ledger[Case(saving.from_)].total - ledger[last].total
    assert np.array_equal(parts.sum(), saved * parts.times)
    by_lever = sum((parts.sum(lever) for lever in (PRICE, *saving.to)), 0 * saved)
    by_component = sum((parts.sum(None, one) for one in (BILL, "hours", "bans")), 0 * saved)
    assert np.array_equal(by_lever, by_component) and np.array_equal(by_lever, saved * parts.times)


def _ledger(old: list[int], new: list[int]) -> tuple[Ledger, Saving]:
    """One month, one team, bills only."""
    zeros = np.zeros((1, 1), np.int64)

    def account(value: int) -> Account:
        return Account(np.array([[[value, 0, 0]]]), np.zeros((1, 0), np.int64), zeros, zeros)

    names = "abcd"[: len(old)]
    accounts = {Case(name): account(value) for name, value in zip(names, old, strict=True)}
    accounts |= {Case(name, repriced=True): account(value) for name, value in zip(names, new, strict=True)}
    prices = {"m": {"input": "$1", "output": "$1"}}
    return Ledger(("x",), (), accounts), Saving.model_validate({"from": "a", "to": list(names[1:]), "prices": prices})


def test_a_lever_gets_its_mean_over_the_orders() -> None:
    # Alone a tenth of the price saves 90, the step 40; together 94: whoever comes first gets more.
    parts = parts_of(*_ledger([100, 60], [10, 6]))
    assert parts.times == 2
    assert parts.sum(PRICE).tolist() == [90 + 54]  # first 90, second 54
    assert parts.sum("b").tolist() == [40 + 4]
    # Two steps: three places of the price.
    parts = parts_of(*_ledger([100, 60, 50], [10, 6, 5]))
    assert parts.sum(PRICE).tolist() == [90 + 54 + 45]
    assert parts.sum("b").tolist() == [4 + 40 + 40]
    assert parts.sum("c").tolist() == [1 + 1 + 10]


def test_a_saving_that_does_not_sum_is_refused() -> None:
    parts = parts_of(*_ledger([100, 60], [10, 6]))
    with pytest.raises(ValueError, match="do not sum"):
        replace(parts, saved=parts.saved + 1).check()


# Assumptions


def test_triangles() -> None:
    uniform = (np.arange(100_000) + 0.5) / 100_000
    values = np.array([triangular(float(one), (1, 2, 6)) for one in uniform])
    assert values.min() > 1 and values.max() < 6
    assert values.mean() == pytest.approx(3, abs=1e-3)  # (low + mode + high) / 3
    assert values.var() == pytest.approx((1 + 4 + 36 - 2 - 6 - 12) / 18, abs=1e-2)
    assert triangular(0.3, (2, 2, 2)) == 2
    assert triangular(0.5, (0, 0, 4)) == pytest.approx(4 - 8**0.5)


def test_what_is_written_alike_is_one_assumption() -> None:
    known = assumptions(loaded().scenario)
    titles = [one.title for one in known]
    assert "counting" in titles and "counting, capped, accounts" in titles
    assert len({one.key for one in known}) == len(known) == 10
    assert drawn(known, 1, 3) == drawn(known, 1, 3) != drawn(known, 1, 4)
    fixed = at_modes(known, HOURLY_RATE, 5.0)
    assert fixed[HOURLY_RATE] == 5.0
    assert all(fixed[one.key] == one.bounds[1] for one in known if one.key != HOURLY_RATE)


def test_an_hour_swings_the_tornado_by_hand(found: Found) -> None:
    finance = loaded().scenario.finance or Finance()
    cases = tornado_cases(loaded().scenario, found.names)
    assert [case.configuration for case in cases] == ["shared", "accounts"]
    bars = {bar.assumption.key: bar for bar in tornado.bars(found.work.known, found.ends, finance, cases)}
    hour = bars[HOURLY_RATE]
    # Three hours less: from $50 to $150 an hour the saving rises by 3 × $100, whatever else happens.
    assert hour.swing.value == pytest.approx(300)
    assert (hour.at_high - hour.at_low, hour.swing.low) == pytest.approx((300, 300))
    assert {"incidents/loop/per_month", "incidents/loop/length", "finance/costs/recovery", HOURLY_RATE} == set(bars)
    swings = [abs(bar.swing.value) for bar in tornado.bars(found.work.known, found.ends, finance, cases)]
    assert swings == sorted(swings, reverse=True)


def test_the_ends_of_a_rate_share_their_luck(found: Found) -> None:
    key = "incidents/loop/per_month"
    few, many = found.ends[key, 0.5], found.ends[key, 3.0]
    assert sum(month.counts["loop"] for month in many) > sum(month.counts["loop"] for month in few)
    for less, more in zip(few, many, strict=True):
        assert less.counts["loop"] <= more.counts["loop"]
        # The shared key has no cap: more loops send more.
        assert less.bills[Case("shared")].total <= more.bills[Case("shared")].total


# Settings


def test_budgets_and_names() -> None:
    scenario = loaded().scenario
    assert budget_of(None, scenario) == 25
    assert budget_of("$3k", scenario) == budget_of("$100/day", scenario) == 3000
    for text in ("lots", "3000", "$3/s"):
        with pytest.raises(BadInput, match="not a budget"):
            budget_of(text, scenario)
    assert chosen((), scenario) == ("shared", "capped", "accounts")
    assert chosen(("accounts", "shared"), scenario) == ("shared", "accounts")
    with pytest.raises(BadInput, match="capped"):
        chosen(("caped",), scenario)


def test_a_part_of_the_configurations_has_no_saving() -> None:
    scenario = loaded().scenario
    assert {case.configuration for case in cases_of(scenario, ("shared",))} == {"shared"}
    assert not any(case.repriced for case in cases_of(scenario, ("shared", "accounts")))
    assert len(cases_of(scenario, ("shared", "capped", "accounts"))) == 9


def test_more_faults_than_there_is_luck_for() -> None:
    text = TEXT.replace("per_month: 0.3", "per_month: 37")
    work = prepare(loaded(text), Options())
    values = work.values(Job(0, ())) | {"incidents/ban/per_month": 400.0}
    from sim.study.cost.month import timeline_of

    with pytest.raises(RunInvalid, match="more than 126 faults"):
        timeline_of(work.scenario, 0, values)


def test_a_month_that_does_not_fit_is_told_before_any_is_run() -> None:
    wild = TEXT.replace("rate: 30/min", "rate: {median: 30/min, p95: 30000/min}")
    with pytest.raises(BadInput, match=r"a month of more than 8,000,000 requests .*in month \d+.*(?s:.*)lower rates"):
        study(wild, months=400, tornado_months=0)


def test_months_can_be_written_down(found: Found) -> None:
    month = found.months[0]
    assert isinstance(month, Month) and isinstance(month.bills[Case("shared")], Bill)
    assert json.dumps(month.values)
