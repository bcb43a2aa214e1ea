"""How fast keystorm is, side by side with everything else in one run: ``make bench``.

Ratios, not promises about a machine. The same page goes to ``reports/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import engines, imports, live, machine, scale, serving, studies
from tests.benchmarks.pages import Section, markdown_of, page, sections_of

PAGE = Path(__file__).parents[2] / "reports" / "benchmarks.md"


def parts(args: argparse.Namespace) -> dict[str, Callable[[], Section]]:
    """Every part of the benchmark by its name."""
    return {
        "plain": lambda: engines.compare(args.requests, args.rounds),
        "full": lambda: engines.full(args.rounds),
        "scale": lambda: scale.scale(args.largest, args.rounds),
        "imports": lambda: imports.imports(args.largest),
        "threads": lambda: studies.threads(args.rounds),
        "commands": lambda: studies.commands(args.rounds),
        "serving": lambda: serving.serving(20_000, args.rounds),
        "live": lambda: live.live(args.rounds),
    }


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    made.add_argument("--requests", type=int, default=200_000, help="of the plain workload (default: %(default)s)")
    made.add_argument("--rounds", type=int, default=5, help="whose median counts (default: %(default)s)")
    made.add_argument(
        "--largest", type=float, default=1e7, help="requests of the longest stream and log (default: 1e7)"
    )
    made.add_argument("--only", nargs="+", metavar="PART", help="parts to measure; the page keeps its others")
    made.add_argument("--out", type=Path, default=PAGE, help="where the page goes (default: reports/benchmarks.md)")
    return made


def main() -> int:
    """Measure, print section by section, write the page; 1 when a target was missed."""
    args = parser().parse_args()
    known = parts(args)
    chosen = args.only or list(known)
    if unknown := [name for name in chosen if name not in known]:
        sys.exit(f"no such part: {', '.join(unknown)}; there are {', '.join(known)}")
    opening = f"# Benchmarks\n\nMade by `make bench` on: {machine.described()}\n"
    print(opening)
    kept = sections_of(args.out.read_text("utf-8"), opening) if args.out.exists() else {}
    sections = []
    for name in chosen:
        sections.append(known[name]())
        kept[sections[-1].title] = markdown_of(sections[-1])
        print(kept[sections[-1].title], flush=True)
        args.out.write_text(page(opening, list(kept.values())), "utf-8")
    return int(any(not target.reached for section in sections for target in section.targets))


if __name__ == "__main__":
    sys.exit(main())
