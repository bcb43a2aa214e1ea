"""keystorm: what happens to each team when many teams share one LLM API key.

    >>> import sim
    >>> study = sim.compare("noisy-neighbour", replications=2)      # doctest: +SKIP
    >>> study.summary["configurations"]["shared"]["teams"]["checkout"]["success_rate"]["mean"]    # doctest: +SKIP

``load``, ``compare``, ``run`` and ``migrate`` are imported when they are first used: ``import sim`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.study.api import compare, load, run
    from sim.study.migrate.api import migrate

__version__ = "0.1.0"
__all__ = ["__version__", "compare", "load", "migrate", "run"]


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
