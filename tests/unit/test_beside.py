"""The other engine beside a study: the same digests from a process of its own, and what happens when it fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sim.errors import RunInvalid
from sim.scenario.loader import load_text
from sim.study import beside as module
from sim.study.beside import Beside, beside
from sim.study.compare import Options, compare
from sim.study.pool import open_pool
from sim.study.progress import Silent
from sim.study.runs import settings_of
from sim.study.work import Work, check_engines

SCENARIO = """\
name: twice
duration: 10m
drain: 1m
replications: 2
teams:
  a: {workload: [{arrivals: {poisson: {rate: 30/min}}, model: gpt-4.1, input_tokens: 10, output_tokens: 10}]}
configurations:
  shared: {isolation: shared, limits: {requests: 20/min, burst: 3}}
  projects: {isolation: projects, limits: {requests: 25/min, burst: 3}, split: equal}
"""


@pytest.fixture(scope="module")
def work() -> Work:
    loaded = load_text(SCENARIO, Path("twice.yaml"))
    return Work.of(loaded, settings_of(loaded, None), "compiled")


def own(work: Work) -> list[str]:
    return [work.run((0, place)).digest for place in range(len(work.settings))]


def test_a_process_of_its_own_says_the_same_and_is_free_afterwards(work: Work) -> None:
    process = Beside(work, "simpy")
    pid = process.submit(os.getpid)
    assert process.digests() == own(work)
    assert pid.result() != os.getpid()
    process.close()


def test_small_studies_and_other_executors_have_none(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    for executor, requests, cpus in (("threads", 9_999, 2), ("processes", 1e6, 2), ("threads", 1e6, 1)):
        monkeypatch.setattr(module, "cpus", lambda cpus=cpus: cpus)
        with beside(work, "simpy", executor, requests) as found:
            assert found is None


@pytest.mark.parametrize("breaks", [False, True])
def test_a_study_is_checked_by_it_or_without_it(breaks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST", 0)
    monkeypatch.setattr(module, "cpus", lambda: 2)
    if breaks:  # nothing can be imported there
        monkeypatch.setitem(os.environ, "PYTHONHOME", "/nowhere")
    asked: list[object] = []
    monkeypatch.setattr(Work, "digest_of", _noted(asked))
    compare(load_text(SCENARIO, Path("twice.yaml")), Options(out=None, counterfactual=False), Silent())
    assert bool(asked) is breaks, "the work is done here exactly when the process failed"


def _noted(asked: list[object]):  # type: ignore[no-untyped-def]
    before = Work.digest_of

    def digest_of(self: Work, job: tuple[int, int, str]) -> str:
        asked.append(job)
        return before(self, job)

    return digest_of


def test_another_digest_is_a_disagreement(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = own(work)
    with open_pool("threads", 1) as pool:
        check_engines(work, pool, digests, "simpy", digests)
        monkeypatch.setattr("sim.study.work.agree", _disagree)
        with pytest.raises(RunInvalid, match="engines disagree"):
            check_engines(work, pool, digests, "simpy", [digests[0], "another"])


def _disagree(run: object, engine: str) -> None:
    raise RunInvalid("engines disagree")
