"""Copies of the loop's and the policies' sources for the compiler, in a folder named by their hash.

The engines ``plain`` and ``compiled`` run one source. Numba's disk cache looks at the changed time
of the *caller's* file only, so an edit in a callee of another module would leave stale machine code
behind. Here every source goes into one folder whose name is the hash of them all (and of Python's,
Numba's and LLVM's versions): any change is another folder, and nothing can be stale.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import os
import stat
import sys
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import ModuleType

MODULES = (
    "sim.draws",
    "sim.policy.bucket",
    "sim.policy.window",
    "sim.policy.limits",
    "sim.policy.budget",
    "sim.policy.faults",
    "sim.policy.bans",
    "sim.policy.pricing",
    "sim.policy.backoff",
    "sim.policy.retry_budget",
    "sim.policy.pacing",
    "sim.policy.breaker",
    "sim.policy.service",
    "sim.policy.admission",
    "sim.engine.fold",
    "sim.engine.agenda",
    "sim.engine.queues",
    "sim.engine.reactions",
    "sim.engine.departures",
    "sim.engine.hedges",
    "sim.engine.ending",
    "sim.engine.loop",
    "sim.engine.tally_limits",
    "sim.engine.tally",
)
"""What the kernel is made of; everything else that these import is taken as it is."""

_REPLACED = {"sim.engine.agenda": "sim.engine.agenda_compiled"}
"""Modules that compiled code has another version of, with the same functions."""

_TAKEN = (
    "sim.policy.tables", "sim.engine.tables", "sim.engine.kernel_source", "sim.results.columns",
    "sim.results.tallies", "sim.results.axes",
)  # fmt: skip
"""What kernels import as it is."""
_COMPILES = ("sim.engine.whole_program", "sim.engine.by_reference", "sim.engine.pipeline")
"""How they are compiled."""

_SKIPPED = {"sim.draws": ("Stream",)}
_OPTIONS = "pipeline_class=_Kernel, nogil=True, error_model='numpy', _nrt=False"
"""Without Numba's runtime: the kernel takes no memory, and reference counts would cost half its time."""


LOOP, COUNTING = "sim.engine.loop", "sim.engine.tally"
"""The two parts of the kernel: events, and tallies of what they wrote. Each is compiled when it is first called."""
_ENDING = "sim.engine.ending"
_ENTRIES = {LOOP: ("run",), _ENDING: ("close",), COUNTING: ("count", "tally_close")}
"""Functions that Python calls. Only they are kept on disk, with all that they call inside, and only they
need a wrapper that reads Python's objects: wrappers for all took half of the compiler's time."""
_HEAD = (
    "from numba import njit as _njit",
    "from sim.engine.by_reference import referred as _referred",
    "from sim.engine.pipeline import Kernel as _Kernel",
)
"""What every copy imports besides."""
_ENTRY, _INNER = "cache=True", "no_cpython_wrapper=True, no_cfunc_wrapper=True"

_CALLED = ("sim.policy.pacing", "sim.policy.breaker")
"""Modules whose functions are called; all others are inlined."""
_RARE = ("leave", "heed", "falls_back", "steps_aside", "swap")
"""Functions elsewhere that are called: few clients need them, and inlined they would cost time to compile."""


def _source(module: str) -> str:
    package, _, name = _REPLACED.get(module, module).rpartition(".")
    return files(package).joinpath(f"{name}.py").read_text("utf-8")


def versions() -> str:
    """What else decides about machine code."""
    import llvmlite
    import numba

    return f"{sys.implementation.cache_tag} {numba.__version__} {llvmlite.__version__}"


def kernel_name() -> str:
    """The package of the kernel, named by a hash of all its sources, of its tables, and of the compilers."""
    hashed = hashlib.sha256(versions().encode())
    for module in (*MODULES, *_TAKEN, *_COMPILES):
        hashed.update(_source(module).encode())
    return f"keystorm_kernel_{hashed.hexdigest()[:16]}"


