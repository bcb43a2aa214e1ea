"""The Parquet store: what goes in comes out, and nothing half-written stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from sim.errors import BadInput
from sim.results import store
from sim.results.columns import ATTEMPTS, OUTCOMES, REQUESTS
from sim.results.store import Writer, read, write_json, write_text
from tests.unit.metric_tables import Ask, good, refused, tables


def _study(count: int = 3, configuration: str = "shared") -> tuple[pd.DataFrame, pd.DataFrame]:
    asks = [good("a", 70 + n, configuration=configuration) for n in range(count)]
    return tables([*asks, refused("b", 80, configuration=configuration), Ask("b", None, outcome="not_started")])


def _same_categories(*frames: pd.DataFrame) -> list[pd.DataFrame]:
    """As engines do it: one set of categories for all runs of a study."""
    names = [column.name for column in REQUESTS if column.type == "category"]
    union = {name: sorted({str(c) for f in frames for c in f[name].cat.categories}) for name in names}
    return [f.assign(**{name: f[name].cat.set_categories(union[name]) for name in names}) for f in frames]


def _write(directory: Path, *runs: tuple[pd.DataFrame, pd.DataFrame], attempts: bool = True) -> None:
    with Writer(directory, attempts=attempts) as writer:
        for requests, tried in runs:
            writer.add(requests, tried)
        writer.commit()


def test_round_trip_keeps_values_types_and_categories(tmp_path: Path) -> None:
    requests, attempts = _study()
    _write(tmp_path, (requests, attempts))
    found = read(tmp_path)
    pd.testing.assert_frame_equal(found[0], requests, check_categorical=False)
    assert list(found[0]["outcome"].cat.categories) == list(OUTCOMES)  # unused ones too, in order
    assert list(found[1]["refused_by"].cat.categories) == list(attempts["refused_by"].cat.categories)
    assert [str(kind) for kind in found[1].dtypes] == [column.type for column in ATTEMPTS]


def test_runs_are_appended_in_order(tmp_path: Path) -> None:
    first, second = _study(2, "shared"), _study(4, "projects")
    requests = _same_categories(first[0], second[0])
    _write(tmp_path, (requests[0], first[1]), (requests[1], second[1]))
    found, tried = read(tmp_path)
    assert found["configuration"].tolist()[:3] == ["shared"] * 3
    assert found["configuration"].tolist().count("projects") == 5
    assert len(tried) == len(first[1]) + len(second[1])


def test_runs_with_different_categories_still_read_back(tmp_path: Path) -> None:
    _write(tmp_path, tables([good("a", 1)]), tables([good("z", 1), good("a", 2)]))
    assert read(tmp_path)[0]["team"].tolist() == ["a", "z", "a"]


def test_small_runs_share_a_row_group_and_large_ones_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "ROW_GROUP", 10)
    _write(tmp_path, *[_study(2)] * 6)  # four rows a run: groups of 12 rows
    file = pq.ParquetFile(tmp_path / "requests.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [12, 12]
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert len(read(tmp_path)[0]) == 24


def test_missing_values_of_categories_survive(tmp_path: Path) -> None:
    requests, attempts = _study()
    requests["refused_by"] = pd.Categorical([None, "x", None, "x", ""], categories=["", "x"])
    _write(tmp_path, (requests, attempts))
    assert read(tmp_path)[0]["refused_by"].isna().tolist() == [True, False, True, False, False]


def test_an_error_leaves_the_old_tables_and_nothing_else(tmp_path: Path) -> None:
    _write(tmp_path, _study(2))
    with pytest.raises(ValueError, match="lacks the columns"):
        _write(tmp_path, _study(5), (pd.DataFrame(), pd.DataFrame()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["attempts.parquet", "requests.parquet"]
    assert len(read(tmp_path)[0]) == 4


def test_leaving_without_commit_discards(tmp_path: Path) -> None:
    with Writer(tmp_path) as writer:
        writer.add(*_study())
        (partial,) = tmp_path.iterdir()
        assert partial.name.startswith(".partial-")
    assert not list(tmp_path.iterdir())


def test_without_attempts_an_old_table_of_attempts_goes(tmp_path: Path) -> None:
    _write(tmp_path, _study())
    _write(tmp_path, _study(), attempts=False)
    requests, attempts = read(tmp_path)
    assert len(requests) == 5
    assert len(attempts) == 0
    assert [str(kind) for kind in attempts.dtypes] == [column.type for column in ATTEMPTS]


def test_a_study_without_any_row_reads_back(tmp_path: Path) -> None:
    _write(tmp_path, tables([]))
    requests, attempts = read(tmp_path)
    assert len(requests) == len(attempts) == 0


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("arrival_ns", [0.5] * 5, "arrival_ns must be int64, not float64"),
        ("team", ["a"] * 5, "team must be categorical"),
    ],
)
def test_wrong_types_are_refused(tmp_path: Path, column: str, values: list[object], words: str) -> None:
    requests, attempts = _study()
    requests[column] = values
    with pytest.raises(ValueError, match=words), Writer(tmp_path) as writer:
        writer.add(requests, attempts)
    assert not list(tmp_path.iterdir())


def test_a_number_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    requests, attempts = _study()
    requests["status"] = np.int64(70_000)
    with pytest.raises(ValueError, match="70000"), Writer(tmp_path) as writer:
        writer.add(requests, attempts)


def test_missing_columns_and_missing_attempts_are_refused(tmp_path: Path) -> None:
    requests, attempts = _study()
    with Writer(tmp_path) as writer:
        with pytest.raises(ValueError, match="lacks the columns team, status"):
            writer.add(requests.drop(columns=["team", "status"]), attempts)
        with pytest.raises(ValueError, match="attempts"):
            writer.add(requests)


@pytest.mark.parametrize(
    "kind", ["empty folder", "no folder", "no parquet", "cut", "damaged", "other columns", "mixed runs"]
)
def test_reading_what_is_no_study_says_what_is_wrong(tmp_path: Path, kind: str) -> None:
    directory = tmp_path / "out"
    if kind != "no folder":
        directory.mkdir()
    path = directory / "requests.parquet"
    if kind == "no parquet":
        path.write_text("hello")
    if kind == "cut":
        _write(directory, _study(500))
        path.write_bytes(path.read_bytes()[:-20])
    if kind == "damaged":
        _write(directory, _study(500))
        data = path.read_bytes()
        path.write_bytes(data[:4] + bytes(len(data) // 2) + data[4 + len(data) // 2 :])
    if kind == "other columns":
        requests = _study()[0].drop(columns="team").astype({"status": "int64"})
        requests.to_parquet(path)
    if kind == "mixed runs":
        _write(directory, _study(2))
        other = tmp_path / "other"
        _write(other, _study(3))
        (other / "requests.parquet").replace(path)
    words = {
        "empty folder": "no requests.parquet", "no folder": "no requests.parquet", "no parquet": "not a Parquet file",
        "cut": "not a Parquet file", "damaged": "the table is damaged", "mixed runs": "different runs",
        "other columns": "team is missing.*status is int64, not int16",
    }  # fmt: skip
    with pytest.raises(BadInput, match=words[kind]) as caught:
        read(directory)
    assert str(directory) in str(caught.value)


def test_text_and_json_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "summary.json"
    value = {"a": [1, 2.5, None], "words": ["[ 1,\n 2 ]"], "empty": [], "nested": [[1, 2], [3]], "name": "Zürich"}
    write_json(path, value)
    assert json.loads(path.read_text()) == value
    assert '"a": [1, 2.5, null]' in path.read_text()
    assert "Zürich" in path.read_text()
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"a": float("nan")})
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half \ud800")
    assert json.loads(path.read_text()) == value
    assert [found.name for found in path.parent.iterdir()] == ["summary.json"]
