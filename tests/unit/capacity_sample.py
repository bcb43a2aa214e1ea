"""Small scenarios for the tests of capacity studies, and a way to run them here and now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from sim.scenario.loader import Loaded, load_text
from sim.study.capacity.capacity import Study, capacity
from sim.study.capacity.options import Growth, Options
from sim.study.progress import Silent

T = TypeVar("T")
R = TypeVar("R")


class Here:
    """A pool that runs one after the other."""

    workers = 1

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        return map(work, items)


HEAD = """
name: sample
duration: {minutes}m
warmup: 0s
drain: 1m
replications: {replications}
seed: 5
models:
  quick: {{like: claude-sonnet-4-5, first_token: 100ms, per_token: 0s}}
teams:
"""
TEAM = """
  {name}:
    workload: [{{arrivals: {arrivals}, model: quick, input_tokens: {tokens}, output_tokens: 100}}]
    client: {{retry: none}}
"""


def scenario(
    teams: dict[str, str], configurations: str, *, minutes: int = 10, replications: int = 1, tokens: int | str = 1000,
    more: str = "",
) -> Loaded:  # fmt: skip
    """A scenario with one workload a team (name → arrivals), retries switched off."""
    text = HEAD.format(minutes=minutes, replications=replications)
    text += "".join(TEAM.format(name=name, arrivals=one, tokens=tokens) for name, one in teams.items())
    return load_text(f"{text}configurations:\n{configurations}\n{more}", Path("sample.yaml"))


def run(loaded: Loaded, growth: Growth | None = None, **options: Any) -> Study:
    """A study of it."""
    return capacity(loaded, Options(growth=growth or Growth(), **options), Here(), Silent())


def only(study: Study) -> dict[str, Any]:
    """The first case of a study."""
    found: dict[str, Any] = next(iter(study.summary["cases"].values()))
    return found
