"""The pages of ``docs/`` that come from declarations: ``python -m tests.generated_docs`` writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sim.metrics.declared import markdown as metrics
from sim.results.audit import markdown as audit
from sim.scenario.reference import markdown as reference

ROOT = Path(__file__).parents[1]

PAGES: dict[str, Callable[[], str]] = {
    "docs/audit.md": audit,
    "docs/metrics.md": metrics,
    "docs/scenario-reference.md": reference,
}


def main() -> None:
    """Write every page anew."""
    for name, text in PAGES.items():
        (ROOT / name).write_text(text(), encoding="utf-8")
        print(f"written: {name}")


if __name__ == "__main__":
    main()
