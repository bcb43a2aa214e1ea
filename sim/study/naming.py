"""Names of a scenario as names of files, and the folder that a study works in until its result is whole."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def slug(name: str) -> str:
    """A name that is safe as one part of a path: ``a/b: c`` becomes ``a-b-c``."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "configuration"


@contextmanager
def working_folder(out: Path) -> Iterator[Path]:
    """A hidden folder in ``out`` that goes when the block ends, and ``out`` with it when nothing was put there."""
    out.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".partial-", dir=out))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        with suppress(OSError):  # it holds a result
            out.rmdir()
