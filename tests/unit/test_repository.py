"""Habits of the house that no linter checks, over every file that is or would be committed."""

from __future__ import annotations

import ast
import gzip
import hashlib
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import sim
from sim.cli.main import parser
from tests import generated_docs

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
BINARY = {".png", ".parquet", ".gz", ".ico", ".woff2"}
MAX_MODULE, MAX_FUNCTION = 350, 60


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that git holds, or would hold after `git add`."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    return tuple(path for name in names if name and (path := ROOT / name).is_file())


def texts() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        if path.suffix not in BINARY:
            yield path.relative_to(ROOT), path.read_text("utf-8")


def matches(pattern: str) -> list[str]:
    found = re.compile(pattern, re.IGNORECASE)
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if found.search(line)
    ]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


SOURCES = sorted((ROOT / "sim").rglob("*.py"))


def test_no_file_names_a_place_on_someones_machine() -> None:
    # The brackets keep these patterns from finding themselves.
    assert matches(r"(?<![\w.])/(?:[w]ork|[r]oot|[h]ome/[a-z]+|[U]sers/[a-z]+|[o]pt/(?:pypi|wheels))(?:/|\b)") == []


def test_no_file_names_the_host_of_a_package_registry() -> None:
    hosts = r"[p]ypi\.(?:org|python)|[p]ythonhosted|[r]egistry\.npmjs|[d]eb\.debian|[a]naconda\.(?:org|com)|[c]onda\.io"
    assert matches(hosts) == []
    assert matches(r"--?(?:extra-)?[i]ndex-url|--?[f]ind-links|[t]rusted-host") == []


def test_no_public_trace_is_committed() -> None:
    names = re.compile(r"azure_llm_2023|mooncake_fast25|servegen_(m_small|deepseek_r1)", re.IGNORECASE)
    assert [str(path) for path in tracked() if names.search(path.name)] == []
    if not DATA.is_dir():
        return
    known = {hashlib.sha256(content).hexdigest() for content in _trace_contents()}
    assert [str(path) for path in tracked() if hashlib.sha256(path.read_bytes()).hexdigest() in known] == []


def _trace_contents() -> Iterator[bytes]:
    for path in DATA.glob("*.gz"):
        yield path.read_bytes()
        yield gzip.decompress(path.read_bytes())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MAX_MODULE
    long = [f"{node.name}: {node.end_lineno}" for node in functions(path) if _length(node) > MAX_FUNCTION]
    assert long == []


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    return lines - ((first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(node) else 0)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_public_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    holders = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_")]
    public = [node for holder in holders for node in holder.body if isinstance(node, kinds) and node.name[0] != "_"]
    assert [f"{node.name}:{node.lineno}" for node in public if not ast.get_docstring(node)] == []
    assert ast.get_docstring(tree) or not tree.body, "the module says nothing about itself"


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = {_name(line) for group in [project["dependencies"], *extras] for line in group}
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9._-]+==[\w.]+(?: ; .+)?", line) for line in pins)
    assert wanted <= {_name(line) for line in pins}


def test_the_libraries_that_users_are_promised_are_installed_by_make() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    promised = {"locust", "numpy", "pandas", "matplotlib", "httpx", "simpy", "pytest"}
    assert promised <= {_name(line) for group in groups for line in group}
    assert "'.[live,serve,dev]'" in (ROOT / "Makefile").read_text("utf-8")


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-").rstrip(".<>=")


def test_the_version_is_in_the_changelog() -> None:
    assert f"## [{sim.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *sorted(str(p) for p in ROOT.glob("docs/*.md"))])
def test_commands_in_the_documentation_are_commands(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    blocks = re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [re.split(r"  #| > ", line.removeprefix("$ "))[0] for block in blocks for line in block.splitlines()]
    for line in lines:
        if line.startswith("keystorm ") and not re.search(r"--(help|version)", line):
            parser().parse_args(shlex.split(line)[1:])


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", (ROOT / page).read_text("utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("page", sorted(generated_docs.PAGES))
def test_generated_pages_are_up_to_date(page: str) -> None:
    assert (ROOT / page).read_text("utf-8") == generated_docs.PAGES[page](), "run `make docs` and read the diff"
