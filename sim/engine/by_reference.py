"""Hand named tuples of tables from one compiled function to the next as one pointer, not field by field.

Numba passes a named tuple as all its fields, and an array is seven of them: the tables of a world are
hundreds of values, taken apart and put together again at every call. Most of the compiler's time went there.
"""

from __future__ import annotations

import hashlib
from typing import Any

from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, intrinsic, lower_getattr_generic, register_model


class Reference(types.Type):
    """Where a named tuple lies; its fields are read from there. Nobody writes to it, and it dies with its function."""

    def __init__(self, of: Any) -> None:
        self.of = of
        # Short, for it becomes part of the name of every function that it is given to.
        super().__init__(f"{of.instance_class.__name__}_{hashlib.sha256(of.name.encode()).hexdigest()[:8]}")


def _by_reference(kind: Any) -> Any:
    return Reference(kind) if isinstance(kind, types.BaseNamedTuple) else kind


@register_model(Reference)
class _Pointer(models.PrimitiveModel):
    """In machine code: the address."""

    def __init__(self, manager: Any, kind: Reference) -> None:
        super().__init__(manager, kind, manager.lookup(kind.of).get_value_type().as_pointer())


@infer_getattr
class _Fields(AttributeTemplate):
    key = Reference

    def generic_resolve(self, kind: Any, name: str) -> Any:
        """What a field is, a reference again if it is a named tuple; None where there is no such field."""
        fields = dict(zip(kind.of.fields, kind.of.types, strict=True))
        return _by_reference(fields.get(name))


@lower_getattr_generic(Reference)
def _field(context: Any, builder: Any, kind: Reference, where: Any, name: str) -> Any:
    at = kind.of.fields.index(name)
    field = cgutils.gep_inbounds(builder, where, 0, at)
    return field if isinstance(kind.of.types[at], types.BaseNamedTuple) else builder.load(field)


@intrinsic
def referred(_typing: Any, given: Any) -> Any:
    """A named tuple by reference; everything else as it is."""
    kind = _by_reference(given)

    def lowered(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return cgutils.alloca_once_value(builder, values[0]) if kind is not given else values[0]

    return kind(given), lowered
