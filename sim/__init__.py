"""keystorm: what happens to each team when many teams share one LLM API key.

    >>> import sim
    >>> result = sim.compare("noisy-neighbour", replications=2)      # doctest: +SKIP
    >>> result.frame("metrics")                                       # doctest: +SKIP

``compare``, ``run``, ``tune``, ``capacity``, ``cost``, ``import_logs``, ``fit``, ``migrate`` and ``validate`` do
what the commands do, and ``read`` opens what one wrote; ``docs/python.md`` shows them. They are imported when they
are first used, so that ``import sim`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.study.api import Result, capacity, compare, cost, fit, import_logs, load, read, run, tune, validate
    from sim.study.migrate.api import migrate

__version__ = "0.1.0"
__all__ = [
    "Result", "__version__", "capacity", "compare", "cost", "fit", "import_logs", "load", "migrate", "read", "run",
    "tune", "validate",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "migrate":
        from sim.study.migrate.api import migrate

        return migrate
    from sim.study import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
