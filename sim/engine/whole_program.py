"""Compile many small functions as parts of a few: a third less time than Numba's own way, and code of the same speed.

Numba optimises each function with all that it calls, and makes machine code of it, before it is called
by the next: what lies deep is worked on again at every level above. Here the inner functions stay
as they are written until they are parts of one that Python calls, which is optimised, and becomes machine code, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sim.collector import resting


@contextmanager
def whole_program(inner: frozenset[str]) -> Iterator[None]:
    """Inside, functions of these names become no machine code of their own, but are parts of those that call them.

    Nobody else compiles meanwhile: Numba's own lock is held. Where its inside is not what is known here, its own way is
    left as it is. The collector of cyclic garbage rests: a compiler makes millions of objects and keeps most.
    """
    from numba.core.compiler_lock import global_compiler_lock

    with global_compiler_lock, ExitStack() as undo:
        undo.enter_context(resting())
        for owner, name, value in _changes(inner):
            undo.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)
        yield


def _changes(inner: frozenset[str]) -> list[tuple[Any, str, Callable[..., None]]]:
    """(class, method, what it is instead); none where a class or a method is not there."""
    try:
        from numba.core.codegen import CPUCodeLibrary, JITCPUCodegen

        finish: Any = CPUCodeLibrary._finalize_final_module
        checks: Any = (CPUCodeLibrary._finalize_dynamic_globals, CPUCodeLibrary._verify_declare_only_symbols)
        environment: Any = JITCPUCodegen.set_env
        _ = CPUCodeLibrary._optimize_final_module, JITCPUCodegen._module_pass_manager
    except (ImportError, AttributeError):
        return []

    def optimised(library: Any) -> None:
        if library.name not in inner:  # without Numba's first passes, which are there to count references
            passes, builder = library._codegen._module_pass_manager()
            passes.run(library._final_module, builder)

    def finished(library: Any) -> None:
        if library.name not in inner:
            finish(library)
            return
        for check in checks:
            check(library)
        library._finalized = True  # to be linked into others; nobody will ask where it is in memory

    def with_environment(codegen: Any, name: str, env: Any) -> None:
        if codegen._engine.get_global_value_address(name):
            environment(codegen, name, env)

    return [
        (CPUCodeLibrary, "_optimize_final_module", optimised),
        (CPUCodeLibrary, "_finalize_final_module", finished),
        (JITCPUCodegen, "set_env", with_environment),
    ]
