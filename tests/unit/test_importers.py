"""Importers: one contract for all of them, the oddities of each, and the public traces."""

from __future__ import annotations

import gzip
import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.errors import BadInput, BadRow
from sim.scenario.workloads import Columns, Trace
from sim.units import HOUR, SECOND
from sim.workload.importers import IMPORTERS, TraceRows, read_trace, split
from sim.workload.importers.base import Importer
from sim.workload.importers.fields import Clock, name, number, tokens

MAPS = {"generic": {"timestamp": "when", "input_tokens": "prompt", "output_tokens": "completion",
                    "cached_input_tokens": "cached", "team": "team"}}  # fmt: skip
ALL = pytest.mark.parametrize("importer", IMPORTERS.values(), ids=list(IMPORTERS))


def trace(file: str = "log", **other: Any) -> Trace:
    return Trace.model_validate({"file": file, **other})


def write(folder: Path, text: str | bytes, file: str = "log") -> Path:
    (folder / file).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def of(importer: Importer, **other: Any) -> Trace:
    """A trace in this importer's format, to be detected."""
    return trace(**({"columns": MAPS[importer.name]} if importer.name in MAPS else {}), **other)


def same(one: TraceRows, other: TraceRows) -> bool:
    """Whether two traces are equal in all but their notes."""
    pairs = [(getattr(one, each.name), getattr(other, each.name)) for each in fields(one) if each.name != "notes"]
    if one.rates is not None and other.rates is not None:
        pairs = [pair for pair in pairs if pair[0] is not one.rates]
        pairs += [(getattr(one.rates, each.name), getattr(other.rates, each.name)) for each in fields(one.rates)]
    return all(np.array_equal(left, right) for left, right in pairs)


def lines(importer: Importer) -> list[str]:
    return importer.example.splitlines()


# --- the contract of every importer


@ALL
def test_its_example_is_detected_with_a_reason(importer: Importer, tmp_path: Path) -> None:
    rows = read_trace(of(importer), write(tmp_path, importer.example))
    assert rows.notes[0].startswith(f"log read as {importer.name}: ")
    assert rows.requests.sum() > 0
    assert rows.rejected_count == 0
    assert rows.read_count == 3


@ALL
def test_no_other_importer_claims_its_example(importer: Importer) -> None:
    first = lines(importer)[0]
    claims = [each.name for each in IMPORTERS.values() if each.recognise(first, trace())]
    assert claims in ([importer.name], [])


@ALL
def test_rows_are_sorted_int64_within_the_span(importer: Importer, tmp_path: Path) -> None:
    rows = read_trace(of(importer), write(tmp_path, importer.example))
    times = rows.arrival_ns if rows.rates is None else rows.rates.start_ns
    assert times.dtype == np.int64
    assert rows.span_ns > times.max() >= 0
    if rows.rates is None:
        assert (np.diff(times) >= 0).all()
        assert (rows.cached_tokens <= rows.input_tokens).all()
        assert {len(column) for column in (times, rows.input_tokens, rows.output_tokens, rows.client_code)} == {3}
        assert rows.client_code.max() < len(rows.client)


@ALL
@pytest.mark.parametrize("form", ["gzip", "crlf", "bom", "blank lines", "no final newline"])
def test_the_form_of_the_file_changes_nothing(importer: Importer, form: str, tmp_path: Path) -> None:
    plain = "\n".join(lines(importer)) + "\n"
    forms: dict[str, bytes] = {
        "gzip": gzip.compress(plain.encode()),
        "crlf": plain.replace("\n", "\r\n").encode(),
        "bom": b"\xef\xbb\xbf" + plain.encode(),
        "blank lines": ("\n\n" + plain.replace("\n", "\n\n")).encode(),
        "no final newline": plain.rstrip("\n").encode(),
    }
    wanted = read_trace(of(importer), write(tmp_path, plain))
    assert same(read_trace(of(importer), write(tmp_path, forms[form])), wanted)


