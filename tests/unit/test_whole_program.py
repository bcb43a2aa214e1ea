"""Compiling as parts of a few entries: the same results, and Numba as it was afterwards."""

from __future__ import annotations

import gc
from typing import Any

import numba
import pytest
from numba.core import types
from numba.core.codegen import CPUCodeLibrary, JITCPUCodegen
from numba.core.dispatcher import Dispatcher

from sim.engine.kernel_source import inner_functions
from sim.engine.whole_program import whole_program

NAMES = (
    (CPUCodeLibrary, "_optimize_functions"),
    (CPUCodeLibrary, "_optimize_final_module"),
    (CPUCodeLibrary, "_finalize_final_module"),
    (JITCPUCodegen, "set_env"),
    (Dispatcher, "get_call_template"),
    (types.Function, "get_call_type"),
)


def methods() -> list[Any]:
    return [getattr(owner, name) for owner, name in NAMES]


def made() -> tuple[Any, Any]:
    @numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
    def inner(value):  # type: ignore[no-untyped-def]
        return 3 * value + 1

    @numba.njit
    def entry(value):  # type: ignore[no-untyped-def]
        return inner(value) + inner(value + 1)

    return inner, entry


def test_an_entry_is_what_it_would_be_and_its_parts_have_no_code_of_their_own() -> None:
    inner, entry = made()
    before = methods()
    with whole_program(frozenset({inner.py_func.__qualname__})):
        assert all(now is not then for now, then in zip(methods(), before, strict=True)) and not gc.isenabled()
        entry.compile((numba.int64,))
    assert methods() == before and gc.isenabled()
    assert entry(5) == 35
    (part,) = inner.overloads.values()
    assert part.library.get_pointer_to_function(part.fndesc.llvm_func_name) == 0


def test_what_is_compiled_afterwards_may_use_the_parts() -> None:
    inner, entry = made()
    with whole_program(frozenset({inner.py_func.__qualname__})):
        entry.compile((numba.int64,))

    @numba.njit
    def other(value):  # type: ignore[no-untyped-def]
        return inner(value) - 1

    assert other(2) == 6


def test_a_part_is_compiled_once_whatever_number_is_written_in_a_call() -> None:
    inner, _ = made()

    @numba.njit
    def entry(value):  # type: ignore[no-untyped-def]
        return inner(2) + inner(3) + inner(value)

    with whole_program(frozenset({inner.py_func.__qualname__})):
        entry.compile((numba.int64,))
    assert entry(4) == 7 + 10 + 13
    assert [one.args for one in inner.nopython_signatures] == [(numba.int64,)]


def test_an_error_while_compiling_leaves_numba_as_it_was() -> None:
    before = methods()
    with pytest.raises(ZeroDivisionError), whole_program(frozenset()):
        raise ZeroDivisionError
    assert methods() == before


def test_an_unknown_numba_compiles_in_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(JITCPUCodegen, "set_env")
    before = CPUCodeLibrary._finalize_final_module
    with whole_program(frozenset({made()[0].py_func.__qualname__})):
        assert CPUCodeLibrary._finalize_final_module is before


def test_the_kernel_says_which_functions_are_inside() -> None:
    inner = inner_functions()
    assert {"admit", "refilled", "attempt", "draw32"} <= inner
    assert not inner & {"run", "close", "count", "tally_close"}
