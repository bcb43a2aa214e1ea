"""Storms, cut limits, prices and extra traffic, worked out by hand; and who is asked first at the door."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction

import pytest

from sim.engine.run import ENGINES
from tests.unit.fault_runs import COST, SHARED, SIZES, Body, Try, ladder, run, scenario, statuses, steady, team, tries

WINDOW = {"at": "60s", "for": "60s"}

# Storms


def storm(**more: object) -> Body:
    return {"storm": {**WINDOW, "status": 503, **more}}


def test_a_storm_refuses_from_its_start_to_just_before_its_end_for_nothing() -> None:
    key = {"isolation": "shared", "limits": {"requests": "1/min", "burst": 2}}
    found = tries({"a": team(60, 119.999, 120, 121, 122)}, storm(retry_after="7s"), key=key)
    assert statuses(found) == [503, 503, 200, 200, 429], "what it refuses takes nothing from a limit"
    assert [(one.by, one.after, one.cost) for one in found[:2]] == [("storm:503", 7, 0)] * 2


def test_a_storm_without_retry_after_carries_none() -> None:
    (one,) = tries({"a": team(60)}, storm(status=529))
    assert (one.status, one.after) == (529, -1)


def test_fail_first_refuses_exactly_so_many_attempts_retries_included() -> None:
    again = {"max_attempts": 3, "base": "1s", "jitter": "none", "multiplier": 1}
    found = tries({"a": team(60, 60.5, 61.2, retry=again)}, storm(fail_first=4))
    assert [(one.at, one.status) for one in found] == [
        (60, 503), (60.5, 503), (61, 503), (61.2, 503), (61.5, 200), (62, 200), (62.2, 200),
    ]  # fmt: skip


def test_fail_first_counts_only_what_it_refuses_itself() -> None:
    # The team without access, the broken connection and the other team do not use it up.
    key = {"accounts": {"main": {"projects": {
        "closed": {"teams": ["b"], "models": ["other"]}, "open": {"teams": ["a", "c"]},
    }}}}  # fmt: skip
    faults = [storm(fail_first=2), {"connection_reset": {**WINDOW, "when": "connect", "team": "c"}}]
    times = {"a": team(64, 65, 66), "b": team(61), "c": team(62)}
    found = tries(times, *faults, key=key, models={"m": {"like": "gpt-4.1"}, "other": {"like": "gpt-4.1"}})
    assert [(one.team, one.status) for one in found] == [("b", 403), ("c", 0), ("a", 503), ("a", 503), ("a", 200)]


def test_the_first_storm_in_the_file_hits_first_and_hands_over_when_it_is_spent() -> None:
    found = tries({"a": team(61, 62, 63)}, storm(fail_first=1), storm(status=429, fail_first=1))
    assert statuses(found) == [503, 429, 200]


@pytest.mark.parametrize(("scope", "hit"), [
    ({}, "abc"), ({"team": "b"}, "b"), ({"account": "two"}, "c"), ({"project": "default"}, "bc"),
    ({"key": "default"}, "bc"), ({"key": "own"}, "a"), ({"account": "one", "project": "default"}, ""),
    ({"model": "m"}, "abc"),
])  # fmt: skip
def test_a_scope_is_all_that_has_the_name(scope: Body, hit: str) -> None:
    key = {"accounts": {
        "one": {"projects": {"front": {"keys": {"own": {"teams": ["a"]}}}}},
        "three": {"teams": ["b"]}, "two": {"teams": ["c"]},
    }}  # fmt: skip
    found = tries({name: team(61) for name in "abc"}, storm(**scope), key=key)
    assert "".join(one.team for one in found if one.status == 503) == hit


# Limits that are cut


def cut(**more: object) -> Body:
    return {"limits_cut": {**WINDOW, "to": "50%", **more}}


def limited(**limits: object) -> Body:
    return {"isolation": "shared", "limits": limits}


def reference(times: Sequence[Fraction], cuts: Sequence[tuple[int, int, Fraction]]) -> Iterator[bool]:
    """60 a minute with a burst of 10, cut for a while: two buckets in exact fractions of a request."""
    rate, cap, own, low, last = Fraction(1), Fraction(10), Fraction(10), Fraction(0), Fraction(0)
    start, end, share = cuts[0]
    for now in times:
        if last < start <= now:
            own, last = min(cap, own + (start - last) * rate), Fraction(start)
            low = min(cap * share, own)
        own, low = min(cap, own + (now - last) * rate), min(cap * share, low + (now - last) * rate * share)
        last, during = now, start <= now < end
        fits = own >= 1 and (low >= 1 or not during)
        own, low = own - fits, low - (fits and during)
        yield fits


def test_a_cut_bucket_lets_pass_what_its_lower_rate_and_burst_allow() -> None:
    found = tries({"a": steady("4/s")}, cut(), key=limited(requests="60/min", burst=10))
    passed = [one.status == 200 for one in found]
    times = [Fraction(round(one.at * 1000), 1000) for one in found]
    assert passed == list(reference(times, [(60, 120, Fraction(1, 2))]))
    counts = [sum(ok for ok, at in zip(passed, times, strict=True) if low <= at < low + 60) for low in (0, 60, 120)]
    # The burst and a minute's rate; half of that from the first second of the cut on; then what was saved.
    assert counts == [69, 30, 69]


@pytest.mark.parametrize("to", ["20%", "50%", "90%"])
@pytest.mark.parametrize("algorithm", ["token_bucket", "fixed_window", "sliding_window"])
def test_in_any_time_of_a_cut_no_more_passes_than_the_cut_limit_allows(algorithm: str, to: str) -> None:
    share = Fraction(to.strip("%")) / 100
    found = tries({"a": steady("4/s")}, cut(to=to), key=limited(requests="60/min", algorithm=algorithm))
    passed = [one.at for one in found if one.status == 200 and 60 <= one.at < 120]
    over = {"token_bucket": 1, "fixed_window": 2, "sliding_window": 1}[algorithm]
    for at, start in enumerate(passed):
        for more, end in enumerate(passed[at:], 1):
            assert more <= share * 60 * over + Fraction(end - start) * share


def test_a_cut_window_counts_what_it_counted_before() -> None:
    # 20 a minute, 12 used by 1:02; the cut to 10 at 1:10 refuses until the minute is over.
    key = limited(requests="20/min", algorithm="fixed_window")
    window = {"at": "70s", "for": "80s", "to": "50%"}
    found = tries({"a": team(*[62] * 12, 71, *[121] * 12, *[151] * 12)}, {"limits_cut": window}, key=key)
    assert statuses(found)[:13] == [200] * 12 + [429]
    assert found[12].after == 49, "until the next minute"
    assert sum(one.status == 200 for one in found if one.at == 121) == 10
    assert sum(one.status == 200 for one in found if one.at == 151) == 10, "the whole limit again: 20 less 10"


def test_a_cut_sliding_window_counts_what_it_counted_before() -> None:
    key = limited(requests="20/min", algorithm="sliding_window")
    found = tries({"a": team(*[30] * 15, 61, 92, 121)}, cut(), key=key)
    assert statuses(found) == [200] * 15 + [429, 200, 200]


def test_cut_concurrency_waits_until_fewer_run() -> None:
    # Four under way when the cut to two begins; they end at 61, 61.2, 61.4 and 61.6 s.
    found = tries(
        {"a": team(59, 59.2, 59.4, 59.6, 60.5, 61.3, 61.5, 61.7, 62, 120, 120, 120)}, cut(), key=limited(concurrency=4)
    )
    assert statuses(found) == [200] * 4 + [429, 429, 200, 200, 429, 200, 200, 200]


def test_of_two_cuts_both_must_agree() -> None:
    inner = {"limits_cut": {"at": "80s", "for": "20s", "to": "20%"}}
    found = tries({"a": team(*[70] * 9, *[90] * 9, *[110] * 9, *[130] * 9)}, cut(), inner, key=limited(concurrency=9))
    counts = [sum(one.status == 200 for one in found if one.at == at) for at in (70, 90, 110, 130)]
    assert counts == [4, 1, 4, 9]


def test_afterwards_the_limit_is_what_it_would_have_been_without_the_cut() -> None:
    key = limited(requests="6/min", burst=3)
    calm = {"a": team(*[55] * 3, 131, 132, 133, 134, 135, 142)}
    with_cut, without = tries(calm, cut(to="10%"), key=key), tries(calm, key=key)
    assert with_cut == without, "nothing was refused in the cut, so nothing differs after it"
    assert statuses(without)[3:] == [200, 200, 200, 429, 429, 200]


def test_tokens_that_end_in_a_cut_are_charged_to_it() -> None:
    # 600 output tokens a minute, cut to 60 with 6 at once: the ten of an older answer leave it 4 short.
    sizes = {"input_tokens": 10, "output_tokens": 10}
    two = [{"arrivals": {"herd": {"size": 1, "at": at}}, **SIZES, **sizes} for at in ("59s", "61.5s", "66s")]
    key = limited(output_tokens={"rate": "600/min", "burst": 60})
    found = tries({"a": {"workload": two, "client": {"retry": "none"}}}, cut(to="10%"), key=key)
    assert [(one.at, one.status, one.after) for one in found] == [(59, 200, -1), (61.5, 429, 5), (66, 200, -1)]


def test_a_debt_is_paid_at_the_rate_of_the_cut() -> None:
    # 60 output tokens a minute; 200 that end at 51 s leave 140 too many, 131 when the cut begins. At half the
    # rate 105 of them are paid by 270 s, where the whole limit would be full again.
    work = [{"arrivals": {"herd": {"size": 1, "at": at}}, **SIZES, "output_tokens": 200, "max_tokens": 200}
            for at in ("30s", "270s")]  # fmt: skip
    given = {"a": {"workload": work, "client": {"retry": "none"}}}
    slow = {"limits_cut": {"at": "60s", "for": "240s", "to": "50%"}}
    key = limited(output_tokens={"rate": "60/min", "burst": 60})
    assert [(one.status, one.after) for one in tries(given, slow, key=key)] == [(200, -1), (429, 30)]
    assert statuses(tries(given, key=key)) == [200, 200]


PATIENT = {"max_attempts": 2, "base": "0s", "jitter": "none", "obey_retry_after": True}


@pytest.mark.parametrize(("first", "limits", "size", "wait"), [
    (90, {"requests": "6/min", "burst": 2}, 1000, 20),  # one every 20 s, and nothing left
    (110, {"requests": "6/min", "burst": 2}, 1000, 10),  # the cut ends first
    (90, {"requests": "6/min", "algorithm": "fixed_window"}, 1000, 30),
    (70, {"input_tokens": "1500/min"}, 1000, 50),  # larger than the cut limit ever lets pass
])  # fmt: skip
def test_a_promised_wait_is_kept_across_the_edges_of_a_cut(first: int, limits: Body, size: int, wait: int) -> None:
    count = 2 if "burst" in limits else 4
    before = [first] * (count - 1) if size < 1500 and "input_tokens" not in limits else []
    found = tries({"a": team(*before, first, retry=PATIENT)}, cut(), key=limited(**limits))
    refused = [one for one in found if one.status == 429]
    assert [(one.at, one.after) for one in refused] == [(first, wait)]
    assert [(one.at, one.status) for one in found if one.attempt == 1] == [(first + wait, 200)]


def test_only_limits_in_scope_are_cut() -> None:
    key = {"accounts": {"main": {
        "limits": [{"requests": "60/min", "burst": 4}, {"input_tokens": "400k/min"}],
        "projects": {"p": {"teams": ["a"], "limits": {"requests": "60/min", "burst": 2}}, "q": {"teams": ["b"]}},
    }}}  # fmt: skip
    times = {"a": team(61, 61, 61), "b": team(61.5, 61.5)}
    counts = [
        [sum(one.status == 200 for one in tries(times, cut(to="25%", **scope), key=key) if one.team == name)
         for name in "ab"]
        for scope in ({}, {"project": "p"}, {"project": "q"}, {"dimensions": ["input_tokens"]})
    ]  # fmt: skip
    assert counts == [[1, 0], [1, 2], [2, 2], [2, 2]]


# Prices


def test_an_attempt_is_billed_at_the_price_of_its_start() -> None:
    change = {"price_change": {"at": "60s", "for": "60s", "model": "m", "price": {"input": "$2", "output": "$10"}}}
    found = tries({"a": team(59.999, 60, 119.999, 120)}, change)
    assert [one.cost for one in found] == [COST, 2000 + 100, 2000 + 100, COST]


def test_a_model_may_become_free() -> None:
    assert [one.cost for one in tries({"a": team(59, 60)}, {"price_change": {"at": "60s", "factor": 0}})] == [COST, 0]


@pytest.mark.parametrize("backwards", [False, True])
def test_price_changes_work_one_on_the_other(backwards: bool) -> None:
    double = {"price_change": {"at": "60s", "factor": 2}}
    half = {"price_change": {"at": "120s", "for": "60s", "factor": 0.5}}
    new = {"price_change": {"at": "150s", "model": "m", "price": {"input": "$3", "output": "$0"}}}
    changes = [double, half, new][:: -1 if backwards else 1]
    found = tries({"a": team(30, 90, 130, 160, 200)}, *changes)
    assert [one.cost for one in found] == [COST, 2 * COST, COST, 3000, 3000]


def test_a_cap_holds_what_the_price_of_the_start_can_cost() -> None:
    key = {**SHARED, "spend_cap": {"amount": "$0.0035/hour", "mode": "reserve"}}
    double = {"price_change": {"at": "60s", "factor": 2}}
    assert statuses(tries({"a": team(50, 50, 50, 50)}, double, key=key)) == [200, 200, 200, 400]
    assert statuses(tries({"a": team(60, 60)}, double, key=key)) == [200, 400]


# Traffic


def test_a_herd_is_the_teams_own_at_one_instant_through_its_client() -> None:
    herd = {"thundering_herd": {"team": "a", "at": "60s", "size": 9, "input_tokens": 500}}
    again = {"max_attempts": 2, "base": "3s", "jitter": "none", "obey_retry_after": False}
    found = tries({"a": team(1, retry=again)}, herd, key=limited(requests="60/min", burst=4))[1:]
    counts = Counter((one.at, one.status, one.attempt) for one in found)
    assert counts == {(60, 200, 0): 4, (60, 429, 0): 5, (63, 200, 1): 3, (63, 429, 1): 2}
    assert {one.origin for one in found} == {"workload"}
    assert {one.cost for one in found} == {0, 520}


def test_a_runaway_job_is_never_retried_and_stops_when_it_is_detected() -> None:
    job = {"runaway_job": {"team": "a", "at": "60s", "for": "60s", "rate": "10/s"}}
    found = tries({"a": team(1, retry="anthropic-sdk")}, job, key=limited(requests="60/min", burst=1))
    loop = [one for one in found if one.origin == "fault"]
    assert 500 < len(loop) < 700
    assert min(one.at for one in loop) >= 60 and max(one.at for one in loop) < 120
    assert {one.attempt for one in loop} == {0}
    passed = [one.at for one in loop if one.status == 200]
    assert 50 <= len(passed) <= 61, "the limit holds the loop to one a second, whatever it sends"


def test_a_cap_stops_a_runaway_job_before_it_is_detected() -> None:
    job = {"runaway_job": {"team": "a", "at": "60s", "for": "60s", "rate": "10/s"}}
    capped = {**SHARED, "spend_cap": {"amount": "$0.05/hour", "mode": "reserve"}}
    free, held = tries({"a": team(1)}, job), tries({"a": team(1)}, job, key=capped)
    assert sum(one.cost for one in free) > 500 * COST
    assert 50_000 - COST < sum(one.cost for one in held) <= 50_000
    assert {one.by for one in held if one.status == 400} == {"budget:account:shared"}


# The order of questions


STEPS = (
    ("connection", 0, "connection:reset"),
    ("ban", 403, "ban:account"),
    ("model", 403, "model:not_allowed"),
    ("storm", 503, "storm:503"),
    ("budget", 400, "budget:project:main/p"),
    ("limit", 429, "project:main/p:requests"),
    ("slot", 529, "slots:m"),
    ("content", 400, "policy:other"),
    ("nothing", 200, ""),
)
AT_A = {"at": "90s", "for": "60s", "team": "a"}
FAULTS: dict[str, Body] = {
    "connection": {"connection_reset": {**AT_A, "when": "connect"}},
    "storm": {"storm": AT_A},
    "content": {"policy_violations": {**AT_A, "probability": 1}},
    "ban": {"policy_violations": {"at": "60s", "for": "1s", "team": "banned", "probability": 1}},
}


def door(present: set[str]) -> Try:
    """The answer to team ``a`` at 100 s, where each of ``present`` would refuse it, prepared by the other teams."""
    project: Body = {"keys": {"k": {"teams": ["a"]}, "spender's": {"teams": ["spends"]}}}
    project |= {"spend_cap": "$0.0005/hour"} if "budget" in present else {}
    project |= {"limits": {"requests": "1/h", "burst": 1}} if "limit" in present else {}
    project["keys"]["k"] |= {"models": ["other"]} if "model" in present else {}
    accounts = {"main": {"projects": {"p": project, "q": {"teams": ["banned"]}}}, "side": {"teams": ["answered"]}}
    other = team(60)
    other["workload"][0]["model"] = "other"
    found = tries(
        {"a": team(100), "spends": team(1), "banned": other, "answered": team(53)},
        *(fault for name, fault in FAULTS.items() if name in present),
        key={"accounts": accounts},
        models={
            "m": {"like": "gpt-4.1", "first_token": "50s", **({"slots": 1} if "slot" in present else {})},
            "other": {"like": "gpt-4.1"},
        },
    )
    return next(one for one in found if one.team == "a")


@pytest.mark.parametrize("at", range(len(STEPS)))
def test_who_is_asked_first_at_the_door(at: int) -> None:
    name, status, by = STEPS[at]
    after = {step for step, _, _ in STEPS[at:]}
    answer = door(after)
    assert (answer.status, answer.by) == (status, by), name


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_says_the_same_of_all_of_them_at_once(engine: str) -> None:
    faults = [storm(probability=0.3, fail_first=9), cut(), cut(to="30%", dimensions=["requests"]),
              {"price_change": {"at": "70s", "factor": 3}}, {"thundering_herd": {"team": "a", "at": "80s", "size": 40}},
              {"runaway_job": {"team": "a", "at": "90s", "for": "20s", "rate": "3/s"}}]  # fmt: skip
    limits = [{"requests": "60/min", "burst": 5}, {"tokens": "60k/min"}, {"concurrency": 9},
              {"requests": "300/min", "algorithm": "sliding_window", "charge_rejected": True}]  # fmt: skip
    given = scenario({"a": steady("1/s", "openai-sdk")}, *faults, key=ladder("shared", limits=limits))
    assert run(given, engine) == run(given)