@ALL
@pytest.mark.parametrize("broken", ["nonsense", '{"a": ', '"open quote', ",,,,,,,", "[1, 2]", "\x00\x01", "{}"])
def test_a_broken_row_is_counted_with_its_line(importer: Importer, broken: str, tmp_path: Path) -> None:
    text = lines(importer)
    write(tmp_path, "\n".join([*text, broken, ""]))
    with pytest.raises(BadRow) as caught:
        read_trace(of(importer), tmp_path)
    assert caught.value.exit_code == 2
    assert f"log:{len(text) + 1}: " in str(caught.value)
    assert "1 of 4 rows" in str(caught.value)
    assert "--skip-bad-rows" in str(caught.value)
    rows = read_trace(of(importer), tmp_path, skip_bad_rows=True)
    assert (rows.rejected_count, rows.read_count) == (1, 4)
    assert "1 of 4 rows skipped in log" in rows.notes
    assert rows.rejected[0].hint
    assert same(replace(rows, rejected=(), rejected_count=0, read_count=3), _plain(importer, tmp_path))


def _plain(importer: Importer, folder: Path) -> TraceRows:
    return read_trace(of(importer), write(folder, importer.example))


@ALL
def test_only_the_first_ten_broken_rows_are_shown(importer: Importer, tmp_path: Path) -> None:
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
    assert "log:1: no column" in str(caught.value)
    assert "the header must name" in str(caught.value)
    assert "wrong, header, here" in str(caught.value)


@ALL
def test_no_row_at_all_is_refused(importer: Importer, tmp_path: Path) -> None:
    text = lines(importer)
    alone = ["{}"] if text[0].startswith("{") else [text[0]]
    with pytest.raises(BadInput, match=r"no requests|can't be read"):
        read_trace(of(importer, format=importer.name), write(tmp_path, "\n".join(alone)), skip_bad_rows=True)


@ALL
def test_every_cut_of_the_file_is_read_or_refused(importer: Importer, tmp_path: Path) -> None:
    """Rows read = rows kept + rows refused, wherever the file ends; nothing else than BadInput is raised."""
    packed, text = gzip.compress(importer.example.encode()), importer.example.encode()
    for content in [text[:end] for end in range(len(text))] + [packed[:end] for end in range(len(packed))]:
        write(tmp_path, content)
        try:
            rows = read_trace(of(importer, format=importer.name), tmp_path, skip_bad_rows=True)
        except BadInput:
            continue
        kept = len(rows.arrival_ns) if rows.rates is None else len(rows.rates.start_ns)
        assert kept + rows.rejected_count == rows.read_count


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


@pytest.mark.parametrize(
    ("magic", "kind"), [(b"PAR1", "Parquet"), (b"PK\x03\x04", "zip"), (b"\x28\xb5\x2f\xfd", "Zst")]
)
def test_other_packings_are_named(magic: bytes, kind: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=kind):
        read_trace(trace(), write(tmp_path, magic + b"0123456789"))


def test_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        read_trace(trace(), write(tmp_path, "a,b\n1,2\n"))
    assert all(each in str(caught.value) for each in ("azure", "mooncake", "servegen", "columns: {timestamp"))


def test_an_array_of_json_is_explained(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="JSON array"):
        read_trace(trace(columns=MAPS["generic"]), write(tmp_path, '[{"when": 1}]'))


def test_only_servegen_takes_a_tokens_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="azure has no tokens file"):
        read_trace(trace(tokens="other"), write(tmp_path, IMPORTERS["azure"].example))


# --- values


@pytest.mark.parametrize("value", ["12", " 12 ", "12.0", 12, "1.2e1"])
def test_tokens_that_are_whole(value: Any) -> None:
    assert tokens(value, "input") == 12


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("nan", "no number"), ("NaN", "no number"), ("inf", "no number"), ("-Infinity", "no number"),
        ("", "no number"), ("twelve", "no number"), (None, "no number"), (True, "no number"), ([1], "no number"),
        ("-3", "negative"), (-3, "negative"), ("12.5", "not whole"), ("1e-999999", "not whole"),
        ("1e999999", "impossibly large"), (10**400, "impossibly large"), ("100000001", "impossibly large"),
    ],
)  # fmt: skip
def test_tokens_that_are_refused(value: Any, message: str) -> None:
    with pytest.raises(BadRow, match=message) as caught:
        tokens(value, "input")
    assert caught.value.problem.hint
    assert len(caught.value.problem.value) <= 60


