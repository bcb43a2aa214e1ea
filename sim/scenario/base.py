"""What every part of the scenario schema shares: strictness, quantities, and "one of" mappings."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema

from sim import units
from sim.errors import BadUnit


class Strict(BaseModel):
    """A frozen record that refuses unknown keys, NaN and infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False)


@dataclass(frozen=True, eq=False)
class AlsoWritten:
    """Short forms that a value may be written in; adds them to its JSON Schema."""

    forms: tuple[dict[str, Any], ...]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        inner = dict(handler(core))
        kept = inner.pop("anyOf", None) or inner.pop("oneOf", None) or [inner]
        return {"anyOf": [*kept, *self.forms]}


def also(*forms: dict[str, Any]) -> AlsoWritten:
    """Marks a type as readable from these forms too."""
    return AlsoWritten(forms)


@dataclass(frozen=True)
class AlsoListed:
    """One item may stand for a list of one; says so in the JSON Schema."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        array = dict(handler(core))
        return {"anyOf": [array["items"], array]}


def text(pattern: str, example: str) -> dict[str, Any]:
    """The JSON Schema of a string with a pattern and an example."""
    return {"type": "string", "pattern": pattern, "examples": [example]}


def _quantity(pattern: str, example: str, *kinds: str) -> WithJsonSchema:
    forms: list[dict[str, Any]] = [text(pattern, example), *({"type": kind} for kind in kinds)]
    return WithJsonSchema({"anyOf": forms} if kinds else forms[0])


def tagged(tag: str) -> str:
    """The name of one choice of a union, written so that no key of a file is taken for it."""
    return f"={tag}"


NUMBER = r"(\d[\d_,]*(\.\d+)?|\.\d+)"
RATE = rf"^\s*{NUMBER}\s*[kKMG]?\s*/\s*\d*\s*[a-z]+\s*$"
COUNT = rf"^\s*{NUMBER}\s*[kKMG]?\s*$"
DURATION = rf"^\s*({NUMBER}\s*(ns|us|µs|ms|s|m|h|d|w|sec|min|(second|minute|hour|day|week|month)s?)\s*)+$"

LONGEST = 3650 * units.DAY
"""Ten years: jittered and added up, durations stay far inside int64."""


def _duration(value: Any) -> int:
    ns = units.duration(value)
    if ns > LONGEST:
        raise BadUnit("a duration of more than ten years", value=repr(value), hint="ten years, 3650d, is the longest")
    return ns


Duration = Annotated[
    int,
    BeforeValidator(_duration),
    PlainSerializer(units.duration_text),
    WithJsonSchema({"anyOf": [text(DURATION, "5m"), {"const": 0}]}),
]
"""Nanoseconds, written as ``250ms``."""

Moment = Annotated[
    datetime,
    BeforeValidator(units.moment),
    PlainSerializer(units.moment_text),
    WithJsonSchema(text(r"^\d{4}-\d{2}-\d{2}T", "2026-01-01T00:00:00Z")),
]
"""A moment in UTC, written as ``2026-01-01T00:00:00Z`` (RFC 3339)."""

PerTime = Annotated[units.Rate, BeforeValidator(units.rate), PlainSerializer(str), _quantity(RATE, "60/min")]
"""A :class:`sim.units.Rate`, written as ``60/min``."""

Count = Annotated[int, BeforeValidator(units.count), _quantity(COUNT, "2k", "integer")]
"""A whole number, written as ``2000`` or ``2k``."""

MAX_TOKENS = 100_000_000
"""Largest size of one request, in tokens; with the largest price its cost still fits into int64."""

Tokens = Annotated[int, BeforeValidator(units.count), Field(le=MAX_TOKENS), _quantity(COUNT, "2k", "integer")]
"""A number of tokens of one request, written as ``2000`` or ``2k``."""

Share = Annotated[
    Fraction,
    BeforeValidator(units.share),
    PlainSerializer(float),
    _quantity(rf"^\s*{NUMBER}\s*%?\s*$", "80%", "number"),
]
"""A fraction from 0 to 1, written as ``0.8`` or ``80%``."""

Ratio = Annotated[
    Fraction,
    BeforeValidator(units.ratio),
    PlainSerializer(float),
    _quantity(rf"^\s*{NUMBER}\s*%?\s*$", "150%", "number"),
]
"""A non-negative factor, written as ``1.5`` or ``150%``."""


def money_text(micro_usd: int) -> str:
    """Micro-dollars as :func:`sim.units.money` reads them back, exactly."""
    whole, rest = divmod(micro_usd, units.MICRO)
    return f"${whole}" + (f".{rest:06d}".rstrip("0").ljust(3, "0") if rest else "")


Money = Annotated[
    int,
    BeforeValidator(units.money),
    PlainSerializer(money_text),
    _quantity(rf"^\s*(\$|USD\s)\s*{NUMBER}\s*[kKMG]?\s*$", "$15"),
]
"""Micro-dollars, written as ``$15``."""


def _whole(value: Any) -> Any:
    """Refuses what pydantic would quietly turn into an int: true, "3" and 3.0."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise BadUnit("not a whole number", value=repr(value), hint="digits without quotes or a unit, as 3")


