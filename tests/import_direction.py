"""The direction of imports inside ``sim``, checked from the source: ``python -m tests.import_direction``.

Each part may import itself and the parts listed here, nothing else. Imports for type checking count
too: a type is a dependency. What is read is the syntax tree, so an import inside a function, where it
may stand because it is heavy, is found as well.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

_BASE = {"errors", "units"}
_DECIDING = _BASE | {"draws", "policy"}
_MEANING = {"catalogue", "chaos", "scenario", "workload"}

ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "clock": set(),
    "collector": set(),
    "units": {"errors"},
    "draws": _BASE,
    "policy": _BASE | {"draws"},
    **dict.fromkeys(_MEANING, _DECIDING | _MEANING),
    "results": _BASE,
    **dict.fromkeys(("engine", "emulator", "live"), _DECIDING | _MEANING | {"results", "collector"}),
    "metrics": _BASE | _MEANING | {"results"},
    "report": _BASE | _MEANING | {"results", "metrics", "collector"},
}
"""What each part may import; ``study`` and ``cli`` stand on top of all."""

for _driver in ("emulator", "live"):  # they drive the engine's own steps by a real clock
    ALLOWED[_driver] = ALLOWED[_driver] | {"engine", "clock"}
ALLOWED["study"] = set(ALLOWED)
ALLOWED["cli"] = set(ALLOWED)
VOCABULARY = {"sim.metrics.declared"}
"""Declarations that import nothing of ``sim`` when they are loaded, so that anyone may read the names in
them: a scenario's objectives are checked against the metrics that exist."""

ROOT_MODULES = {"sim", "sim.__main__"}
"""The package itself: its lazy surface may name anything, and anyone may read its version."""


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Every module under ``root/sim`` with its dotted name."""
    for path in sorted((root / "sim").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path, module: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each module of ``sim`` that a file imports, wherever in the file."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text("utf-8"), str(path))
    for node in tree.body if module in VOCABULARY else ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == "sim")


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])


def part(name: str) -> str:
    """The part of ``sim`` that a dotted name belongs to: ``sim.policy.bucket`` → ``policy``."""
    return name.split(".")[1] if "." in name else ""


def violations(root: Path = ROOT) -> list[str]:
    """Every import against the direction, as ``file:line: what``; also a part that has no rule."""
    found = []
    for module, path in modules(root):
        if module in ROOT_MODULES:
            continue
        own, place = part(module), path.relative_to(root)
        if own not in ALLOWED:
            found.append(f"{place}:1: {own} has no place in the order of imports (tests/import_direction.py)")
            continue
        wrong = (item for item in imports(path, module) if not permitted(module, item[1]))
        found += [f"{place}:{line}: {module} must not import {name}" for line, name in wrong]
    return found


def permitted(module: str, name: str) -> bool:
    """Whether ``module`` may import ``name`` (a module, or something in one)."""
    if module in VOCABULARY:
        return False
    if VOCABULARY & {name, name.rpartition(".")[0]}:
        return True
    own, other = part(module), part(name)
    return other not in ALLOWED or other in ALLOWED[own] | {own}


def main() -> int:
    """Print the violations; 1 if there are any."""
    found = violations()
    print("\n".join(found) or "imports point one way")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
