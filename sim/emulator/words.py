"""What the emulated model says: plain words, one a token, the same text each time."""

from __future__ import annotations

from itertools import accumulate

_SAID = (
    "Each team sends its requests through one key and the limit does not ask who was first or who needs it most "
    "A bucket fills at a steady rate and empties as fast as the callers can reach it so a burst takes what a quiet "
    "neighbour would have used a minute later When the bucket is dry the answer is a refusal with a time to come "
    "back and everybody who obeys it comes back at once Separate projects make the queue longer for the one who "
    "fills it and leave the others alone which is the whole point of drawing a line between them "
)
_TOKENS = [f"{word} " for word in _SAID.split()]
_CYCLE = len(_TOKENS)
_ENDS = [0, *accumulate(map(len, _TOKENS))]
_TEXT = "".join(_TOKENS)


def words(first: int, last: int) -> str:
    """Tokens ``first`` (included) to ``last`` (excluded) of an endless answer; safe inside a JSON string."""
    start, begin = divmod(first, _CYCLE)
    stop, end = divmod(last, _CYCLE)
    if start == stop:
        return _TEXT[_ENDS[begin] : _ENDS[end]]
    return _TEXT[_ENDS[begin] :] + _TEXT * (stop - start - 1) + _TEXT[: _ENDS[end]]
