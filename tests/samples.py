"""The sample reports under ``reports/samples/``: ``make samples`` runs them again and writes them anew.

    python -m tests.samples                  # run everything, a minute or two
    python -m tests.samples compare tune     # only these
    python -m tests.samples --render         # run nothing: the pages again, from the numbers that are there

Each sample keeps the page, its numbers and the manifest, nothing else: the rest comes from the command.
A new kind of report is one line in :data:`SAMPLES`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sim.cli.main import main as keystorm
from sim.report.kinds import kind_of, render, summary_file

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "reports" / "samples"
RESULT = (0, 99)
"""Exit codes of a study that was done; 99 says that an objective is missed."""


@dataclass(frozen=True)
class Sample:
    """A report: its folder, what it is for, its command, where that writes, and commands that have to run before."""

    name: str
    about: str
    command: str
    out: str
    before: tuple[str, ...] = ()


LOGGED = "keystorm run isolation-ladder --replications 1 --no-counterfactual --audit --out audit"
IMPORTED = (
    "keystorm import audit/audit.csv --columns timestamp=timestamp,input_tokens=input_tokens,"
    "output_tokens=output_tokens,team=team,model=model,status=status"
)
SAMPLES = (
    Sample("compare", "shared key against isolated projects", "keystorm compare noisy-neighbour",
           "reports/noisy-neighbour"),
    Sample("tune", "the smallest limits that meet the objectives of an account that is too small for all",
           "keystorm tune noisy-neighbour --account-capacity 60/min", "reports/noisy-neighbour-tune"),
    Sample("capacity", "what growth breaks first, when, and what that costs",
           "keystorm capacity noisy-neighbour --configuration projects --what-if requests=x2",
           "reports/noisy-neighbour-capacity"),
    Sample("cost", "the monthly bill with incidents, and what a saving is made of",
           "keystorm cost roi-article --months 60 --tornado-months 20", "reports/roi-article-cost"),
    Sample("migrate", "a plan off the shared key: what each step does to each team, and when to go back",
           "keystorm migrate forty-seven-services --start 2026-12-01 --freeze 2026-12-18..2027-01-03",
           "reports/forty-seven-services-migrate"),
    Sample("live", "real clients over HTTP instead of simulated ones, and whether the run kept its schedule",
           "keystorm live storm-503 --configuration shared --speed 60", "reports/live-storm-503-shared"),
    Sample("validate", "whether the simulator says what real clients see over HTTP",
           "keystorm validate storm-503 --wall 10s", "reports/validate-storm-503"),
    Sample("fit", "a scenario that stands for a log, and how far it is to be trusted", "keystorm fit reports/import",
           "reports/fit", before=(LOGGED, IMPORTED)),
    Sample("import", "who sends what in a log, when, and how unevenly",
           IMPORTED, "reports/import", before=(LOGGED,)),
)  # fmt: skip


def make(sample: Sample) -> None:
    """Run one sample in a folder of its own and keep what belongs to it."""
    with _elsewhere() as here:
        for command in (*sample.before, sample.command):
            code = keystorm([*command.split()[1:], "--quiet"])
            assert code in RESULT, f"{command} ended with {code}"
        _keep(here / sample.out, FOLDER / sample.name)


@contextlib.contextmanager
def _elsewhere() -> Iterator[Path]:
    """A new working folder, so that a command writes where it does by default."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)


def _keep(source: Path, target: Path) -> None:
    """The page, the numbers and the manifest of a finished study, instead of those of an earlier one."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    manifest = json.loads((source / "manifest.json").read_text("utf-8"))
    manifest["command"] = [word for word in manifest["command"] if word != "--quiet"]
    (source / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")
    page = render(source)
    for name in (page.name, summary_file(kind_of(source)), "manifest.json"):
        shutil.copyfile(source / name, target / name)


def again(sample: Sample) -> None:
    """Render one sample from its numbers."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / sample.name
        shutil.copytree(FOLDER / sample.name, copy)
        page = render(copy)
        shutil.copyfile(page, FOLDER / sample.name / page.name)


def table() -> str:
    """The page of the folder: a row a sample."""
    from sim.study.result import read

    head = (
        "# Sample reports\n\nMade by `make samples`, with their numbers beside them. Open the pages in a browser.\n\n"
        "| report | what it is for | what it found | made by |\n| --- | --- | --- | --- |\n"
    )
    rows = []
    for sample in SAMPLES:
        folder = FOLDER / sample.name
        page = next(folder.glob("*.html")).name
        found = read(folder).headline.replace("|", "\\|").replace("\u00a0", " ")
        rows.append(f"| [{sample.name}]({sample.name}/{page}) | {sample.about} | {found} | `{sample.command}` |\n")
    return head + "".join(rows)


def main(words: Sequence[str] | None = None) -> None:
    """Make or render the samples that are named, or all."""
    parser = argparse.ArgumentParser(description="write reports/samples/ anew")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which (default: all)")
    parser.add_argument("--render", action="store_true", help="run nothing: the pages again, from their numbers")
    args = parser.parse_args(words)
    for sample in SAMPLES:
        if not args.names or sample.name in args.names:
            (again if args.render else make)(sample)
            print(f"written: reports/samples/{sample.name}")
    (FOLDER / "README.md").write_text(table(), "utf-8")


if __name__ == "__main__":
    main()
