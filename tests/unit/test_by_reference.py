"""Named tuples of tables by reference: the same values, in functions that take one pointer."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import pytest

from sim.engine.by_reference import Reference, referred
from sim.engine.pipeline import Kernel


class Inner(NamedTuple):
    """All fields of one type, which Numba keeps in another way."""

    low: int
    high: int


class Outer(NamedTuple):
    """Arrays, a number, and a named tuple inside."""

    numbers: Any
    factor: float
    inner: Inner


OUTER = Outer(np.arange(5), 2.5, Inner(1, 4))


@numba.njit(pipeline_class=Kernel)
def added(outer):  # type: ignore[no-untyped-def]
    """Reads every field, and writes to the array."""
    total = 0.0
    inner = outer.inner
    for at in range(inner.low, inner.high):
        total += outer.factor * outer.numbers[at]
        outer.numbers[at] += 1
    return total


@numba.njit(pipeline_class=Kernel)
def entry(outer):  # type: ignore[no-untyped-def]
    """Hands it on by reference."""
    outer = referred(outer)
    return added(outer) + added(outer)


@numba.njit(pipeline_class=Kernel)
def untouched(number, values):  # type: ignore[no-untyped-def]
    """What is no named tuple stays what it is."""
    number = referred(number)
    values = referred(values)
    return number + values[number]


@numba.njit
def misspelt(outer):  # type: ignore[no-untyped-def]
    """Asks for a field that is not there."""
    return referred(outer).factors


def test_fields_are_read_where_they_lie_and_arrays_are_the_callers_own() -> None:
    given = OUTER._replace(numbers=np.arange(5))
    assert entry(given) == 2.5 * (1 + 2 + 3) + 2.5 * (2 + 3 + 4)
    assert given.numbers.tolist() == [0, 3, 4, 5, 4]


def test_what_is_no_named_tuple_is_handed_on_as_it_is() -> None:
    assert untouched(2, np.array([5, 6, 7])) == 9


def test_the_inner_function_takes_a_pointer_and_has_a_short_name() -> None:
    entry(OUTER._replace(numbers=np.arange(5)))
    (signature,) = [one for one in added.nopython_signatures if isinstance(one.args[0], Reference)]
    (kind,) = signature.args
    assert kind.name.startswith("Outer_") and len(kind.name) == len("Outer_") + 8
    assert kind.of == numba.typeof(OUTER)


def test_other_types_of_fields_are_another_reference() -> None:
    whole, parts = (Reference(numba.typeof(OUTER._replace(factor=factor))) for factor in (2, 2.5))
    assert whole != parts and whole.name != parts.name
    assert Reference(numba.typeof(OUTER)) is parts


def test_a_field_that_is_not_there_is_an_error_of_types() -> None:
    with pytest.raises(numba.TypingError, match="factors"):
        misspelt(OUTER)
