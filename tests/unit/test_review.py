"""Review of refused content: the queue against theory and by hand, and what a study says of it."""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.metrics.review import begins, desks, reviews, waiting
from sim.metrics.series import tables as metric_inputs
from sim.report.page import document
from sim.report.review import review_sections
from sim.scenario.loader import load_text
from sim.study.compare import Options, compare
from sim.study.progress import Silent
from tests.unit import report_sample
from tests.unit.metric_tables import Ask, Try, context, good, scenario, tables

pytestmark = pytest.mark.usefixtures("simpy_aside")

FAULT = {"at": "1m", "for": "9m", "probability": 0.5, "categories": {"security": 0.5}}
DESK = {"policy_violations": {**FAULT, "review": {"reviewers": 2, "each": "30s"}}}


def by_heap(arrivals: list[int], reviewers: int, each: int) -> list[int]:
    """The same queue as a list of reviewers and when each is free."""
    free, found = [0] * reviewers, []
    for at in arrivals:
        found.append(max(at, heapq.heappop(free)))
        heapq.heappush(free, found[-1] + each)
    return found


@pytest.mark.parametrize("reviewers", [1, 2, 3, 7])
def test_items_begin_as_in_a_queue_with_a_list_of_reviewers(reviewers: int) -> None:
    rng = np.random.default_rng(reviewers)
    arrivals = np.sort(rng.integers(0, 10_000, 400))
    for each in (1, 20, 90, 500):
        assert begins(arrivals, reviewers, each).tolist() == by_heap(arrivals.tolist(), reviewers, each)


def test_one_reviewer_of_random_items_waits_what_pollaczek_and_khinchine_say() -> None:
    # M/D/1 at rho = 0.8: Wq = rho D / (2 (1 - rho)) = 2 D.
    rng = np.random.default_rng(35)
    means = []
    for _ in range(60):
        arrivals = np.cumsum(rng.exponential(1250, 20_000)).astype(np.int64)
        means.append((begins(arrivals, 1, 1000) - arrivals)[1000:].mean() / 1000)
    half = 3.5 * np.std(means, ddof=1) / np.sqrt(len(means))
    assert abs(np.mean(means) - 2) < half < 0.1


def test_who_waits_at_a_time_has_come_and_is_not_taken_up() -> None:
    arrivals = np.array([0, 0, 0, 10])
    taken = begins(arrivals, 1, 5)
    assert taken.tolist() == [0, 5, 10, 15]
    assert waiting(arrivals, taken, np.array([-1, 0, 4, 5, 9, 10, 14, 15])).tolist() == [0, 2, 2, 1, 1, 1, 1, 0]


def refused(team: str, at: float, category: str, tries: int = 1, **more: Any) -> Ask:
    by = f"policy:{category}"
    return Ask(team, at, tuple(Try(at + n, at + n, 400, by) for n in range(tries)), "failed", **more)


def told(*asks: Ask, **more: Any) -> dict[str, Any]:
    made = scenario({"a": 1, "b": 1}, chaos=[DESK], **more)
    known = context(made)
    requests, attempts = metric_inputs(*tables(asks), known, "shared")
    found = reviews(requests, attempts, known)
    assert found is not None
    return found[0]


def test_a_queue_by_hand() -> None:
    # Two reviewers, 30 s each: the third and fourth of an instant wait 30 s; a retry is not a second item.
    found = told(
        refused("a", 60, "security", tries=3), refused("a", 60, "security"), refused("b", 60, "other"),
        refused("b", 60, "other"), refused("b", 640, "security"), good("a", 61),
    )  # fmt: skip
    assert {name: found[name]["mean"] for name in ("items", "wait_mean_s", "wait_longest_s", "longest_queue")} == {
        "items": 5, "wait_mean_s": 12, "wait_longest_s": 30, "longest_queue": 2,
    }  # fmt: skip
    assert {name: one["mean"] for name, one in found["teams"].items()} == {"a": 2, "b": 3}
    assert {name: one["mean"] for name, one in found["categories"].items()} == {"security": 3, "other": 2}
    # 4 × 30 s and the 20 s of the last item before the end at 660 s, of two reviewers' 600 s.
    assert found["busy_share"]["mean"] == pytest.approx(140 / 1200)
    assert found["open_at_end"]["mean"] == 1
    step = found["backlog"]["end_s"][0]
    assert found["backlog"]["end_s"][-1] >= 720
    queue = dict(zip(found["backlog"]["end_s"], found["backlog"]["waiting"], strict=True))
    assert [queue[at] for at in (60, 60 + step, 90)] == [2, 2, 0]