Whole = Annotated[int, BeforeValidator(_whole)]
"""A plain whole number."""


def _number(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise BadUnit("not a number", value=repr(value), hint="digits without quotes or a unit, as 1.5")


Number = Annotated[float, BeforeValidator(_number)]
"""A plain number."""


def _flag(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    raise BadUnit(
        "not true or false", value=repr(value), hint="write true or false (YAML 1.2 has no yes, no, on and off)"
    )


Flag = Annotated[bool, BeforeValidator(_flag)]
"""``true`` or ``false``."""

_REORDERING = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def printable(name: str) -> str:
    """A name without control characters and line separators. Raises BadUnit."""
    bad = next((c for c in name if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in _REORDERING), None)
    if bad is not None:
        raise BadUnit(
            "a name has a control character", value=repr(name), hint="use letters, digits, spaces and punctuation"
        )
    if name != name.strip():
        raise BadUnit("a name starts or ends with a space", value=repr(name), hint=f"write {name.strip()!r}")
    return name


Label = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(printable)]
"""A name that reports print: of a team, a configuration, an account, a project, a key, a model."""


def short(field: str, kinds: tuple[type, ...], what: str, hint: str) -> Callable[[Any], Any]:
    """A reader in which a bare value of ``kinds`` is short for ``{field: value}``.

    Mappings and records pass; anything else is refused as "not a ``what``" with ``hint``.
    """

    def read(value: Any) -> Any:
        if isinstance(value, (dict, BaseModel)):
            return value
        if isinstance(value, kinds) and not isinstance(value, bool):
            return {field: value}
        raise BadUnit(f"not a {what}", value=repr(value), hint=hint)

    return read


def listed(value: Any) -> Any:
    """One mapping is short for a list of one."""
    return [value] if isinstance(value, (dict, BaseModel)) else value


class OneOf(Strict):
    """A mapping in which exactly one key is given; the key says which kind it is."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(core))
        for entry in schema.get("properties", {}).values():
            given = [form for form in entry.pop("anyOf", []) if form.get("type") != "null"]
            entry.pop("default", None)
            entry.update(given[0] if len(given) == 1 else {"anyOf": given} if given else {})
        schema.update(minProperties=1, maxProperties=1)
        return schema

    @model_validator(mode="after")
    def _exactly_one(self) -> OneOf:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            names = ", ".join(field.alias or name for name, field in type(self).model_fields.items())
            found = "none is" if not given else " and ".join(given) + " are"
            raise BadUnit(f"needs exactly one kind, and {found} given", hint=f"give exactly one of {names}")
        return self

    @property
    def kind(self) -> str:
        """The name of the key that is given."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)

    @property
    def spec(self) -> Any:
        """What stands under that key."""
        return getattr(self, self.kind)