@pytest.mark.parametrize("value", ["nan", "-1", "1e13", "", "x", None])
def test_numbers_that_are_refused(value: Any) -> None:
    with pytest.raises(BadRow, match="rate is"):
        number(value, "rate")


@pytest.mark.parametrize(
    ("value", "unit", "ns"),
    [
        ("2023-11-16 18:17:03.9799600", "iso", 1_700_158_623_979_960_000),
        ("2023-11-16T18:17:03.979960001Z", "iso", 1_700_158_623_979_960_001),
        ("2023-11-16T19:17:03,5+01:00", "iso", 1_700_158_623_500_000_000),
        ("2023-11-16T18:17", "iso", 1_700_158_620_000_000_000),
        ("1700158623.979960001", "s", 1_700_158_623_979_960_001),
        (1_700_158_623, "s", 1_700_158_623_000_000_000),
        ("1700158623979.96", "ms", 1_700_158_623_979_960_000),
        (1_700_158_623_979_960, "us", 1_700_158_623_979_960_000),
        (1_700_158_623_979_960_001, "ns", 1_700_158_623_979_960_001),
    ],
)
def test_time_stamps_are_exact_and_units_guessed(value: Any, unit: Any, ns: int) -> None:
    assert Clock(unit).ns(value) == ns
    clock = Clock("auto")
    assert clock.ns(value) == ns
    assert clock.unit == unit
    assert clock.note


@pytest.mark.parametrize(
    "value",
    ["", "yesterday", "-5", "nan", "1e400", "2023-13-16 18:17:03", "1969-12-31 00:00:00", "9999-01-01 00:00:00", None],
)
def test_time_stamps_that_are_refused(value: Any) -> None:
    for unit in ("auto", "s", "iso"):
        with pytest.raises(BadRow, match="time stamp"):
            Clock(unit).ns(value)  # type: ignore[arg-type]


def test_names_are_short_and_printable() -> None:
    assert name(" checkout ") == "checkout"
    assert name(7) == "7"
    assert name(None) == name("") == "(none)"
    assert name("a\nb\ud800") == "a\ufffdb\ufffd"
    for bad in ("x" * 81, {"a": 1}, [1], True):
        with pytest.raises(BadRow):
            name(bad)


# --- generic


def test_generic_reads_json_with_paths_and_missing_optionals(tmp_path: Path) -> None:
    rows = [
        {"t": 1000.5, "usage": {"in": 10, "out": 2, "cached": 4}, "who": "a"},
        {"t": 1001, "usage": {"in": "20", "out": 3.0}},
        {"t": 999.25, "usage": {"in": 30, "out": 4, "cached": None}, "who": "b"},
    ]
    write(tmp_path, "\n".join(map(json.dumps, rows)))
    columns = {"timestamp": "t", "input_tokens": "usage.in", "output_tokens": "usage.out",
               "cached_input_tokens": "usage.cached", "team": "who"}  # fmt: skip
    found = read_trace(trace(columns=columns), tmp_path)
    assert found.arrival_ns.tolist() == [0, 1_250_000_000, 1_750_000_000]
    assert found.input_tokens.tolist() == [30, 10, 20]
    assert found.cached_tokens.tolist() == [0, 4, 0]
    assert [found.client[code] for code in found.client_code] == ["b", "a", "(none)"]
    assert any("numbers in s" in note for note in found.notes)
    assert any("1 rows" in note and "sorted" in note for note in found.notes)


def test_generic_csv_may_use_semicolons_and_quotes(tmp_path: Path) -> None:
    write(tmp_path, 'When;"in";out;text\n1;5;6;"a;b"\n2;7;8;"two\nlines"\n')
    found = read_trace(trace(columns={"timestamp": "when", "input_tokens": "in", "output_tokens": "out"}), tmp_path)
    assert found.input_tokens.tolist() == [5, 7]
    assert found.client == ("",)


def test_an_open_quote_that_swallows_rows_is_refused_and_explained(tmp_path: Path) -> None:
    write(tmp_path, 't,in,out\n1,5,6\n2,"7,8\n3,1,1\n4,1,1\n')
    with pytest.raises(BadRow, match=r"log:3: wrong number of columns(.|\n)*runs over 3 lines"):
        read_trace(trace(columns={"timestamp": "t", "input_tokens": "in", "output_tokens": "out"}), tmp_path)


