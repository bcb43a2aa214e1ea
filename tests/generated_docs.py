"""The pages of ``docs/`` that come from declarations: ``python -m tests.generated_docs`` writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sim.metrics.declared import markdown as metrics
from sim.results.audit import markdown as audit
from sim.scenario.reference import markdown as reference
from sim.workload.log.columns import markdown as columns

ROOT = Path(__file__).parents[1]

START, END = "<!-- columns -->\n", "<!-- end -->"


def importing() -> str:
    """The page on imports with the table of the log's columns in its place."""
    text = (ROOT / "docs" / "importing.md").read_text("utf-8")
    before, _, rest = text.partition(START)
    return f"{before}{START}{columns()}{END}{rest.partition(END)[2]}"


PAGES: dict[str, Callable[[], str]] = {
    "docs/audit.md": audit,
    "docs/importing.md": importing,
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
