"""Imports inside sim point one way, and the check would notice one that does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.import_direction import ALLOWED, ROOT, VOCABULARY, imports, modules, part, permitted, violations


def test_imports_of_the_repository_point_one_way() -> None:
    assert violations() == []


def test_every_part_of_sim_has_a_place_and_every_rule_names_known_parts() -> None:
    parts = {part(name) for name, _ in modules(ROOT)} - {"", "__main__"}
    assert parts <= set(ALLOWED)
    assert all(rule <= set(ALLOWED) for rule in ALLOWED.values())


@pytest.mark.parametrize("upper", ["engine", "emulator", "live"])
@pytest.mark.parametrize("lower", ["metrics", "report", "results", "scenario", "policy", "draws", "units"])
def test_nothing_but_study_and_command_knows_the_engines(lower: str, upper: str) -> None:
    assert upper not in ALLOWED[lower]


def test_the_rules_have_no_circle_between_layers() -> None:
    meaning = {"catalogue", "chaos", "scenario", "workload"}
    on_top = {"study", "cli"}
    for name, rule in ALLOWED.items():
        for other in rule - {name}:
            same_layer = {name, other} <= meaning or {name, other} <= on_top
            assert same_layer or name not in ALLOWED[other], f"{name} and {other} may import each other"


@pytest.mark.parametrize(
    ("place", "source", "told"),
    [
        ("policy/bucket.py", "from sim.engine.loop import run", "sim/policy/bucket.py:1"),
        ("report/page.py", "x = 1\ndef f():\n    import sim.engine.loop", "sim/report/page.py:3"),
        ("metrics/slo.py", "from ..engine import loop", "sim/metrics/slo.py:1"),
        ("results/store.py", "from sim import metrics", "sim/results/store.py:1"),
        ("surprise/thing.py", "x = 1", "surprise has no place"),
    ],
)
def test_an_import_against_the_direction_is_told_with_its_line(
    tmp_path: Path, place: str, source: str, told: str
) -> None:
    path = tmp_path / "sim" / place
    path.parent.mkdir(parents=True)
    path.write_text(source)
    found = violations(tmp_path)
    assert len(found) == 1
    assert told in found[0]


def test_relative_imports_are_resolved_from_a_package_and_from_a_module(tmp_path: Path) -> None:
    path = tmp_path / "sim" / "metrics" / "__init__.py"
    path.parent.mkdir(parents=True)
    path.write_text("from . import slo\nfrom .slo import verdicts")
    assert [name for _, name in imports(path, "sim.metrics")] == ["sim.metrics.slo", "sim.metrics.slo.verdicts"]


def test_the_vocabulary_may_be_read_by_all_and_reads_nobody() -> None:
    for name in VOCABULARY:
        assert permitted("sim.scenario.checks", f"{name}.NAMES")
        assert not permitted(name, "sim.units")