def test_a_mistyped_column_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "t,input,output\n1,5,6\n")
    with pytest.raises(BadInput, match="did you mean input"):
        read_trace(trace(columns={"timestamp": "t", "input_tokens": "imput", "output_tokens": "output"}), tmp_path)
    write(tmp_path, '{"t": 1, "in": 5, "out": 6}\n')
    columns = {"timestamp": "t", "input_tokens": "in", "output_tokens": "out", "team": "taem"}
    with pytest.raises(BadInput, match="no row names a team"):
        read_trace(trace(columns=columns), tmp_path)


def test_more_cached_than_input_is_refused(tmp_path: Path) -> None:
    text = IMPORTERS["generic"].example.replace(",512,", ",5000,")
    with pytest.raises(BadRow, match=r"log:2: more cached than input tokens \(found 5000 > 4808\)"):
        read_trace(trace(columns=MAPS["generic"]), write(tmp_path, text))


def test_an_outlying_stamp_is_noted(tmp_path: Path) -> None:
    text = IMPORTERS["generic"].example + "1971-01-01T00:00:00Z,1,1,0,checkout\n"
    found = read_trace(trace(columns=MAPS["generic"]), write(tmp_path, text))
    assert any("is a time stamp wrong?" in note for note in found.notes)


def test_columns_are_hashable_so_that_traces_can_be_keys() -> None:
    one = trace(columns=MAPS["generic"], only=["a"], window=["1m", "2m"])
    assert {one: 1}[trace(columns=Columns.model_validate(MAPS["generic"]), only=["a"], window=["1m", "2m"])] == 1


# --- mooncake


def test_prefix_blocks_seen_before_are_cached_input(tmp_path: Path) -> None:
    found = read_trace(trace(), write(tmp_path, IMPORTERS["mooncake"].example))
    assert found.cached_tokens.tolist() == [0, 1024, 0]
    again = (
        IMPORTERS["mooncake"].example
        + '{"timestamp": 300, "input_length": 600, "output_length": 1, "hash_ids": [4, 9]}'
    )
    assert read_trace(trace(), write(tmp_path, again)).cached_tokens.tolist() == [0, 1024, 0, 512]
    short = (
        IMPORTERS["mooncake"].example + '{"timestamp": 300, "input_length": 100, "output_length": 1, "hash_ids": [4]}'
    )
    assert read_trace(trace(), write(tmp_path, short)).cached_tokens.tolist() == [0, 1024, 0, 100]


@pytest.mark.parametrize("ids", ["7", '["a"]', "[1.5]", "[true]", "{}"])
def test_odd_hash_ids_are_refused(ids: str, tmp_path: Path) -> None:
    line = f'{{"timestamp": 9, "input_length": 1, "output_length": 1, "hash_ids": {ids}}}'
    with pytest.raises(BadRow, match="hash_ids"):
        read_trace(trace(), write(tmp_path, IMPORTERS["mooncake"].example + line))


# --- servegen


HEAD = "client,window_s,rate_rps,cv_iat,family\n"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0,600,nan,1,Gamma", "rate_rps is no number"), ("0,600,-1,1,Gamma", "rate_rps is out of range"),
        ("0,600,1,0,Gamma", "cv_iat is out of range"), ("0,600,1,1,Pareto", "unknown family"),
        ("0,601,1,1,Gamma", "no start of a window"), ("0,0,1,1,Gamma", "second row"), ("0,1e99,1,1,Gamma", "window_s"),
    ],
)  # fmt: skip
def test_rate_rows_that_are_refused(row: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadRow, match=f"log:3: .*{message}"):
        read_trace(trace(), write(tmp_path, f"{HEAD}0,0,1,1,Gamma\n{row}\n"))


def test_token_rows_that_are_refused_are_named_by_their_own_file(tmp_path: Path) -> None:
    write(tmp_path, IMPORTERS["servegen"].example)
    write(tmp_path, IMPORTERS["servegen"].tokens_example.replace(",900,", ",9,"), "sizes")  # type: ignore[attr-defined]
    with pytest.raises(BadRow, match="sizes:2: quantiles fall"):
        read_trace(trace(tokens="sizes"), tmp_path)


