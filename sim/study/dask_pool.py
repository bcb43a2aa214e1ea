"""Work on a Dask cluster: ``--executor dask://HOST:PORT``, with the extra ``keystorm[dask]``.

The scheduler runs again what a worker that died had, or had finished and not handed over: work is a
pure function of its item, so the result is the same.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sim import __version__
from sim.errors import BadInput, KeystormError
from sim.study.pool import in_order

T = TypeVar("T")
R = TypeVar("R")
PLACE = "--executor"
PATIENCE_S = 10
"""How long a scheduler has to answer, and to have a first worker."""


@contextmanager
def dask_pool(address: str) -> Iterator[_Dask]:
    """A pool on the cluster whose scheduler listens at ``HOST:PORT``. Raises BadInput."""
    client = _client(address)
    try:
        _check_workers(client, address)
        yield _Dask(client)
    finally:
        client.close()


def _client(address: str) -> Any:
    shown = f"dask://{address}"
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise BadInput("not an address", place=PLACE, value=repr(shown), hint="dask://HOST:PORT")
    try:
        import distributed
    except ImportError:
        hint = "pip install 'keystorm[dask]', here and on each worker"
        raise BadInput("Dask is not installed", place=PLACE, value=repr(shown), hint=hint) from None
    connect: Any = distributed.Client
    try:
        return connect(f"tcp://{address}", timeout=PATIENCE_S, set_as_default=False)
    except OSError as error:  # also a timeout
        reason = str(error).partition("\n")[0][:200]
        hint = f"is it running? `dask scheduler --host {host} --port {port}` starts one ({reason})"
        raise BadInput("no Dask scheduler answers", place=PLACE, value=repr(shown), hint=hint) from None


def _check_workers(client: Any, address: str) -> None:
    """Raises BadInput when there is no worker, or one with another keystorm."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE_S)
    except TimeoutError:
        hint = f"`dask worker tcp://{address}` starts one, on any machine that has keystorm[dask]"
        raise BadInput("the Dask scheduler has no workers", place=PLACE, value=f"dask://{address}", hint=hint) from None
    for worker, told in client.run(_version, on_error="return").items():
        if told != __version__:
            found = f"{worker} has {told if isinstance(told, str) else f'none ({told})'}"
            raise BadInput(
                "a Dask worker has another keystorm", place=PLACE, value=found, hint=f"install {__version__} there"
            )


class _Dask:
    """A :class:`~sim.study.pool.Pool` of a cluster's workers."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @property
    def workers(self) -> int:
        """Threads of all workers that the cluster has now."""
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """The result of each item in order."""
        from distributed import CancelledError, KilledWorker

        client, blob = self._client, pickle.dumps(work, protocol=pickle.HIGHEST_PROTOCOL)
        # A task and not scattered data: the scheduler can make it again when the worker that holds it dies.
        shared = client.submit(pickle.loads, blob, pure=False)

        def submit(item: T) -> Any:
            return client.submit(_call, shared, item, pure=False)

        try:
            yield from in_order(submit, items, 2 * self.workers + 1)
        except KilledWorker as error:
            hint = "hint: they may have run out of memory; see the logs of the workers"
            raise KeystormError(f"Dask workers died again and again at the same work: {error}\n    {hint}") from None
        except CancelledError:
            raise KeystormError("the Dask scheduler has gone, or has dropped this study's work") from None


# In the workers


def _version() -> str:
    return __version__


def _call(work: Callable[[Any], Any], item: Any) -> Any:
    return work(item)
