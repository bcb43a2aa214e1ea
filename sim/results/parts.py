"""The result tables of a long study: folders of Parquet parts that grow while it runs, over interruptions too.

A Parquet file can't be gone on with once its writer is gone, so each table is a folder: one whole file
for each stretch between two checkpoints. The folders grow out of sight in ``.rows-under-way`` and are put
in place when the study is over. Every tool that reads Parquet reads such a folder as one table.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from sim.results.columns import ATTEMPTS, REQUESTS
from sim.results.store import ATTEMPTS_FILE, REQUESTS_FILE, Table, part_name, put, remove

if TYPE_CHECKING:
    import pandas as pd

UNDER_WAY = ".rows-under-way"


class Parts:
    """Appends rows, part by part. ``done`` parts of an interrupted run are gone on from; later ones are dropped.

    ``fingerprint`` must be the same for both tables, and another for another study.
    """

    def __init__(self, directory: Path, fingerprint: str, *, attempts: bool, done: int = 0) -> None:
        self._directory, self._fingerprint, self.done = directory, fingerprint, done
        self._columns = {REQUESTS_FILE: REQUESTS} | ({ATTEMPTS_FILE: ATTEMPTS} if attempts else {})
        self._open: dict[str, Table] = {}
        if done == 0:
            shutil.rmtree(self._directory / UNDER_WAY, ignore_errors=True)
        for name in self._columns:
            self._folder(name).mkdir(parents=True, exist_ok=True)
            for later in set(self._folder(name).iterdir()) - {self._path(name, at) for at in range(done)}:
                remove(later)

    def _folder(self, name: str) -> Path:
        return self._directory / UNDER_WAY / name

    def _path(self, name: str, part: int) -> Path:
        return self._folder(name) / part_name(part)

    @staticmethod
    def are_there(directory: Path, done: int, *, attempts: bool) -> bool:
        """Whether all ``done`` parts of each table are still where they were written."""
        names = (REQUESTS_FILE, ATTEMPTS_FILE)[: 1 + attempts]
        folder = directory / UNDER_WAY
        return all((folder / name / part_name(at)).is_file() for name in names for at in range(done))

    def add(self, requests: pd.DataFrame, attempts: pd.DataFrame | None) -> None:
        """Append rows; they are safe after the next :meth:`close_part`. Raises ``ValueError`` on wrong columns."""
        if not self._open:
            self._open = {name: Table(self._path(name, self.done), kind) for name, kind in self._columns.items()}
        for name, frame in ((REQUESTS_FILE, requests), (ATTEMPTS_FILE, attempts)):
            if frame is not None and name in self._open:
                self._open[name].add(frame)

    def close_part(self) -> int:
        """Bring all rows to the disk; how many parts there are now. A checkpoint must remember the number."""
        if self._open:
            for name, table in self._open.items():
                table.finish(self._fingerprint)
                _sync(self._path(name, self.done))
            self._open = {}
            self.done += 1
        return self.done

    def commit(self) -> None:
        """Put the folders in place, instead of any earlier tables."""
        self.close_part()
        for name in (REQUESTS_FILE, ATTEMPTS_FILE):
            if name in self._columns:
                put(self._folder(name), self._directory / name)
            else:
                remove(self._directory / name)
        shutil.rmtree(self._directory / UNDER_WAY)

    def drop(self) -> None:
        """Let go of the part that is open, unfinished; the next run writes it anew."""
        for table in self._open.values():
            table.drop()
        self._open = {}


def _sync(path: Path) -> None:
    """Wait until a file is on the disk: a checkpoint that counts on it must not be there first."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
