"""What is peculiar to a format, what is taken of a trace, and the public traces."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sim.errors import BadInput, BadRow
from sim.scenario.workloads import Columns, Trace
from sim.units import HOUR, SECOND
from sim.workload.importers import IMPORTERS, read_trace, split
from tests.unit.importer_cases import MAPS, same, trace, write

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
