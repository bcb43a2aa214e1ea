"""What a study wrote, read again to report on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sim.errors import BadInput


def read_json(path: Path, command: str) -> dict[str, Any]:
    """An object that ``keystorm COMMAND`` wrote. Raises BadInput where there is nothing, or no JSON."""
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        hint = f"give the folder that keystorm {command} wrote"
        raise BadInput("no result to report on", place=str(path), hint=hint) from None
    except ValueError as error:
        raise BadInput("not valid JSON", place=str(path), value=str(error), hint="run the study again") from None
    return found
