"""Every command in every document is run, at a reduced size; the few that can't be are parsed, for a reason given here.

Commands of a page are run one after the other in a folder of its own, as a reader would, with fewer replications and
months and without drawing. Files that a reader would have are put there first.
"""

from __future__ import annotations

import gzip
import io
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
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
    "tune": ("--replications 1", "--dimensions burst"),
    "capacity": ("--replications 1", "--months 4"),
    "cost": ("--months 2", "--tornado-months 0", "--configuration shared"),
    "fit": ("--replications 2",),
    "migrate": ("--replications 1", "--drills 0"),
    "live": ("--dry-run",),
    "import": (), "report": (), "scenarios": (), "init": (), "schema": (),
}  # fmt: skip
"""Commands that are run, with the flags that make them short instead of the page's own."""

WRITERS = ("init", "schema")
"""Commands whose files later lines of a page read."""

PARSED = {
    r"^keystorm validate": "sends for a minute; tests/live/test_validate_real.py does that",
    r"azure_llm|servegen_": "published traces; tests/e2e/test_fit_traces.py reads them where they are",
    r"^keystorm serve": "serves until it is stopped; tests/emulator does that",
    r"forty-seven-services-month": "a thousand million requests",
    r"dask://": "needs a cluster; tests/unit/test_pool.py starts one",
    r"postgresql://": "needs a database; tests/e2e/test_import_postgres.py starts one",
    r"month-1e1\d|\$one": "belongs to a loop over sizes",
}
"""Commands that are only parsed, by what they say, with the reason."""

ELSEWHERE = (
    "make ", "git ", "cd ", "pip ", "curl ", "export ", "dask ", "sed ", "grep ", "for ", "done", "month=", ".ci/run",
    ".venv/bin/python -m ", "locust ", "litellm ", "python", "cat ", "ls ", "echo ", "KEYSTORM_",
    "ANTHROPIC_", "OPENAI_",
)  # fmt: skip
"""How lines of shell blocks begin that are no keystorm command."""

LOG = "time,in,out,who\n" + "".join(f"2026-10-01T10:{at:02d}:00Z,{900 + at},{200 + at},web\n" for at in range(60))
SPENT = (
    "request_id,spend,prompt_tokens,completion_tokens,startTime,endTime,model,team_id,cache_hit,status\n",
    "chatcmpl-{at}-{second},0.0042,{size},210,2026-11-16 18:{at:02d}:{second:02d},2026-11-16 18:{at:02d}:{end:02d},"
    "anthropic/claude-sonnet-4-5,{team},False,success\n",
)
"""Head and row of a LiteLLM spend log."""
CAPPED = {"isolation": "shared", "limits": {"requests": "60/min", "burst": 60}}


def scenario() -> str:
    """The README's example of a scenario, short."""
    text = next(text for _, text in blocks(ROOT / "README.md", "yaml") if text.startswith("name:"))
    data = yaml.safe_load(text)
    for team, rate in (("checkout", {"poisson": {"rate": "1/min"}}), ("batch", {"poisson": {"rate": "2/min"}})):
        data["teams"][team]["workload"][0]["arrivals"] = rate  # a month of it is run too
    data["teams"] |= dict.fromkeys(("analytics", "support"), data["teams"]["batch"])
    return yaml.safe_dump(data | {"duration": "20m", "replications": 2}, sort_keys=False)


def spend_log() -> str:
    """An hour of two teams behind a LiteLLM proxy, four requests a minute."""
    rows = (
        SPENT[1].format(at=at, size=900 + at, second=second + at % 7, end=second + 8, team=team)
        for at in range(60) for second, team in ((0, "checkout"), (12, "search"), (25, "search"), (43, "checkout"))
    )  # fmt: skip
    return SPENT[0] + "".join(rows)


