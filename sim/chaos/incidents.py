"""Incidents: faults whose time is not known, only how often they come, for how long, and to whom.

An entry of ``incidents`` is a fault of the catalogue without its ``at``, with a rate ``per_month``. Any
duration and any rate in it may be a distribution, and its team may be one of several. A month draws
how many there are (Poisson), when (uniform), and each distribution, and becomes an ordinary
timeline of faults: engines need to know nothing about incidents.

The draws of an incident are keyed by (seed, month, its name). Occurrences are drawn at the *highest*
rate that its range allows and thinned by a mark each, so that another rate keeps what both have
(Lewis and Shedler 1979): differences between rates are paired.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import exp, log
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

from pydantic import BeforeValidator, Field, PrivateAttr, create_model, model_validator

from sim.chaos.base import Fault
from sim.chaos.catalogue import FaultEntry
from sim.draws import Stream
from sim.errors import BadUnit
from sim.scenario.base import RATE, Duration, Label, OneOf, PerTime, Strict, also, short, text
from sim.scenario.ranges import Amount, Range
from sim.scenario.workloads import FixedTime, SpreadTime, Time
from sim.units import MONTH, duration, duration_text

Z95 = 1.6448536269514722
"""The 95th percentile of the standard normal distribution."""
LEAST_NS = 1_000_000
"""No drawn duration is shorter than a millisecond: a fault lasts for more than nothing."""


class RateSpread(Strict):
    """A rate that is lognormal, by its median and 95th percentile."""

    median: PerTime
    p95: PerTime

    @model_validator(mode="after")
    def _ordered(self) -> RateSpread:
        if self.p95.per_second < self.median.per_second:
            raise BadUnit("p95 is below the median", hint="p95 must be at least the median")
        return self


def _rate(value: Any) -> Any:
    """``600/min`` is short for a rate that does not vary."""
    read = short("median", (str,), "rate", "600/min, or {median: 60/min, p95: 600/min}")(value)
    return {"p95": read["median"], **read} if isinstance(read, dict) and "median" in read else read


DrawnRate = Annotated[RateSpread, BeforeValidator(_rate), also(text(RATE, "60/min"))]
"""``60/min``, or ``{median: 60/min, p95: 600/min}``."""

OneOfTeams = Annotated[
    tuple[str, ...],
    Field(min_length=1),
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    also({"type": "string"}),
]
"""A team, or several of which one is drawn."""


class Incident(Strict):
    """What every incident says beside its fault.

    ``per_month``: how many start in 30 days on average. ``length`` multiplies ``for`` and every duration
    that is a distribution, as a range: how wrong the estimate of them all may be. ``name`` is for
    reports, by default the fault's. ``source`` says where the figures are from.
    """

    name: Label | None = None
    per_month: Amount
    length: Amount = Range(low=1, mode=1, high=1)
    source: str = ""

    def drawn_fields(self) -> Iterator[tuple[str, str, Any]]:
        """The fields of the fault as (name, key in a file, value); unset ones are left out."""
        for name, info in type(self).model_fields.items():
            value = getattr(self, name)
            if name not in Incident.model_fields and value is not None:
                yield name, info.alias or name, value


def _drawable(hint: Any) -> Any:
    """The type of a field of a fault, widened to a distribution where it is a duration or a rate."""
    if hint == Duration:
        return Time
    if hint == PerTime:
        return DrawnRate
    parts = get_args(hint)
    if type(None) in parts and len(parts) == 2:
        (inner,) = (part for part in parts if part is not type(None))
        return _drawable(inner) | None
    return hint


def _default(hint: Any, value: Any) -> Any:
    """A field's default in its widened form."""
    if hint == Duration:
        return FixedTime.model_construct(fixed=value)
    return RateSpread.model_construct(median=value, p95=value) if hint == PerTime else value


def _of_fault(fault: type[Fault]) -> type[Incident]:
    """The incident of a fault: its fields but ``at``, durations and rates as distributions."""
    hints = get_type_hints(fault, include_extras=True)
    fields: dict[str, Any] = {}
    for name, info in fault.model_fields.items():
        if name == "at":
            continue
        teams = OneOfTeams if hints[name] is str else OneOfTeams | None
        hint = teams if name == "team" else _drawable(hints[name])
        default = ... if info.is_required() else _default(hints[name], info.get_default(call_default_factory=True))
        fields[name] = (hint, Field(default, alias=info.alias))
    said = f"Incidents of ``{fault.__name__}``: its fields without ``at``, beside those of every incident."
    return create_model(f"{fault.__name__}Incident", __base__=Incident, __doc__=said, __module__=__name__, **fields)


def faults() -> dict[str, type[Fault]]:
    """Every fault of the catalogue by the name that a file gives it."""
    hints = get_type_hints(FaultEntry, include_extras=True)
    return {name: get_args(hints[name])[0] for name in FaultEntry.model_fields}


INCIDENTS: dict[str, type[Incident]] = {name: _of_fault(fault) for name, fault in faults().items()}
"""The incident of each fault of the catalogue."""

