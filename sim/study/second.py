"""A second interpreter that does one thing after the other while this one goes on.

It is a plain process, which does not import its starter's ``__main__``: a study may be started from
a script that guards nothing. This module imports little, so that the process listens at once.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

BEHIND = 5
"""By so much it stands back where cores are few."""


class Failed(Exception):
    """What was asked of the second interpreter was not done: it raised, or the process is no more."""


class Second:
    """The process, and the thread that waits for its answers."""

    def __init__(self) -> None:
        # It must be this very keystorm, wherever that was imported from.
        seen = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], env={**os.environ, "PYTHONPATH": seen},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="second")

    def submit(self, function: Callable[..., Any], *given: Any) -> Future[Any]:
        """Call a function of a module there, after what was submitted before. The result may raise :class:`Failed`."""
        return self._thread.submit(self._call, function, given)

    def _call(self, function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        asked: Any = self._process.stdin
        answers: Any = self._process.stdout
        try:
            asked.write(pickle.dumps((function, given), protocol=pickle.HIGHEST_PROTOCOL))
            asked.flush()
            done, told = pickle.load(answers)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise Failed("the process is no more") from error
        if not done:
            raise Failed(told)
        return told

    def close(self) -> None:
        """End the process, whatever it does; what is not done then has failed."""
        self._process.kill()
        self._thread.shutdown(cancel_futures=True)
        with suppress(OSError):  # what was not read is lost
            self._process.__exit__(None, None, None)


def main() -> None:
    """What the process does: answer until nobody asks any more."""
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing that is called may write between answers
    with suppress(OSError):
        os.nice(BEHIND)
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        while True:
            function, given = pickle.load(asked)
            try:
                told = True, function(*given)
            except Exception as error:
                told = False, repr(error)
            answers.write(pickle.dumps(told, protocol=pickle.HIGHEST_PROTOCOL))
            answers.flush()


if __name__ == "__main__":
    main()