def test_windows_take_the_latest_sizes_of_their_client(tmp_path: Path) -> None:
    write(
        tmp_path,
        HEAD + "a,0,1,1,Gamma\na,21600,1,1,Gamma\na,43200,1,1,Weibull\nb,0,3,1,Gamma\n2,0,1,1,Gamma\n10,0,1,1,Gamma\n",
    )
    head = IMPORTERS["servegen"].tokens_example.splitlines()[0]  # type: ignore[attr-defined]
    rows = ["a,0," + ",".join(["10"] * 12), "a,21600," + ",".join(["20"] * 12), "2,21600," + ",".join(["90"] * 12)]
    found = read_trace(
        trace(tokens="sizes"),
        write(write(tmp_path, "\n".join([head, *rows]), "sizes"), (tmp_path / "log").read_bytes()),
    )
    assert found.client == ("2", "10", "a", "b")
    rates = found.rates
    assert rates is not None
    means = {found.client[code]: [] for code in rates.client_code}
    for code, which in zip(rates.client_code, rates.sizes, strict=True):
        means[found.client[code]].append(rates.quantiles[which, 0, 0])
    average = (10 + 20 + 20 + 90) / 4  # rows weighted by the windows that use them
    assert means == {"2": [90], "10": [average], "a": [10, 20, 20], "b": [average]}
    assert any("clients 10, b have no rows in sizes" in note for note in found.notes)


# --- windows, clients, parts


def test_a_window_is_cut_and_counted_from_its_start(tmp_path: Path) -> None:
    write(tmp_path, "t,in,out\n" + "".join(f"{second},1,1\n" for second in range(100)))
    columns = {"timestamp": "t", "input_tokens": "in", "output_tokens": "out"}
    found = read_trace(trace(columns=columns, window=["10s", "20s"]), tmp_path)
    assert found.arrival_ns.tolist() == [second * SECOND for second in range(10)]
    assert found.span_ns == 10 * SECOND
    late = read_trace(trace(columns=columns, window=["95s", "1000s"]), tmp_path)
    assert len(late.arrival_ns) == 5
    assert late.span_ns == 5 * SECOND
    with pytest.raises(BadInput, match=r"no rows in this window(.|\n)*100 s long"):
        read_trace(trace(columns=columns, window=["200s", "300s"]), tmp_path)


def test_a_window_cuts_rates_in_proportion(tmp_path: Path) -> None:
    write(tmp_path, HEAD + "a,0,1,1,Gamma\na,600,2,1,Gamma\na,1200,4,1,Gamma\n")
    found = read_trace(trace(window=["5m", "15m"]), tmp_path)
    assert found.rates is not None
    assert found.rates.start_ns.tolist() == [0, 300 * SECOND]
    assert found.rates.count.tolist() == [300, 600]
    assert found.requests.tolist() == [900]


def team_log(folder: Path) -> Trace:
    sent = "a" * 5 + "b" * 3 + "c" * 8 + "d"
    write(folder, "t,in,out,who\n" + "".join(f"{at},{at},1,{who}\n" for at, who in enumerate(sent)))
    return trace(columns={"timestamp": "t", "input_tokens": "in", "output_tokens": "out", "team": "who"}, split=True)


def test_parts_are_the_largest_clients_and_the_others(tmp_path: Path) -> None:
    spec = team_log(tmp_path)
    whole = read_trace(spec, tmp_path)
    parts = split(spec, whole, 2)
    assert [(part.name, part.clients, part.requests) for part in parts] == [
        ("c", ("c",), 8), ("a", ("a",), 5), ("other", ("b", "d"), 4),
    ]  # fmt: skip
    assert sum(part.per_second for part in parts) == pytest.approx(17 / 17)
    assert [part.name for part in split(spec, whole)] == ["c", "a", "b", "d"]
    for part in parts:
        assert not part.trace.split
        assert same(part.rows, read_trace(part.trace, tmp_path))
        assert part.rows.span_ns == whole.span_ns
    kept = np.sort(np.concatenate([part.rows.input_tokens for part in parts]))
    assert kept.tolist() == list(range(17))


def test_a_client_named_other_keeps_its_name(tmp_path: Path) -> None:
    write(tmp_path, "t,in,out,who\n1,1,1,other\n2,1,1,other\n3,1,1,x\n")
    spec = trace(columns={"timestamp": "t", "input_tokens": "in", "output_tokens": "out", "team": "who"}, split=True)
    assert [part.name for part in split(spec, read_trace(spec, tmp_path), 1)] == ["other", "other-2"]


