"""Tables in parts: whole after every interruption, and read as one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sim.errors import BadInput
from sim.results.parts import UNDER_WAY, Parts
from sim.results.store import Writer, read
from tests.unit.metric_tables import good, tables

REQUESTS, ATTEMPTS = "requests.parquet", "attempts.parquet"


def frames(team: str, count: int = 2) -> tuple[pd.DataFrame, pd.DataFrame]:
    return tables([good(team, 70 + at) for at in range(count)])


def teams(directory: Path) -> list[str]:
    requests, attempts = read(directory)
    assert requests["team"].tolist() == attempts["team"].tolist(), "each of these requests made one attempt"
    return list(requests["team"])


def test_parts_read_as_one_table(tmp_path: Path) -> None:
    parts = Parts(tmp_path, "ab", attempts=True)
    for team in ("a", "b"):
        parts.add(*frames(team))
        parts.add(*frames(team, 1))
        parts.close_part()
    assert parts.close_part() == 2, "no rows, no part"
    assert not (tmp_path / REQUESTS).exists(), "nothing is in place before the commit"
    parts.commit()
    assert teams(tmp_path) == ["a", "a", "a", "b", "b", "b"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [ATTEMPTS, REQUESTS]


def test_what_no_checkpoint_counts_is_written_anew(tmp_path: Path) -> None:
    first = Parts(tmp_path, "ab", attempts=True)
    for team in ("a", "lost"):
        first.add(*frames(team))
        first.close_part()
    first.add(*frames("half"))
    first.drop()
    assert Parts.are_there(tmp_path, 2, attempts=True)
    assert not Parts.are_there(tmp_path, 4, attempts=True)
    second = Parts(tmp_path, "ab", attempts=True, done=1)
    assert len(list((tmp_path / UNDER_WAY / REQUESTS).iterdir())) == 1
    second.add(*frames("z", 1))
    second.commit()
    assert teams(tmp_path) == ["a", "a", "z"]


def test_a_new_study_begins_with_no_parts(tmp_path: Path) -> None:
    old = Parts(tmp_path, "ab", attempts=True)
    old.add(*frames("old"))
    old.close_part()
    new = Parts(tmp_path, "cd", attempts=False)
    new.add(frames("new")[0], None)
    new.commit()
    requests, attempts = read(tmp_path)
    assert requests["team"].tolist() == ["new", "new"]
    assert not len(attempts)


def test_folders_and_files_take_each_others_place(tmp_path: Path) -> None:
    for team in ("a", "b"):
        parts = Parts(tmp_path, team, attempts=True)
        parts.add(*frames(team, 1))
        parts.commit()
        assert teams(tmp_path) == [team]
        with Writer(tmp_path) as writer:
            writer.add(*frames("whole", 1))
            writer.commit()
        assert teams(tmp_path) == ["whole"]
    parts = Parts(tmp_path, "c", attempts=True)
    parts.add(*frames("c"))
    parts.commit()
    with Writer(tmp_path, attempts=False) as writer:
        writer.add(frames("alone", 1)[0])
        writer.commit()
    assert [path.name for path in tmp_path.iterdir()] == [REQUESTS]


def test_parts_of_different_studies_are_not_one_table(tmp_path: Path) -> None:
    for study, number in (("ab", 0), ("cd", 1)):
        parts = Parts(tmp_path / study, study, attempts=True)
        parts.add(*frames("a"))
        parts.commit()
        made = tmp_path / study / REQUESTS / "part-00000.parquet"
        made.replace(tmp_path / "ab" / REQUESTS / f"part-{number:05d}.parquet")
    with pytest.raises(BadInput, match="parts belong to different studies"):
        read(tmp_path / "ab")


def test_an_empty_folder_is_no_table(tmp_path: Path) -> None:
    (tmp_path / REQUESTS).mkdir()
    with pytest.raises(BadInput, match=r"no part-00000\.parquet"):
        read(tmp_path)
