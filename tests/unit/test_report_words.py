"""The words of a report: every case, and every number in a sentence stands in the summary."""

from __future__ import annotations

import copy
import math
import re

import pytest

from sim.report import numbers
from sim.report.numbers import NB, Stat
from sim.report.words import answer, verdict
from tests.unit import report_sample as sample

NUMBER = re.compile(r"[+\u2212]?\$?\d[\d,]*(?:\.\d+)?")
QUANTITY = re.compile(rf"({NUMBER.pattern})(?: (%|points|s\b))?(?: ± ({NUMBER.pattern}))?")


def plain(text):
    return text.replace(NB, " ")


def put(found, name, team, **values):
    """Set metrics of a team; a success rate also sets the rate of its own workload."""
    if "success_rate" in values:
        values["own_success_rate"] = values["success_rate"]
    for metric, mean in values.items():
        found["configurations"][name]["teams"][team][metric] = sample.metric(mean, 0.001)
    return found


def every_number(value):
    """All means, bounds and halves of intervals in a summary (not the points of its time series)."""
    if isinstance(value, dict):
        if set(value) >= {"mean", "ci95"} and value["ci95"][0] is not None:
            yield (value["ci95"][1] - value["ci95"][0]) / 2
        for name, inner in value.items():
            if name != "series":
                yield from every_number(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from every_number(inner)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield float(value)


def claims(text):
    """(number as written, its unit) of each quantity in ``text``; an interval has its mean's unit."""
    for found in QUANTITY.finditer(text):
        unit = found[2] or ""
        yield found[1], unit
        if found[3]:
            yield found[3], "points" if unit == "%" else unit


def forms(value, unit):
    """What may be said of a number of the summary: as it is; a share as percent, or its complement."""
    return {"%": (100 * value, 100 * (1 - value)), "points": (100 * value,)}.get(unit, (value,))


def stray_numbers(text, found, names):
    """Numbers of ``text`` that no number of the summary rounds to."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, "")
    text = plain(text).replace("p95", "").replace("95th", "").replace("--replications 20", "")
    known, stray = list(every_number(found)), []
    for said, unit in claims(text):
        value = float(said.replace("\u2212", "-").replace("$", "").replace(",", ""))
        near = 0.5000001 / 10 ** len(said.partition(".")[2])
        if not any(abs(form - value) <= near for one in known for form in forms(one, unit)):
            stray.append(said)
    return stray


def everything(found):
    said = answer(found)
    return " ".join([said.headline, *said.details, *said.warnings])


def test_the_sentence_of_the_issue():
    said = answer(sample.summary())
    assert plain(said.headline) == (
        "On the shared key checkout loses 31.4 % ± 2.1 of its requests, 84 % of that because of analytics; "
        "with projects it loses 0.20 % ± 0.07."
    )
    assert said.leads == ("checkout", "analytics")
    price = "The price is paid by analytics: 81.2 % of its requests succeed on the shared key, 68.8 % with projects"
    assert any(plain(text).startswith(price) for text in said.details)
    assert said.warnings == ()


CASES = {
    "two": sample.summary(),
    "ladder": sample.summary(sample.TEN, sample.RUNGS),
    "many": sample.summary(sample.forty_seven()),
    "single": sample.summary(configurations=("shared",), single=True),
    "alone": sample.summary(("checkout",)),
}


@pytest.mark.parametrize("case", CASES)
def test_every_number_in_the_words_stands_in_the_summary(case):
    found = CASES[case]
    names = [*found["configurations"], *found["configurations"]["shared"]["teams"]]
    text = everything(found)
    assert NUMBER.search(text)
    assert stray_numbers(text, found, names) == []


def test_a_wrong_number_would_be_seen():
    found = CASES["two"]
    assert stray_numbers("loses 31.5 % ± 2.1", found, ()) == ["31.5"]


def test_the_victim_of_others_opens_even_when_the_culprit_loses_more():
    found = put(sample.summary(), "shared", "analytics", success_rate=0.3)
    assert answer(found).leads == ("checkout", "analytics")


def test_consumption_speaks_where_no_counterfactual_was_run():
    found = sample.summary()
    found["contention"]["shared"]["counterfactual"] = {}
    assert "; analytics held 71 % of the capacity that it was missing" in plain(answer(found).headline)


def test_a_weak_culprit_is_not_blamed():
    found = sample.summary()
    found["contention"]["shared"]["counterfactual"]["checkout"]["analytics"] = 0.04
    found["contention"]["shared"]["counterfactual_ci95"]["checkout"]["analytics"] = [0.01, 0.07]
    assert verdict(found).cause.kind == "nobody"
    assert "because" not in answer(found).headline
    assert "but no other team is the cause" in answer(found).headline


def test_a_share_whose_interval_holds_zero_is_not_blamed():
    found = sample.summary()
    found["contention"]["shared"]["counterfactual_ci95"]["checkout"]["analytics"] = [-0.2, 1.9]
    assert verdict(found).cause.kind == "nobody"


def test_a_share_beyond_the_whole_is_said_as_the_whole():
    found = sample.summary()
    found["contention"]["shared"]["counterfactual"]["checkout"]["analytics"] = 1.04
    assert "100 % of that because of analytics" in plain(answer(found).headline)


def test_a_team_that_hurts_itself():
    found = sample.summary()
    found["contention"]["shared"] = {"consumption": {"checkout": {"checkout": 0.93, "analytics": 0.07}}}
    said = plain(answer(found).headline)
    assert "93 % of the capacity that it was missing it had used itself" in said
    assert verdict(found).cause.who == "checkout"


def test_a_storm_is_nobodys_fault():
    found = put(sample.summary(), "shared", "checkout", server_error_share=0.42, rate_limited_share=0.01)
    found["contention"]["shared"]["counterfactual"] = {"checkout": {"analytics": 0.0}}
    said = answer(found)
    assert said.verdict.cause.kind == "errors"
    assert "42.0 % of its attempts met server errors" in plain(said.headline)


def test_what_remains_is_explained():
    found = put(sample.summary(), "projects", "checkout", success_rate=0.97)
    put(found, "projects", "checkout", server_error_share=0.03, rate_limited_share=0.0)
    text = "What checkout still loses with projects comes from server errors, which no arrangement of keys prevents."
    assert text in answer(found).details
    assert text not in answer(sample.summary()).details


def calm():
    found = sample.summary()
    for name in found["configurations"]:
        for team in found["configurations"][name]["teams"]:
            put(found, name, team, success_rate=0.9995, throttle_wait_p95_s=0.05)
    return found


def test_nobody_is_hurt():
    said = answer(calm())
    assert said.verdict.kind == "calm"
    assert plain(said.headline).startswith(
        "On the shared key no team is clearly hurt: every team succeeds with at least 99.9"
    )


def test_isolation_that_harms_where_nobody_was_hurt():
    found = calm()
    put(found, "projects", "analytics", success_rate=0.688)
    said = plain(answer(found).headline)
    assert said.endswith("(analytics); but with projects analytics loses 31.20 % ± 0.10.")
    put(found, "shared", "checkout", throttle_wait_p95_s=12.5)
    assert plain(answer(found).headline).endswith("; but with projects analytics loses 31.20 % ± 0.10.")


def test_a_perfect_baseline():
    found = calm()
    for team in ("checkout", "analytics"):
        for name in ("shared", "projects"):
            put(found, name, team, success_rate=1.0)
    found["paired"] = {}
    assert plain(answer(found).headline).endswith("every team succeeds with 100.00 % ± 0.10 of its requests.")


def test_who_pays_is_shown_among_the_first():
    found = sample.summary(sample.forty_seven())
    found["paired"]["projects - shared"]["teams"]["service-40"]["own_success_rate"] = sample.metric(-0.9, 0.01)
    assert answer(found).leads == ("service-00", "service-01", "service-40")
    assert sample.make(found).cast.top[2] == "service-40"


def test_charts_open_where_the_harm_is():
    assert answer(sample.summary()).scene == ("checkout", "shared")
    assert answer(put(calm(), "projects", "analytics", success_rate=0.688)).scene == ("analytics", "projects")


def test_a_wait_whose_interval_holds_zero_is_no_finding():
    found = calm()
    found["configurations"]["shared"]["teams"]["checkout"]["throttle_wait_p95_s"] = sample.metric(4.0, 7.0)
    assert verdict(found).kind == "calm"


def test_who_hammers():
    found = put(sample.summary(), "shared", "analytics", attempts_per_request=246.0)
    said = [plain(text) for text in answer(found).details if "attempts for each request" in text]
    assert said == ["analytics makes 246 ± <1 attempts for each request on the shared key."]
    assert not any("attempts for each request" in text for text in answer(sample.summary()).details)


def test_waiting_is_a_harm_too():
    found = put(calm(), "shared", "checkout", throttle_wait_p95_s=12.5)
    said = answer(found)
    assert said.verdict.kind == "wait"
    assert "no team clearly loses requests, but checkout waits 12.5" in plain(said.headline)
    assert "with projects it waits 0.05" in plain(said.headline)


def test_one_configuration_compares_with_nothing():
    said = answer(sample.summary(configurations=("shared",)))
    assert plain(said.headline).endswith("because of analytics.")
    assert not any("price" in text for text in said.details)


def test_one_replication_has_no_intervals_and_says_so():
    said = answer(CASES["single"])
    assert "±" not in everything(CASES["single"])
    assert any("One replication only" in text for text in said.warnings)


def test_nobody_pays():
    found = sample.summary()
    found["paired"]["projects - shared"]["teams"]["analytics"]["own_success_rate"] = sample.metric(-0.004, 0.05)
    assert "No team loses more requests with projects than on the shared key." in answer(found).details


def test_several_pay():
    found = sample.summary(sample.TEN)
    for team in ("search", "mail"):
        found["paired"]["projects - shared"]["teams"][team]["own_success_rate"] = sample.metric(-0.05, 0.01)
    assert any("Up to two other teams lose there too." in text for text in answer(found).details)


def test_configurations_with_the_same_loss_stand_together():
    text = plain(answer(CASES["ladder"]).headline)
    assert "with projects, behind the gateway and with separate accounts it loses 0.20 % ± 0.07" in text
    assert "with a key for each team it loses 31.4 % ± 2.1" in text


def test_unequal_capacity_is_a_warning():
    found = sample.summary()
    found["configurations"]["projects"]["capacity"] = {"requests_per_min": 600.0, "burst": 60.0}
    (warning,) = answer(found).warnings
    assert "do not have the same total capacity" in warning
    assert "(“shared” 60 requests/min, burst 60; “projects” 600 requests/min, burst 60)" in plain(warning)


def test_two_regimes_are_told_as_two():
    found = copy.deepcopy(CASES["two"])
    found["configurations"]["shared"]["regimes"] = {
        "checkout": {"stuck_share": 0.35, "stuck_mean": 0.12, "well_mean": 0.991, "replications": 20}
    }
    (warning,) = answer(found).warnings
    assert "in 35.0 % of the replications it is stuck at 12.0 % success, in the others it reaches 99.1 %" in plain(
        warning
    )


def test_other_names_are_quoted_as_they_are():
    found = sample.summary(configurations=("mine", "projects"))
    assert answer(found).headline.startswith("With “mine” checkout loses")


@pytest.mark.parametrize(
    ("mean", "half", "kind", "text"),
    [
        (0.314, 0.021, "share", "31.4 % ± 2.1"),
        (0.9996, 0.0002, "share", "99.96 % ± 0.02"),
        (0.9996, math.nan, "share", "99.96 %"),
        (18.86, 0.91, "seconds", "18.9 s ± 0.9"),
        (0.0421, 0.0012, "seconds", "0.042 s ± 0.001"),
        (1843.2, 31.0, "seconds", "1,843 s ± 31"),
        (12345.4, 88.0, "count", "12,345 ± 88"),
        (12.304, 0.21, "usd", "$12.30 ± 0.21"),
        (0.00431, math.nan, "usd", "$0.0043"),
        (1.9421, 0.031, "ratio", "1.94 ± 0.03"),
        (math.nan, math.nan, "usd", "–"),
        (0.0, 0.0, "share", "0 %"),
        (1.0, 0.0, "share", "100 %"),
        (0.4, 0.0, "share", "40.0 %"),
        (0.5, 0.000001, "share", "50.00 % ± <0.01"),
    ],
)
def test_digits_follow_the_interval(mean, half, kind, text):
    assert plain(numbers.with_interval(Stat(mean, mean - half, mean + half), kind)) == text


def test_signs():
    assert plain(numbers.with_interval(Stat(-0.124, -0.138, -0.110), "share", sign=True, unit="points")) == (
        "\u221212.4 points ± 1.4"
    )
    assert numbers.value_text(Stat(-3.0), "usd", sign=True) == "\u2212$3.00"
    assert numbers.value_text(Stat(3.0), "usd", sign=True) == "+$3.00"


def test_missing_values_are_read_as_unknown():
    assert not numbers.stat({}, "x").known
    assert not numbers.stat({"x": {"mean": None, "ci95": [None, None]}}, "x").known
    assert numbers.stat({"x": {"mean": 2, "ci95": [1, 3]}}, "x") == Stat(2, 1, 3)


# Spend caps


def test_a_cap_that_is_passed_opens_the_report():
    found = answer(sample.summary(capped=True))
    assert plain(found.headline) == (
        "On the shared key the spend cap is passed by $4.50 ± 0.34 (22.5 % of $20/day); with projects none is passed."
    )
    assert plain(found.details[0]) == plain(answer(sample.summary()).headline), "what teams lose comes next"


def test_of_several_caps_the_worst_is_told_and_different_amounts_have_no_share():
    found = sample.summary(capped=True)
    side = found["configurations"]["shared"]
    side["budgets"].append({**sample.cap("project:x", reserved=False), "per": "$3/hour", "cap_usd": 3.0})
    assert plain(answer(found).headline).startswith(
        "On the shared key the worst of two spend caps is passed by $4.50 ± 0.34;"
    )


@pytest.mark.parametrize("change", [{"overshoot_share": sample.metric(0.004)}, {"known": False}])
def test_a_cap_that_is_hardly_passed_or_not_known_does_not_open_it(change):
    found = sample.summary(capped=True)
    for side in found["configurations"].values():
        side["budgets"][0].update(change)
    assert answer(found).headline == answer(sample.summary()).headline


def test_of_many_configurations_only_the_best_and_the_worst_are_named():
    names = ("shared", *(f"try {at}" for at in range(8)))
    found = sample.summary(configurations=names)
    for at, name in enumerate(names[1:]):
        for metric in ("success_rate", "own_success_rate"):
            found["configurations"][name]["teams"]["checkout"][metric] = sample.metric(0.9 + at / 100, 0.001)
    text = plain(answer(found).headline)
    assert "in the other 8 configurations it loses from 3.00 % ± 0.10 (with “try 7”) to 10.00 % ± 0.10" in text
    assert "try 3" not in text


def with_budgets(*dollars):
    """Sides that differ in nothing but what they may spend in a month; None is no cap."""
    found = sample.summary(configurations=("shared", "projects", "gateway"))
    for side, amount in zip(found["configurations"].values(), dollars, strict=True):
        side["capacity"] = {"requests_per_min": 60.0} | ({} if amount is None else {"spend_cap_usd_per_month": amount})
    return found


def test_unequal_budgets_are_told_as_budgets_not_as_capacity():
    (warning,) = answer(with_budgets(5000.0, 4950.0, 5000.0)).warnings
    assert plain(warning) == (
        "The configurations may not spend the same in all (“shared” and “gateway” 5,000 USD/month spend cap; "
        "“projects” 4,950 USD/month spend cap). Part of what they change is the budget."
    )


@pytest.mark.parametrize("dollars", [(5000.0, 5000.0, 5000.0), (None, 5000.0, 5000.0), (None, None, None)])
def test_equal_budgets_and_a_side_without_one_need_no_warning(dollars):
    assert answer(with_budgets(*dollars)).warnings == ()