def test_items_of_the_warm_up_wait_in_the_queue_and_are_not_counted() -> None:
    early = [refused("a", 59, "other") for _ in range(4)]
    found = told(*early, refused("b", 60, "other"))
    assert (found["items"]["mean"], found["wait_mean_s"]["mean"]) == (1, 59)


def test_what_strangers_send_is_nobodys_work() -> None:
    found = told(refused("a", 60, "other", origin="foreign"), refused("a", 60, "other", origin="fault"))
    assert found["items"]["mean"] == 1


def test_replications_are_means_with_an_interval() -> None:
    found = told(refused("a", 60, "other"), *(refused("a", 60, "other", replication=1) for _ in range(3)),
                 replications=2)  # fmt: skip
    assert found["items"]["mean"] == 2
    assert found["items"]["ci95"][0] < 1
    assert found["wait_longest_s"]["mean"] == 15
    assert found["teams"]["a"]["mean"] == 2


def test_a_category_goes_to_the_first_desk_that_takes_it() -> None:
    second = {"policy_violations": {**FAULT, "categories": {"security": 0.4, "fraud": 0.6}, "review": {"each": "1m"}}}
    without = {"policy_violations": {**FAULT, "categories": {"spam": 1}}}
    made = scenario({"a": 1}, chaos=[without, DESK, second])
    assert [(desk.reviewers, desk.categories) for desk in desks(made)] == [
        (2, ("security", "other")), (1, ("fraud",)),
    ]  # fmt: skip


def test_without_reviewers_or_attempts_nothing_is_said() -> None:
    made = scenario({"a": 1}, chaos=[DESK])
    requests, attempts = metric_inputs(*tables([good("a", 61)]), context(made), "shared")
    assert reviews(requests, None, context(made)) is None
    assert reviews(requests, attempts, context(scenario({"a": 1}))) is None
    empty = reviews(requests, attempts, context(made))
    assert empty is not None
    assert (empty[0]["items"]["mean"], empty[0]["longest_queue"]["mean"]) == (0, 0)


TEXT = """
name: reviewed
duration: 30m
replications: 3
teams:
  labs: {workload: [{arrivals: {poisson: {rate: 30/min}}, model: gpt-4.1, input_tokens: 9, output_tokens: 9}]}
  shop: {workload: [{arrivals: {poisson: {rate: 10/min}}, model: gpt-4.1, input_tokens: 9, output_tokens: 9}]}
configurations:
  shared: {isolation: shared}
  projects: {isolation: projects, content_policy: {labs: {allowed: [security]}}}
chaos:
  - policy_violations:
      {at: 5m, for: 20m, probability: 20%, ban: nothing, categories: {security: 80%}, review: {reviewers: 2, each: 1m}}
"""


@pytest.mark.parametrize("rows", ["attempts", "none"])
def test_a_study_tells_it_where_it_keeps_rows(rows: str, tmp_path: Path) -> None:
    options = Options(out=tmp_path, counterfactual=False, rows=rows)
    study = compare(load_text(TEXT, tmp_path / "reviewed.yaml"), options, Silent())
    sides = study.summary["configurations"]
    page = (tmp_path / "report.md").read_text("utf-8")
    assert ("## Review of refused content" in page) == (rows == "attempts")
    assert (tmp_path / "figures" / "review.svg").exists() == (rows == "attempts")
    if rows == "none":
        assert "reviews" not in sides["shared"]
        return
    assert study.requests is not None
    for name, side in sides.items():
        by = study.requests["refused_by"].astype(str).str.startswith("policy:")
        sent = study.requests[by & (study.requests["configuration"] == name)]
        assert side["reviews"][0]["items"]["mean"] == pytest.approx(len(sent) / 3)
    assert sides["projects"]["reviews"][0]["items"]["mean"] < sides["shared"]["reviews"][0]["items"]["mean"]


def test_the_section_stands_in_the_report_only_where_somebody_reviews() -> None:
    found = report_sample.summary(reviewed=True)
    assert "review" in [section.id for section in document(report_sample.make(found), ()).sections]
    for side in found["configurations"].values():
        del side["reviews"]
    study = report_sample.make(found)
    assert review_sections(found, study.cast) == ()
    assert "review" not in [section.id for section in document(study, ()).sections]
