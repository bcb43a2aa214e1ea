"""Compile many small functions as parts of a few: much quicker than Numba does it, and code of the same speed.

Numba optimises each function with all that it calls, and makes machine code of it, before it is called
by the next: what lies deep is worked on again at every level above. Here the inner functions stay almost
as they are written until they are parts of one that Python calls, which is optimised, and becomes machine code, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sim.collector import resting

Change = tuple[Any, str, Callable[..., Any]]
"""Class, method, what it is instead."""


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


def _changes(inner: frozenset[str]) -> list[Change]:
    """All of them; none where a class or a method is not there."""
    try:
        return [*_of_machine_code(inner), *_of_types()]
    except (ImportError, AttributeError):
        return []


def _unfolded(library: Any, module: Any) -> None:
    """Structs become their fields, no more: there is a third less to link then."""
    from llvmlite import binding

    module.data_layout = library._codegen._data_layout
    passes = binding.create_new_function_pass_manager()
    passes.add_sroa_pass()
    builder = binding.create_pass_builder(library._codegen._tm, binding.create_pipeline_tuning_options())
    for function in module.functions:
        if not function.is_declaration:
            passes.run(function, builder)


def _of_machine_code(inner: frozenset[str]) -> list[Change]:
    """Optimise entries only, and only once they are whole."""
    from numba.core.codegen import CPUCodeLibrary, JITCPUCodegen

    finish: Any = CPUCodeLibrary._finalize_final_module
    checks: Any = (CPUCodeLibrary._finalize_dynamic_globals, CPUCodeLibrary._verify_declare_only_symbols)
    environment: Any = JITCPUCodegen.set_env
    _ = CPUCodeLibrary._optimize_functions, CPUCodeLibrary._optimize_final_module, JITCPUCodegen._module_pass_manager

    def optimised(library: Any) -> None:
        """Without Numba's first passes, which are there to count references."""
        if library.name not in inner:
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
        (CPUCodeLibrary, "_optimize_functions", _unfolded),
        (CPUCodeLibrary, "_optimize_final_module", optimised),
        (CPUCodeLibrary, "_finalize_final_module", finished),
        (JITCPUCodegen, "set_env", with_environment),
    ]


def _of_types() -> list[Change]:
    """Compile a function once for all values of a type, and ask once what an operator makes of its operands."""
    from numba.core import types
    from numba.core.dispatcher import Dispatcher

    template: Any = Dispatcher.get_call_template
    resolve: Any = types.Function.get_call_type
    known: dict[Any, Any] = {}

    def for_any_value(dispatcher: Any, given: Any, named: Any) -> Any:
        # A literal number is a type to Numba: there was a draw32 for each of six streams.
        return template(dispatcher, tuple(map(types.unliteral, given)), named)

    def remembered(function: Any, context: Any, given: Any, named: Any) -> Any:
        if named:
            return resolve(function, context, given, named)
        if (function, given) not in known:
            known[function, given] = resolve(function, context, given, named)
        return known[function, given]

    return [(Dispatcher, "get_call_template", for_any_value), (types.Function, "get_call_type", remembered)]
