"""How a long study tells its user how far it is.

A study calls ``start``, ``advance``, ``note`` and ``close``; what comes of it is decided here: a bar
with rate and time left on a terminal, plain lines in a log, nothing when quiet. All of it goes to
the stream that is handed in (standard error in the command), so that standard output stays data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import Task, TaskID
    from rich.text import Text


class Progress(Protocol):
    """What a study reports to. One stage at a time; ``start`` ends the stage before."""

    def start(self, title: str, total: int) -> None:
        """A stage of ``total`` steps begins."""

    def advance(self, n: int = 1) -> None:
        """``n`` more steps are done."""

    def note(self, text: str) -> None:
        """Something that the user should know, as a line of its own."""

    def close(self) -> None:
        """Nothing more will come. May be called twice."""


class Silent:
    """Says nothing."""

    def start(self, title: str, total: int) -> None:
        """Do nothing."""

    def advance(self, n: int = 1) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Lines:
    """For logs: a line at the start of a stage and one at each further tenth of it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._title, self._total, self._done = "", 0, 0

    def start(self, title: str, total: int) -> None:
        """Write the title and the number of steps."""
        self._title, self._total, self._done = title, total, 0
        self.note(f"{title} (0 of {total:,})" if total > 1 else title)

    def advance(self, n: int = 1) -> None:
        """Write a line if another tenth of the stage is now done."""
        before, self._done = self._done, self._done + n
        if self._total > 1 and self._done * 10 // self._total > before * 10 // self._total:
            percent = 100 * self._done // self._total
            self.note(f"{self._title} ({self._done:,} of {self._total:,}, {percent} %)")

    def note(self, text: str) -> None:
        """Write the text as a line."""
        self._stream.write(visible(text) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: every line is already out."""


class Bar:
    """For terminals: a bar with the rate and the time left. Rich is imported here, on first use."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False)
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def start(self, title: str, total: int) -> None:
        """Replace the bar of the stage before by one for this stage."""
        self.close()
        self._bar = _bar(self._console)
        self._task = self._bar.add_task(visible(title), total=total)
        self._bar.start()

    def advance(self, n: int = 1) -> None:
        """Move the bar."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, n)

    def note(self, text: str) -> None:
        """Print the text above the bar."""
        self._console.print(visible(text), markup=False)

    def close(self) -> None:
        """Stop the bar and give the cursor back."""
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._task = None


def _bar(console: Any) -> RichProgress:
    from rich import progress

    class Rate(progress.ProgressColumn):
        """Steps a second."""

        def render(self, task: Task) -> Text:
            from rich.text import Text

            return Text("" if task.speed is None else rate_text(task.speed), style="progress.data.speed")

    return progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        Rate(),
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def rate_text(per_second: float) -> str:
    """Steps a second as people read them: ``12.3/s``, ``4,200/s``, or ``3.0/min`` when slow."""
    if per_second < 0.5:
        return f"{per_second * 60:.1f}/min"
    return f"{per_second:,.1f}/s" if per_second < 100 else f"{per_second:,.0f}/s"


def visible(text: str) -> str:
    """The text with control characters written out, so that no name can steer a terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def choose(stream: TextIO, *, quiet: bool) -> Progress:
    """The progress that fits: silent, a bar when ``stream`` is a terminal, lines otherwise."""
    if quiet:
        return Silent()
    return Bar(stream) if stream.isatty() else Lines(stream)
