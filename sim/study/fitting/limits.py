"""What the command line says to a fit: limits in force, a name, a model."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import ValidationError

from sim.catalogue.data import model_names
from sim.errors import BadInput
from sim.scenario.keys import Limits
from sim.scenario.schema import NAME
from sim.scenario.words import choices

_EXAMPLE = "requests=60/min,burst=60"
_FLAGS = {"charge_rejected", "count_cached_input"}


def limits_told(text: str) -> Limits:
    """Limits from ``requests=60/min,burst=60,algorithm=fixed_window``. Raises BadInput."""
    known = [name for name in Limits.model_fields if name != "models"]
    said: dict[str, object] = {}
    for piece in text.split(","):
        name, sign, value = (part.strip() for part in piece.partition("="))
        if not sign or not value or name not in known:
            hint = choices(name, known) if sign and value else f"NAME=VALUE, as {_EXAMPLE}"
            raise BadInput("not a limit", place="--limits", value=repr(piece), hint=hint)
        if name in said:
            raise BadInput("a limit is given twice", place="--limits", value=repr(piece), hint="keep one of them")
        said[name] = value == "true" if name in _FLAGS and value in ("true", "false") else value
    try:
        return Limits.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = f"--limits {'.'.join(str(part) for part in first['loc'] if not str(part).startswith('='))}".strip()
        message = first["msg"].removeprefix("Value error, ").split("\n")[0]
        raise BadInput(message, place=place, value=repr(text), hint=f"as {_EXAMPLE}") from error


def name_told(name: str | None, log: str) -> str:
    """A scenario's name: as told, or from the log's. Raises BadInput for one that no scenario may have."""
    if name is None:
        stem = Path(log).name.split(".")[0] if "://" not in log else "database"
        made = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:60]
        return f"{made}-fitted" if made and made[0].isalnum() else "fitted"
    if not re.fullmatch(NAME, name) or len(name) > 80:
        hint = "letters, digits, dots, dashes and underscores, as checkout-october"
        raise BadInput("not a name of a scenario", place="--name", value=repr(name), hint=hint)
    return name


def model_told(name: str) -> str:
    """A model of the catalogue. Raises BadInput."""
    if name not in model_names():
        hint = choices(name, model_names())
        raise BadInput("the catalogue has no such model", place="--model", value=repr(name), hint=hint)
    return name