def prepare(folder: Path) -> None:
    """What a reader has: scenarios of their own, logs, results of earlier runs."""
    from sim.workload.importers import IMPORTERS

    (folder / "log.csv").write_text(LOG, "utf-8")
    data = yaml.safe_load(scenario())
    log = folder / "reports" / "gateway-noisy-neighbour" / "spend-logs.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes((ROOT / "tests" / "unit" / "litellm_spend_logs.jsonl").read_bytes())
    for name in ("my.yaml", "limits.yaml"):
        (folder / name).write_text(yaml.safe_dump(data, sort_keys=False), "utf-8")
    trace = {"file": "log.csv", "columns": {"timestamp": "time", "input_tokens": "in", "output_tokens": "out"}}
    data["teams"]["checkout"]["workload"][0]["arrivals"] = {"trace": trace}
    (folder / "replay.yaml").write_text(yaml.safe_dump(data, sort_keys=False), "utf-8")
    today = {"shared": CAPPED}
    (folder / "today.yaml").write_text(yaml.safe_dump(data | {"configurations": today}, sort_keys=False), "utf-8")
    (folder / "projects.yaml").write_text("front: [checkout]\nfinding: [search]\n", "utf-8")
    examples = {"usage-1.json": "anthropic-usage", "cost.json": "anthropic-cost"}
    for name, importer in examples.items():
        (folder / name).write_text(IMPORTERS[importer].example, "utf-8")
    (folder / "spend_logs.csv").write_text(spend_log(), "utf-8")
    (folder / "spend-logs.csv.gz").write_bytes(gzip.compress(spend_log().encode()))
    (folder / "teams.yaml").write_text("storefront: checkout\n", "utf-8")


def reduced(words: list[str]) -> list[str]:
    """The same command, short: flags that say how much are replaced."""
    given = [name for word in words[1:] for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
    for flag, *value in (one.split() for one in REDUCED[words[1]]):
        while flag in given:
            at = given.index(flag)
            del given[at : at + 1 + len(value)]
        given += [flag, *value]
    return given


def only_parsed(command: Command) -> bool:
    """Whether a command is not run, for one of the reasons above or because nobody said how to make it short."""
    return any(re.search(pattern, command.text) for pattern in PARSED) or command.words[1] not in REDUCED


@cache
def outcome(words: tuple[str, ...]) -> tuple[int, str]:
    """Exit code and output of a command; a command of the library that several pages show is run once."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said), undrawn():
        code = main(words)
    return code, said.getvalue()[-600:]


def leaves_or_takes_files(words: list[str]) -> bool:
    """Whether a command must run in each page's own folder: it reads files, or later ones need what it writes."""
    return "--out" in words or words[0] in WRITERS or any(Path(word).exists() for word in words)


def typed(page: Path) -> list[Command]:
    """The keystorm commands of a page, each once."""
    found = {command.text: command for command in commands(page) if command.text.startswith("keystorm ")}
    return [command for command in found.values() if not re.search(r"--(help|version)\b", command.text)]


@pytest.mark.slow
@pytest.mark.usefixtures("simpy_aside")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path)
    failed, rendered_again = {}, any(command.words[1] == "report" for command in typed(page))
    for command in typed(page):
        if only_parsed(command):
            parser().parse_args(command.words[1:])
            continue
        words = reduced(command.words)
        alone = rendered_again or leaves_or_takes_files(words)
        code, told = (outcome.__wrapped__ if alone else outcome)(tuple(words))
        if code not in DONE:
            failed[str(command)] = (code, told)
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


@pytest.mark.slow
def test_the_python_of_the_documents_runs(tmp_path: Path) -> None:
    """Each page's Python in one go, in a fresh interpreter that takes warnings for errors; SimPy aside."""
    aside = "import sim.engine.run as _run, sim.study.beside as _beside\n"
    aside += "_run._DOORS['simpy'], _beside.LEAST = _run._DOORS['compiled'], 1e99\n"
    for page in PAGES:
        text = "\n".join(text for _, text in blocks(page, "python"))
        if "import sim" in text or "from sim" in text:
            prepare(tmp_path)
            command = [sys.executable, "-W", "error", "-c", aside + text]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, f"{page.name}:\n{done.stderr[-2000:]}"
