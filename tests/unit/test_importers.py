"""One contract for all importers, found in the registry; and files that can't be read."""

from __future__ import annotations

import bz2
import gzip
import lzma
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sim.errors import BadInput, BadRow
from sim.workload.importers import IMPORTERS, TraceRows, read_trace
from sim.workload.importers.base import Bucket, Importer, Note, Refused, Request
from sim.workload.importers.look import look
from sim.workload.importers.source import Source
from tests.unit.importer_cases import (
    BILLS,
    DOCUMENTS,
    MAPS,
    TABLES,
    counts,
    example,
    items,
    lines,
    of,
    same,
    trace,
    write,
)  # fmt: skip

ALL = pytest.mark.parametrize("importer", IMPORTERS.values(), ids=list(IMPORTERS))
TEXTS = pytest.mark.parametrize(
    "importer", [one for one in IMPORTERS.values() if one.name not in TABLES], ids=lambda one: one.name
)

REPLAYED = pytest.mark.parametrize(
    "importer", [one for one in IMPORTERS.values() if one.name not in BILLS], ids=lambda one: one.name
)
CSVS = ("litellm", "anthropic-console", "holysheep", "langfuse", "helicone", "azure", "burstgpt", "servegen", "generic")
"""Formats that come as CSV too."""


# --- the contract of every importer


@ALL
def test_its_example_is_detected_with_a_reason_and_by_it_alone(importer: Importer, tmp_path: Path) -> None:
    seen = look(Source(write(tmp_path, example(importer, tmp_path)), "log"))
    claims = {one.name: why for one in IMPORTERS.values() if (why := one.recognise(seen))}
    # Columns that the user maps choose the generic one; it claims nothing by itself.
    assert list(claims) == ([] if importer.name in MAPS else [importer.name])
    assert all(len(why) > 10 for why in claims.values())


@ALL
def test_it_says_what_it_is_and_what_it_wants(importer: Importer) -> None:
    assert IMPORTERS[importer.name] is importer
    assert importer.about
    assert importer.wants
    assert type(importer).__doc__


@ALL
def test_its_example_has_three_rows_that_are_all_kept(importer: Importer, tmp_path: Path) -> None:
    write(tmp_path, example(importer, tmp_path))
    assert counts(items(importer, tmp_path)) == (3, 0)


@REPLAYED
def test_a_scenario_replays_its_example(importer: Importer, tmp_path: Path) -> None:
    rows = read_trace(of(importer), write(tmp_path, example(importer, tmp_path)))
    assert rows.notes[0].startswith(f"log read as {importer.name}: ")
    assert rows.requests.sum() > 0
    assert rows.rejected_count == 0
    assert rows.read_count == 3
    times = rows.arrival_ns if rows.rates is None else rows.rates.start_ns
    assert times.dtype == np.int64
    assert rows.span_ns > times.max() >= 0
    if rows.rates is None:
        assert (np.diff(times) >= 0).all()
        assert (rows.cached_tokens <= rows.input_tokens).all()
        assert len({len(each) for each in (times, rows.input_tokens, rows.output_tokens, rows.client_code)}) == 1
        assert rows.client_code.max() < len(rows.client)


@ALL
def test_numbers_of_its_rows_are_possible(importer: Importer, tmp_path: Path) -> None:
    write(tmp_path, example(importer, tmp_path))
    for item in items(importer, tmp_path):
        assert not isinstance(item, Refused)
        if isinstance(item, Request | Bucket):
            assert 0 <= item.cache_read + item.cache_write <= item.input_tokens
            assert item.start_ns >= 0
            assert item.output_tokens >= 0
        if isinstance(item, Request):
            assert item.status == -1 or 100 <= item.status <= 599
            assert -1 <= item.first_token_ns <= max(item.duration_ns, item.first_token_ns)
            assert item.failed in (None, item.status >= 400 or item.failed)


def packed(text: bytes, form: str) -> bytes:
    lines = text.replace(b"\r\n", b"\n")
    forms = {
        "gzip": lambda: gzip.compress(text), "bzip2": lambda: bz2.compress(text), "xz": lambda: lzma.compress(text),
        "zstd": lambda: pa.compress(text, "zstd", asbytes=True),
        "zstd in two frames": lambda: b"".join(
            pa.compress(part, "zstd", asbytes=True) for part in (text[:60], text[60:])
        ),
        "crlf": lambda: lines.replace(b"\n", b"\r\n"), "bom": lambda: b"\xef\xbb\xbf" + text,
        "utf-16": lambda: text.decode().encode("utf-16"),
        "blank lines": lambda: b"\n\n" + lines.replace(b"\n", b"\n\n"),
        "no final newline": lambda: text.rstrip(b"\r\n"),
    }  # fmt: skip
    return forms[form]()


