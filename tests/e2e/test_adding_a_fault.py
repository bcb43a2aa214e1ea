"""docs/adding-a-fault.md, followed to the letter in a copy of the package: the fault works in every engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding-a-fault.md").read_text("utf-8")

SCRIPT = """
import json, sys
from pathlib import Path
from sim.engine.run import ENGINES
from sim.report.inputs import windows_of
from sim.scenario.loader import load
from sim.scenario.plan import build_plan
from sim.scenario.reference import markdown
from sim.study.manifest import manifest
from sim.study.runs import checked_run, settings_of
from tests.unit import test_chaos

loaded = load(Path(sys.argv[1]))
plan, setting = build_plan(loaded.scenario, 0, loaded.traces), settings_of(loaded, None)[0]
runs = {engine: checked_run(engine, setting, plan, 0) for engine in ENGINES}
test_chaos.EXAMPLES["maintenance"] = {"at": "1m", "for": "2m"}
test_chaos.test_every_fault_of_the_catalogue_has_an_example()
test_chaos.test_a_fault_keeps_the_contract("maintenance")
test_chaos.test_a_fault_needs_its_time("maintenance")
kept = manifest(loaded, kind="compare", engine="plain", command=())
print(json.dumps({
    "digests": [run.digest for run in runs.values()],
    "log": runs["plain"].result.log.tolist(),
    "outcomes": runs["plain"].result.outcome.tolist(),
    "refusers": setting.refusers,
    "windows": [[one.start_s, one.end_s, one.label] for one in windows_of(json.loads(json.dumps(kept)))],
    "reference": "maintenance" in markdown(),
}))
"""


def blocks(language: str) -> list[str]:
    """The code blocks of the page in one language, without their indent."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", PAGE, re.M | re.S)
    return [textwrap.dedent(body) for _, body in found]


def followed(folder: Path) -> Path:
    """A copy of the package with the page's steps 1 to 3 done; the scenario that it ends with."""
    shutil.copytree(ROOT / "sim", folder / "sim", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "tests" / "unit").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "unit" / "test_chaos.py", folder / "tests" / "unit")
    source, lines = blocks("python")
    (scenario,) = blocks("yaml")
    (folder / "sim" / "chaos" / "maintenance.py").write_text(source, "utf-8")
    imported, _, field = lines.strip().partition("\n\n")
    catalogue = folder / "sim" / "chaos" / "catalogue.py"
    text = catalogue.read_text("utf-8")
    text = text.replace("from sim.chaos.latency", f"{imported}\nfrom sim.chaos.latency", 1)
    text = text.replace("    storm: Storm | None", f"    {field}\n    storm: Storm | None", 1)
    catalogue.write_text(text, "utf-8")
    path = folder / "announced.yaml"
    path.write_text(scenario, "utf-8")
    return path


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process says that sees the copy instead of the package."""
    path = followed(tmp_path_factory.mktemp("added"))
    command = [sys.executable, "-c", SCRIPT, str(path)]
    # Ciw's own ``tests`` may lie in site-packages: the copy and this checkout come before it.
    seen = {**os.environ, "PYTHONPATH": f"{path.parent}{os.pathsep}{ROOT}"}
    done = subprocess.run(command, cwd=path.parent, env=seen, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_engine_says_the_same_of_the_new_fault(told: dict[str, Any]) -> None:
    assert len(told["digests"]) == 3
    assert len(set(told["digests"])) == 1


def test_the_new_fault_means_what_its_page_says(told: dict[str, Any]) -> None:
    minute, half = 60 * 10**9, 30 * 10**9
    at, status, by, after = (2, 4, 5, 6)
    hit = [line for line in told["log"] if 2 * minute <= line[at] < 3 * minute]
    free = [line for line in told["log"] if not 2 * minute <= line[at] < 3 * minute]
    assert {(line[status], told["refusers"][line[by]], line[after]) for line in hit} == {(503, "maintenance", half)}
    assert {line[status] for line in free} == {200}
    assert len({line[0] for line in hit}) == 30, "one every two seconds"
    # They obey retry-after and have three attempts: the third comes a minute later, when it is over.
    assert set(told["outcomes"]) == {0}


def test_the_new_fault_is_known_everywhere(told: dict[str, Any]) -> None:
    assert told["windows"] == [[120, 180, "maintenance"]]
    assert told["reference"]
