"""Every command in every document is run, at a reduced size; the few that can't be are parsed, for a reason given here.

Commands of a page are run one after the other in a folder of its own, as a reader would, with fewer replications and
months and without drawing. Files that a reader would have are put there first.
"""

from __future__ import annotations

import io
import re
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import yaml

from sim.cli.main import main, parser
from sim.report.charts import undrawn
from tests.documents import PAGES, ROOT, Command, blocks, commands

DONE = (0, 99)
"""Exit codes of what was done; 99 says that an objective is missed."""

REDUCED = {
    "compare": ("--replications 1", "--no-counterfactual"),
    "run": ("--replications 1", "--no-counterfactual"),
    "tune": ("--replications 1",),
    "capacity": ("--replications 1", "--months 2"),
    "cost": ("--months 2", "--tornado-months 0"),
    "import": (), "report": (), "scenarios": (), "init": (), "schema": (),
}  # fmt: skip
"""Commands that are run, with the flags that make them short instead of the page's own."""

PARSED = {
    r"^keystorm serve": "serves until it is stopped; tests/emulator does that",
    r"forty-seven-services-month": "a thousand million requests",
    r"dask://": "needs a cluster; tests/unit/test_pool.py starts one",
    r"postgresql://": "needs a database; tests/e2e/test_import_postgres.py starts one",
    r"month-1e1\d|\$one": "belongs to a loop over sizes",
}
"""Commands that are only parsed, by what they say, with the reason."""

ELSEWHERE = (
    "make ", "git ", "cd ", "pip ", "curl ", "export ", "dask ", "sed ", "grep ", "for ", "done", "month=", ".ci/run",
    ".venv/bin/python -m ",
)  # fmt: skip
"""How lines of shell blocks begin that are no keystorm command."""

LOG = "time,in,out,who\n" + "".join(f"2026-10-01T10:{at:02d}:00Z,{900 + at},{200 + at},web\n" for at in range(60))
CAPPED = {"isolation": "shared", "limits": {"requests": "60/min", "burst": 60}}


def scenario() -> str:
    """The README's example of a scenario, short."""
    text = next(text for _, text in blocks(ROOT / "README.md", "yaml") if text.startswith("name:"))
    data = yaml.safe_load(text)
    return yaml.safe_dump(data | {"duration": "10m", "replications": 2}, sort_keys=False)


def prepare(folder: Path) -> None:
    """What a reader has: scenarios of their own, logs, results of earlier runs."""
    (folder / "log.csv").write_text(LOG, "utf-8")
    data = yaml.safe_load(scenario())
    data["teams"]["checkout"]["workload"][0]["arrivals"] = {"trace": {"file": "log.csv", "columns": {
        "timestamp": "time", "input_tokens": "in", "output_tokens": "out"}}}  # fmt: skip
    log = folder / "reports" / "gateway-noisy-neighbour" / "spend-logs.jsonl"
    log.parent.mkdir(parents=True)
    log.write_bytes((ROOT / "tests" / "unit" / "litellm_spend_logs.jsonl").read_bytes())
    (folder / "replay.yaml").write_text(yaml.safe_dump(data, sort_keys=False), "utf-8")
    for name in ("my.yaml", "limits.yaml"):
        (folder / name).write_text(scenario(), "utf-8")


def reduced(words: list[str]) -> list[str]:
    """The same command, short: flags that say how much are replaced."""
    given = words[1:]
    for flag, *value in (one.split() for one in REDUCED[words[1]]):
        while flag in given:
            at = given.index(flag)
            del given[at : at + 1 + len(value)]
        given += [flag, *value]
    return given


def only_parsed(command: Command) -> bool:
    """Whether a command is not run, for one of the reasons above or because nobody said how to make it short."""
    return any(re.search(pattern, command.text) for pattern in PARSED) or command.words[1] not in REDUCED


def typed(page: Path) -> list[Command]:
    """The keystorm commands of a page, each once."""
    found = {command.text: command for command in commands(page) if command.text.startswith("keystorm ")}
    return [command for command in found.values() if not re.search(r"--(help|version)\b", command.text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path)
    failed = {}
    with undrawn():
        for command in typed(page):
            if only_parsed(command):
                parser().parse_args(command.words[1:])
                continue
            said = io.StringIO()
            with redirect_stdout(said), redirect_stderr(said):
                code = main(reduced(command.words))
            if code not in DONE:
                failed[str(command)] = (code, said.getvalue()[-600:])
    assert failed == {}


def test_what_is_only_parsed_is_still_in_a_document() -> None:
    lines = [command.text for page in PAGES for command in commands(page)]
    assert [pattern for pattern in PARSED if not any(re.search(pattern, line) for line in lines)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_other_line_is_known(page: Path) -> None:
    lines = [str(one) for one in commands(page) if not re.match(r"keystorm |/usr/bin/time .* keystorm ", one.text)]
    others = [line for line in lines if not line.split(": ", 1)[1].startswith(ELSEWHERE)]
    assert others == []


def test_every_target_of_make_in_a_document_exists() -> None:
    lines = [command.text for page in PAGES for command in commands(page)]
    targets = {word for line in lines if line.startswith("make ") for word in line.split()[1:2]}
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert targets
    assert targets <= known


def test_the_python_of_the_documents_runs(tmp_path: Path) -> None:
    """Each page's Python in one go, in a fresh interpreter that takes warnings for errors."""
    import sys

    for page in PAGES:
        text = "\n".join(text for _, text in blocks(page, "python"))
        if "import sim" in text or "from sim" in text:
            prepare(tmp_path)
            command = [sys.executable, "-W", "error", "-c", text]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, f"{page.name}:\n{done.stderr[-2000:]}"