def test_unknown_clients_and_traces_without_clients(tmp_path: Path) -> None:
    spec = team_log(tmp_path)
    with pytest.raises(BadInput, match="no such client"):
        read_trace(spec.model_copy(update={"only": ("z",)}), tmp_path)
    with pytest.raises(BadInput, match="only is empty"):
        read_trace(spec.model_copy(update={"only": ()}), tmp_path)
    bare = trace()
    write(tmp_path, IMPORTERS["azure"].example)
    with pytest.raises(BadInput, match="names no clients"):
        split(bare, read_trace(bare, tmp_path))


# --- the public traces, against the numbers in their README


def quantiles(values: np.ndarray) -> list[float]:
    return [round(values.mean(), 1), *np.round(np.quantile(values, [0.5, 0.95, 0.99])).tolist()]


@pytest.mark.parametrize(
    ("file", "count", "rate", "cv", "peak", "inputs", "outputs"),
    [
        ("azure_llm_2023_code.csv.gz", 8819, 2.57, 13.15, 4.18, [2047.8, 1469, 7303, 7436], [27.9, 13, 90, 251]),
        ("mooncake_fast25_synthetic.jsonl.gz", 3993, 3.91, 1.01, 1.17, [15325.5, 11587, 48905, 66456],
         [149.1, 69, 519, 768]),
    ],
)  # fmt: skip
def test_public_rows(
    shared_data: Path,
    file: str,
    count: int,
    rate: float,
    cv: float,
    peak: float,
    inputs: list[float],
    outputs: list[float],
) -> None:
    found = read_trace(trace(file), shared_data)
    assert found.read_count == len(found.arrival_ns) == count
    gaps = np.diff(found.arrival_ns)
    assert count / found.arrival_ns[-1] * SECOND == pytest.approx(rate, abs=0.005)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, abs=0.005)
    minutes = np.bincount(found.arrival_ns // (60 * SECOND))[:-1]
    assert minutes.max() / minutes.mean() == pytest.approx(peak, abs=0.006)
    assert quantiles(found.input_tokens) == inputs
    assert quantiles(found.output_tokens) == outputs


def test_public_prefix_reuse(shared_data: Path) -> None:
    found = read_trace(trace("mooncake_fast25_synthetic.jsonl.gz"), shared_data)
    assert found.cached_tokens.sum() / found.input_tokens.sum() == pytest.approx(0.65, abs=0.005)


@pytest.mark.parametrize(
    ("pool", "count", "clients", "rate", "peak", "top", "tenth", "most", "span"),
    [
        ("m_small", 40_095 + 1_125, 43, 1174, 3.30, 0.30, 0.77, 6, 14 * 24),
        ("deepseek_r1", 3_111 + 184, 73, 16.0, 2.66, 0.29, 0.63, 17, 24),
    ],
)  # fmt: skip
def test_public_pools(
    shared_data: Path,
    pool: str,
    count: int,
    clients: int,
    rate: float,
    peak: float,
    top: float,
    tenth: float,
    most: int,
    span: int,
) -> None:
    spec = trace(f"servegen_{pool}_client_rates.csv.gz", tokens=f"servegen_{pool}_client_tokens.csv.gz", split=True)
    found = read_trace(spec, shared_data)
    assert found.read_count == count
    assert len(found.client) == clients
    assert found.span_ns == span * HOUR
    shares = np.array([part.requests for part in split(spec, found)]) / found.requests.sum()
    assert found.requests.sum() / found.span_ns * SECOND == pytest.approx(rate, rel=0.005)
    assert shares[0] == pytest.approx(top, abs=0.006)
    assert shares[: -(-clients // 10)].sum() == pytest.approx(tenth, abs=0.006)
    assert np.searchsorted(np.cumsum(shares), 0.8) + 1 == most
    assert found.rates is not None
    windows = np.bincount(found.rates.start_ns // (600 * SECOND), found.rates.count)
    assert windows.max() / windows.mean() == pytest.approx(peak, abs=0.006)
    bare = sum("have no rows in" in note for note in found.notes)
    assert bare == (1 if pool == "m_small" else 0)