@TEXTS
@pytest.mark.parametrize("form", ["gzip", "bzip2", "xz", "zstd", "zstd in two frames", "crlf", "bom", "utf-16",
                                  "blank lines", "no final newline"])  # fmt: skip
def test_the_form_of_the_file_changes_nothing(importer: Importer, form: str, tmp_path: Path) -> None:
    plain = items(importer, write(tmp_path, importer.example))
    assert items(importer, write(tmp_path, packed(importer.example.encode(), form))) == plain


@TEXTS
@pytest.mark.parametrize("broken", ["nonsense", '{"a": ', '"open quote', ",,,,,,,", "[1, 2]", "\x00\x01", "{}"])
def test_a_broken_row_is_counted_with_its_line(importer: Importer, broken: str, tmp_path: Path) -> None:
    text = lines(importer)
    found = items(importer, write(tmp_path, "\n".join([*text, broken, ""])))
    assert counts(found) == (3, 1)
    (refused,) = [item for item in found if isinstance(item, Refused)]
    assert str(refused.place).split(",")[0] == str(len(text) + 1)
    assert refused.error.problem.hint


@REPLAYED
def test_a_scenario_refuses_broken_rows_unless_it_is_told_to_skip_them(importer: Importer, tmp_path: Path) -> None:
    if importer.name in TABLES:
        pytest.skip("a table of columns has no broken rows")
    text = lines(importer)
    write(tmp_path, "\n".join([*text, "nonsense", ""]))
    with pytest.raises(BadRow) as caught:
        read_trace(of(importer), tmp_path)
    assert caught.value.exit_code == 2
    assert f"log:{len(text) + 1}: " in str(caught.value)
    assert "1 of 4 rows" in str(caught.value)
    assert "--skip-bad-rows" in str(caught.value)
    rows = read_trace(of(importer), tmp_path, skip_bad_rows=True)
    assert (rows.rejected_count, rows.read_count) == (1, 4)
    assert "1 of 4 rows skipped in log" in rows.notes
    assert same(replace(rows, rejected=(), rejected_count=0, read_count=3), _plain(importer, tmp_path))


def _plain(importer: Importer, folder: Path) -> TraceRows:
    return read_trace(of(importer), write(folder, importer.example))


@REPLAYED
def test_only_the_first_ten_broken_rows_are_shown(importer: Importer, tmp_path: Path) -> None:
    if importer.name in (*TABLES, *DOCUMENTS):
        pytest.skip("nothing after a broken value can be told apart")
    write(tmp_path, "\n".join(lines(importer) + ["nonsense"] * 25))
    with pytest.raises(BadRow) as caught:
        read_trace(of(importer), tmp_path)
    assert str(caught.value).count("log:") == 1 + 10
    assert "and 15 more" in str(caught.value)


