"""Every error that keystorm raises on purpose.

    KeystormError                exit code 1
    ├── BadInput                 exit code 2    one problem: what, value, place, hint
    │   ├── BadUnit              a string such as "60/mn" that is no quantity
    │   └── BadRow               a row of a log that can't be read
    ├── BadScenario              exit code 2    all problems of a file at once
    ├── RunInvalid               exit code 98   engines disagree, or rows are missing
    └── SloMissed                exit code 99   the run is valid, an objective is not met

Each carries the value, where it stands, and what would be right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


class KeystormError(Exception):
    """Base of all; ``exit_code`` is what the command ends with."""

    exit_code = 1


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in an input.

    ``place`` is ``file:line`` (or the path inside the file when no line is known), ``value`` the
    offending value as written, ``hint`` what would be right.
    """

    message: str
    place: str = ""
    value: str = ""
    hint: str = ""

    def __str__(self) -> str:
        head = f"{self.place}: {self.message}" if self.place else self.message
        shown = f" (found {self.value})" if self.value else ""
        return head + shown + (f"\n    hint: {self.hint}" if self.hint else "")


class BadInput(KeystormError):
    """One input that can't be used."""

    exit_code = 2

    def __init__(self, message: str, *, place: str = "", value: str = "", hint: str = "") -> None:
        self.problem = Problem(message, place, value, hint)
        super().__init__(str(self.problem))

    def __reduce__(self) -> tuple[Callable[..., BadInput], tuple[type[BadInput], Problem]]:
        return _bad_input, (type(self), self.problem)


def _bad_input(kind: type[BadInput], problem: Problem) -> BadInput:
    """The same error in another process: pickle knows nothing of keywords."""
    return kind(problem.message, place=problem.place, value=problem.value, hint=problem.hint)


class BadUnit(BadInput, ValueError):
    """A quantity that can't be read; also a ``ValueError``, so that pydantic collects it."""


class BadRow(BadInput):
    """A row of a log that can't be read."""


class BadScenario(KeystormError):
    """A scenario with one or more problems, all of them listed."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        title = "1 problem" if count == 1 else f"{count} problems"
        super().__init__("\n".join([f"{title} in the scenario:", *map(str, self.problems)]))

    def __reduce__(self) -> tuple[type[BadScenario], tuple[tuple[Problem, ...]]]:
        return BadScenario, (self.problems,)


class RunInvalid(KeystormError):
    """The run can't be trusted: engines disagree, or planned and reported rows differ."""

    exit_code = 98


class SloMissed(KeystormError):
    """The run is valid and at least one objective of the scenario is not met."""

    exit_code = 99
