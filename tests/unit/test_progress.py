"""What a long study says while it runs."""

from __future__ import annotations

import io

import pytest

from sim.study.progress import Bar, Lines, Progress, Silent, choose, rate_text, visible


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def report_to(progress: Progress) -> None:
    progress.start("running", 40)
    for _ in range(20):
        progress.advance()
    progress.advance(20)
    progress.note("done")
    progress.close()
    progress.close()


def test_lines_come_at_the_start_and_at_each_tenth() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.start("running", 40)
    for _ in range(40):
        lines.advance()
    told = stream.getvalue().splitlines()
    assert told[0] == "running (0 of 40)"
    assert told[1] == "running (4 of 40, 10 %)"
    assert told[-1] == "running (40 of 40, 100 %)"
    assert len(told) == 11


@pytest.mark.parametrize("total", [0, 1])
def test_a_stage_without_steps_says_its_title_once(total: int) -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.start("reading", total)
    lines.advance()
    assert stream.getvalue() == "reading\n"


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_quiet_says_nothing_anywhere(stream: io.StringIO) -> None:
    progress = choose(stream, quiet=True)
    assert isinstance(progress, Silent)
    report_to(progress)
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar_and_a_log_gets_lines() -> None:
    assert isinstance(choose(Terminal(), quiet=False), Bar)
    assert isinstance(choose(io.StringIO(), quiet=False), Lines)


def test_the_bar_shows_title_count_and_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    report_to(Bar(stream))
    shown = stream.getvalue()
    assert "running" in shown
    assert "40/40" in shown
    assert "done" in shown


def test_a_bar_that_never_started_can_be_moved_and_closed() -> None:
    stream = Terminal()
    bar = Bar(stream)
    bar.advance()
    bar.close()
    assert stream.getvalue() == ""


@pytest.mark.parametrize("kind", [Lines, Bar])
def test_no_name_can_steer_the_terminal_or_the_markup(kind: type[Lines] | type[Bar]) -> None:
    stream = Terminal()
    progress = kind(stream)
    progress.note("team \033[31mred\033[0m [bold]loud[/bold]")
    progress.close()
    assert "\\x1b[31mred" in stream.getvalue()
    assert "[bold]loud[/bold]" in stream.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain", "plain"), ("two\nlines\t", "two\nlines\t"), ("\x07", "\\x07"), ("a\u202eb", "a\\u202eb"), ("é✓", "é✓")],
)
def test_visible_writes_out_what_does_not_print(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(("speed", "text"), [(0.05, "3.0/min"), (0.5, "0.5/s"), (12.34, "12.3/s"), (4200.0, "4,200/s")])
def test_rates_are_short(speed: float, text: str) -> None:
    assert rate_text(speed) == text