@ALL
@pytest.mark.parametrize("content", [b"", b"\n\n", gzip.compress(b"", mtime=0), b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(importer: Importer, content: bytes, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="empty"):
        read_trace(of(importer), write(tmp_path, content))


@ALL
def test_a_wrong_header_says_what_would_be_right(importer: Importer, tmp_path: Path) -> None:
    write(tmp_path, "\n".join(["wrong,header,here", "1,2,3"]))
    with pytest.raises(BadInput) as caught:
        read_trace(of(importer, format=importer.name), tmp_path)
    if importer.name in CSVS:
        assert "log:1: no column" in str(caught.value)
        assert "the header must name" in str(caught.value)
        assert "wrong, header, here" in str(caught.value)


@TEXTS
def test_no_row_at_all_is_refused(importer: Importer, tmp_path: Path) -> None:
    text = lines(importer)
    alone = ["{}"] if text[0].startswith("{") else [text[0]] if importer.name in CSVS else ["nonsense"]
    with pytest.raises(BadInput, match=r"no requests|can't be read"):
        read_trace(of(importer, format=importer.name), write(tmp_path, "\n".join(alone)), skip_bad_rows=True)


@ALL
def test_every_cut_of_the_file_is_read_or_refused(importer: Importer, tmp_path: Path) -> None:
    """Rows that stand whole before the cut are kept, wherever it is; nothing else than BadInput is raised."""
    text = example(importer, tmp_path)
    whole = items(importer, write(tmp_path, text))
    step = max(1, len(text) // 400)
    for content in [text[:end] for end in range(0, len(text), step)]:
        write(tmp_path, content)
        try:
            found = items(importer, tmp_path)
        except BadInput:
            continue
        kept, refused = counts(found)
        assert refused <= 1
        if importer.name not in DOCUMENTS:
            # The last row may end earlier and still be one: a shorter number, a shorter text.
            steady = [item for item in found if not isinstance(item, Refused | Note)][: kept - 1]
            assert steady == whole[: len(steady)]
        else:
            assert refused == 1 or kept == 3


@TEXTS
def test_every_cut_of_a_packed_file_is_refused(importer: Importer, tmp_path: Path) -> None:
    for form in ("gzip", "zstd", "bzip2", "xz"):
        content = packed(importer.example.encode(), form)
        for end in range(8, len(content) - 8, 31):
            with pytest.raises(BadInput):
                items(importer, write(tmp_path, content[:end]))


# --- files that can't be read


def test_a_missing_file_is_named_with_its_neighbour(tmp_path: Path) -> None:
    write(tmp_path, "x", "trace_2026.csv")
    with pytest.raises(BadInput, match=r"trace_2025.csv: no such file(.|\n)*did you mean trace_2026.csv"):
        read_trace(trace("trace_2025.csv"), tmp_path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    with pytest.raises(BadInput, match="folder"):
        read_trace(trace(), tmp_path)


@pytest.mark.parametrize("cut", [12, 30, -9])
def test_a_damaged_gzip_is_refused(cut: int, tmp_path: Path) -> None:
    rows = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "2023-11-16 18:17:03.97,4808,10\n" * 9
    with pytest.raises(BadInput, match="can't unpack this gzip file"):
        read_trace(trace(), write(tmp_path, gzip.compress(rows.encode())[:cut]))


def test_a_zip_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="this is a zip file"):
        read_trace(trace(), write(tmp_path, b"PK\x03\x040123456789"))


def test_another_table_is_no_log(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1]}), tmp_path / "log")
    with pytest.raises(BadInput, match=r"this Parquet table is no request log \(found a\)"):
        read_trace(trace(), tmp_path)
    with pytest.raises(BadInput, match="not a Parquet file"):
        read_trace(trace(), write(tmp_path, b"PAR1 and nothing else"))


def test_what_two_formats_claim_is_not_guessed(tmp_path: Path) -> None:
    head = "TIMESTAMP,ContextTokens,GeneratedTokens,Model,Request tokens,Response tokens,Log Type\n"
    with pytest.raises(BadInput) as caught:
        read_trace(trace(), write(tmp_path, head))
    assert "this may be of 2 formats: azure, because its header is Azure's; burstgpt, because" in str(caught.value)
    assert "--format" in str(caught.value)


def test_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        read_trace(trace(), write(tmp_path, "a,b\n1,2\n"))
    assert all(
        f"\n      {name}: {IMPORTERS[name].wants}" in str(caught.value) for name in IMPORTERS if name not in MAPS
    )
    assert "columns: {timestamp" in str(caught.value)
    assert "csv with a, b" in str(caught.value)


def test_one_array_is_read_as_its_objects(tmp_path: Path) -> None:
    objects = IMPORTERS["mooncake"].example.splitlines()
    for text in (f"[{', '.join(objects)}]", "[\n  " + ",\n  ".join(objects) + "\n]\n"):
        found = items(IMPORTERS["mooncake"], write(tmp_path, text))
        assert found == items(IMPORTERS["mooncake"], write(tmp_path, IMPORTERS["mooncake"].example))
    write(tmp_path, f"[{', '.join(objects)}, ")
    assert counts(items(IMPORTERS["mooncake"], tmp_path)) == (3, 1)


def test_an_array_is_read_in_pieces_with_its_lines(tmp_path: Path) -> None:
    rows = [
        f'{{"timestamp": {at}, "input_length": {at}, "output_length": 1, "text": "{"x" * 900}"}}' for at in range(3000)
    ]
    rows[2000] = '{"timestamp": 1, "input_length": "many", "output_length": 1}'
    found = items(IMPORTERS["mooncake"], write(tmp_path, "[" + ",\n".join(rows) + "]"))
    assert counts(found) == (2999, 1)
    assert [item.place for item in found if isinstance(item, Refused)] == [2001]
    assert [item.input_tokens for item in found if isinstance(item, Request)] == [
        at for at in range(3000) if at != 2000
    ]


def test_only_servegen_takes_a_tokens_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="azure has no tokens file"):
        read_trace(trace(tokens="other"), write(tmp_path, IMPORTERS["azure"].example))
