"""Turns usage in sums into requests, by assumptions that are stated wherever their numbers go.

A bucket of count n (or, without a count, of its input divided by an assumed mean) becomes n requests
at independent uniform instants of the bucket, as a Poisson process would have them. Sizes are
lognormal with a standard deviation of their logarithm of :data:`SPREAD`, and are scaled so that the
bucket's own sums come out exactly, token by token. Draws are keyed by the bucket's number.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sim.draws import Stream
from sim.errors import BadRow
from sim.workload.importers.base import Bucket, Request
from sim.workload.rows import I64

SPREAD = 1.0
"""Of the logarithm of sizes: between Azure's chat (0.86 to 0.99) and code (0.85 to 1.36) traces."""

MOST = 20_000_000
"""Requests of one bucket; more is a mistaken size."""

_PIECE = 65_536


def assumption(request_tokens: int) -> str:
    """What is assumed, as the end of a sentence."""
    return (
        f"requests are made up from them. Where no count is given, a request has {request_tokens:,} input tokens on "
        "average; instants are uniform within a bucket, sizes lognormal, and a bucket's sums are kept"
    )


def count_of(bucket: Bucket, request_tokens: int) -> int:
    """How many requests a bucket becomes. Raises BadRow for more than :data:`MOST`."""
    whole = bucket.input_tokens or bucket.output_tokens
    count = bucket.requests
    if count < 0:
        count = max(1, round(bucket.input_tokens / request_tokens)) if whole else 0
    if count > MOST:
        raise BadRow("too many requests in a bucket", value=f"{count:,}", hint=f"at most {MOST:,}: --request-tokens")
    return count


def requests_of(bucket: Bucket, number: int, request_tokens: int) -> Iterator[Request]:
    """The requests of the ``number``-th bucket, sorted by time."""
    count = count_of(bucket, request_tokens)
    if not count:
        return
    stream = Stream(0, 0, f"bucket/{number}")
    starts = np.sort(stream.generator("instants").random(count))
    starts_ns = bucket.start_ns + (starts * bucket.width_ns).astype(np.int64)
    weights = np.exp(SPREAD * stream.generator("input").standard_normal(count))
    outputs = divided(bucket.output_tokens, np.exp(SPREAD * stream.generator("output").standard_normal(count)))
    fresh = bucket.input_tokens - bucket.cache_read - bucket.cache_write
    parts = [divided(whole, weights) for whole in (fresh, bucket.cache_read, bucket.cache_write)]
    costs = divided(bucket.cost, weights) if bucket.cost >= 0 else np.full(count, -1)
    columns = (starts_ns, *parts, outputs, costs)
    for at in range(0, count, _PIECE):
        for start, new, read, write, output, cost in zip(
            *(column[at : at + _PIECE].tolist() for column in columns), strict=True
        ):
            yield Request(
                start, new + read + write, output, read, write, bucket.who, bucket.model, bucket.provider,
                cost=cost, tier=bucket.tier, assumed=True,
            )  # fmt: skip


def divided(whole: int, weights: NDArray[np.float64]) -> I64:
    """``whole`` divided in proportion to ``weights`` into whole numbers that sum up to it exactly."""
    ends = np.cumsum(weights)
    edges = np.floor(ends / ends[-1] * whole).astype(np.int64)
    edges[-1] = whole
    parts: I64 = np.diff(edges, prepend=0)
    return parts