class _Rewrite(ast.NodeTransformer):
    """Point imports among kernel modules at their copies, and mark every function for the compiler.

    Entries begin, after their docstring, with their tables by reference, and hand them on like that.
    """

    def __init__(self, module: str, package: str) -> None:
        self.package = package
        self.entries = _ENTRIES.get(module, ())
        self.skipped = _SKIPPED.get(module, ())
        self.called = module in _CALLED

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        if node.module in MODULES:
            node.module = f"{self.package}.{_flat(node.module)}"
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        for argument in node.args.args:
            argument.annotation = None
        kind = _ENTRY if node.name in self.entries else _INNER
        inlined = "" if self.called or node.name in _RARE else ", forceinline=True"
        node.decorator_list = [ast.parse(f"_njit({_OPTIONS}{inlined}, {kind})", mode="eval").body]
        if node.name in self.entries:
            names = [argument.arg for argument in node.args.args]
            node.body[1:1] = ast.parse("\n".join(f"{name} = _referred({name})" for name in names)).body
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST | None:
        return None if node.name in self.skipped else node


def _flat(module: str) -> str:
    return module.replace(".", "_")


def rewritten(module: str, package: str) -> str:
    """One module's source for the compiler."""
    tree = ast.parse(_source(module))
    tree = ast.fix_missing_locations(_Rewrite(module, package).visit(tree))
    body = ast.unparse(tree)
    head = "from __future__ import annotations"
    return body.replace(head, "\n".join((head, *_HEAD)), 1)


def cache_root() -> Path:
    """Where compiled kernels live: KEYSTORM_CACHE, or the user's cache folder, or a temporary one."""
    if os.environ.get("KEYSTORM_CACHE"):
        return Path(os.environ["KEYSTORM_CACHE"])
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    root = Path(home) / "keystorm"
    with contextlib.suppress(OSError):
        root.mkdir(parents=True, exist_ok=True)
    return root if os.access(root, os.W_OK) else _temporary_root()


@cache
def _temporary_root() -> Path:
    """A folder of the user's own for temporary files, where later runs find it too.

    What lies there is loaded as code, so one that others could have written to is not used.
    """
    root = Path(tempfile.gettempdir()) / f"keystorm-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        root.mkdir(mode=0o700, parents=True)
    found = root.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022:
        return root
    return Path(tempfile.mkdtemp(prefix="keystorm-"))


def write_kernel() -> tuple[Path, str]:
    """Write the copies unless they are there: (folder that holds the package, the package's name)."""
    package, root = kernel_name(), cache_root()
    if (root / package / "__init__.py").exists():
        return root, package
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as scratch:
        made = Path(scratch) / package
        made.mkdir()
        for module in MODULES:
            (made / f"{_flat(module)}.py").write_text(rewritten(module, package), "utf-8")
        (made / "__init__.py").write_text('"""Sources for the compiler; made by keystorm."""\n', "utf-8")
        # Another process may have been faster; its copy is the same.
        with contextlib.suppress(OSError):
            made.rename(root / package)
    return root, package


def is_warm(part: str = LOOP) -> bool:
    """Whether machine code of this very source is already on disk."""
    folder = cache_root() / kernel_name() / "__pycache__"
    modules = (LOOP, _ENDING) if part == LOOP else (part,)
    entries = [f"{_flat(module)}.{entry}" for module in modules for entry in _ENTRIES[module]]
    return all(any(folder.glob(f"{entry}-*.nbc")) for entry in entries)


@cache
def inner_functions() -> frozenset[str]:
    """The names of all functions that Python does not call: parts of those that it does."""
    trees = (ast.parse(_source(module)) for module in MODULES)
    made = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return frozenset(made.difference(*_ENTRIES.values()))


def load_kernel(part: str = LOOP) -> ModuleType:
    """Import the compilable copy of a part: LOOP or COUNTING."""
    root, package = write_kernel()
    if str(root) not in sys.path:
        sys.path.append(str(root))
    return importlib.import_module(f"{package}.{_flat(part)}")