if TYPE_CHECKING:

    class IncidentEntry(OneOf):
        """One entry of ``incidents``."""

        @property
        def incident(self) -> Incident:
            """The incident itself."""

        @property
        def title(self) -> str:
            """Its name, or else its kind."""
else:

    class _Entry(OneOf):
        @property
        def incident(self) -> Incident:
            return self.spec

        @property
        def title(self) -> str:
            return self.incident.name or self.kind

    IncidentEntry = create_model(
        "IncidentEntry",
        __base__=_Entry,
        __doc__="One entry of ``incidents``: a fault's name, how often it comes, and its distributions.",
        __module__=__name__,
        **{name: (kind | None, None) for name, kind in INCIDENTS.items()},
    )
    for _name, _kind in INCIDENTS.items():  # so that pickle finds them
        globals()[_kind.__name__] = _kind


class Occurrence(FaultEntry):
    """A fault that was drawn. Its traffic has a stream of its own name, whatever else happens that month."""

    _stream: str = PrivateAttr("")
    _title: str = PrivateAttr("")

    @classmethod
    def of(cls, kind: str, said: Mapping[str, Any], title: str, number: int) -> Occurrence:
        """The fault with these fields as a file would write them. Raises ValidationError."""
        one = cls.model_validate({kind: said})
        one._title, one._stream = title, f"{title}/{number}"
        return one

    @property
    def title(self) -> str:
        """The name of the incident that this is one of."""
        return self._title

    def stream(self, place: int) -> str:
        """Its incident and number there; ``place`` in the timeline changes from month to month."""
        return self._stream


@dataclass(frozen=True)
class Rates:
    """What is assumed about one incident in one month: how many a month, and the factor on its durations."""

    per_month: float
    length: float = 1.0


def occurrences(
    entry: IncidentEntry, assumed: Rates, seed: int, month: int, duration_ns: int
) -> Iterator[Occurrence]:  # fmt: skip
    """The faults of one incident in one month of ``duration_ns``; those that outlast it end with it."""
    stream = Stream(seed, month, f"incident/{entry.title}")
    highest = max(entry.incident.per_month.high, assumed.per_month)
    count = int(stream.generator("count").poisson(highest * duration_ns / MONTH)) if highest > 0 else 0
    marks, times = (stream.generator(purpose).random(count) for purpose in ("mark", "at"))
    luck = {
        name: stream.generator(name).standard_normal(count)
        for name, _, value in entry.incident.drawn_fields()
        if isinstance(value, (SpreadTime, RateSpread))
    }
    chosen = stream.generator("team").random(count)
    for at in range(count):
        if marks[at] * highest < assumed.per_month:
            start = int(times[at] * duration_ns)
            mine = {name: float(values[at]) for name, values in luck.items()}
            said = _said(entry, assumed.length, mine, float(chosen[at]))
            yield Occurrence.of(entry.kind, _placed(said, start, duration_ns), entry.title, at)


def specimen(entry: IncidentEntry, duration_ns: int) -> Occurrence:
    """The incident at its medians, at the beginning of a month. Raises ValidationError where it is no fault."""
    return Occurrence.of(entry.kind, _placed(_said(entry, 1.0, {}, 0.0), 0, duration_ns), entry.title, 0)


def _said(entry: IncidentEntry, length: float, luck: Mapping[str, float], chosen: float) -> dict[str, Any]:
    """The fields of one occurrence, as a file would write them."""
    said: dict[str, Any] = {}
    for name, key, value in entry.incident.drawn_fields():
        normal = luck.get(name, 0.0)
        if isinstance(value, SpreadTime):
            said[key] = _duration(length * lognormal(value.median, value.p95, normal))
        elif isinstance(value, FixedTime):
            said[key] = _duration((length if key == "for" else 1.0) * value.fixed) if value.fixed else 0
        elif isinstance(value, RateSpread):
            factor = lognormal(1.0, value.p95.per_second / value.median.per_second, normal)
            said[key] = value.median.times(Fraction(factor).limit_denominator(1000) or Fraction(1, 1000))
        elif name == "team":
            said[key] = value[min(int(chosen * len(value)), len(value) - 1)]
        else:
            said[key] = value
    return said


def lognormal(median: float, p95: float, normal: float) -> float:
    """The value of a lognormal distribution at a standard normal draw."""
    return median if p95 == median else median * exp(log(p95 / median) / Z95 * normal)


def _duration(ns: float) -> str:
    return duration_text(max(LEAST_NS, round(ns)))


def _placed(said: Mapping[str, Any], start: int, duration_ns: int) -> dict[str, Any]:
    """With its time, and ended with the month."""
    placed = {**said, "at": duration_text(start) if start else 0}
    if "for" in placed:
        placed["for"] = duration_text(min(duration(placed["for"]), duration_ns - start))
    return placed


__all__ = ["INCIDENTS", "Incident", "IncidentEntry", "Occurrence", "Rates", "faults", "occurrences", "specimen"]
