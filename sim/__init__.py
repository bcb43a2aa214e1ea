"""keystorm: what happens to each team when many teams share one LLM API key.

    >>> import sim
    >>> study = sim.compare("noisy-neighbour", replications=2)      # doctest: +SKIP
    >>> study.summary["configurations"]["shared"]["teams"]["checkout"]["success_rate"]["mean"]    # doctest: +SKIP

``load``, ``compare``, ``run`` and ``fit`` are imported when they are first used, so that ``import sim`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.study.api import compare, fit, load, run

__version__ = "0.1.0"
__all__ = ["__version__", "compare", "fit", "load", "run"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sim.study import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
