"""Rows out of PostgreSQL, through a cursor on the server: memory stays small however long the table is.

Needs psycopg (``pip install 'keystorm[postgres]'``). The address holds a password, so it is never
shown: messages and files name the host and the database only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from sim.errors import BadInput, BadRow

if TYPE_CHECKING:
    from sim.workload.importers.records import Column

SCHEMES = ("postgresql://", "postgres://")
TABLE = "LiteLLM_SpendLogs"
BATCH = 5_000
"""Rows that the server sends at once."""


def is_address(text: str) -> bool:
    """Whether this names a database, not a file."""
    return text.lower().startswith(SCHEMES)


def without_secrets(text: str) -> str:
    """An address as it may be shown: scheme, host, port and database."""
    try:
        parts = urlsplit(text)
        port = f":{parts.port}" if parts.port else ""
        return f"postgresql://{parts.hostname or 'localhost'}{port}{parts.path}"
    except ValueError:
        return "postgresql://…"


class _Cursor(Protocol):
    def __iter__(self) -> Iterator[Mapping[str, Any]]: ...


class Database:
    """LiteLLM's table of spend logs. ``shown`` is the address without user and password."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.shown = without_secrets(address)

    @property
    def secret(self) -> str:
        """The whole address, for salting; never to be shown."""
        return self._address

    def rows(self, columns: Sequence[Column]) -> Iterator[tuple[int, tuple[Any, ...] | BadRow]]:
        """(number, values of ``columns``) of each row of the table, in order of time."""
        for number, row in enumerate(self._fetch(columns), 1):
            yield number, tuple(_plain(next((row[name] for name in column.names if name in row), None))
                                for column in columns)  # fmt: skip

    def _fetch(self, columns: Sequence[Column]) -> Iterator[Mapping[str, Any]]:
        psycopg, dict_row = _driver()
        try:
            with psycopg.connect(self._address, autocommit=False) as connection:
                connection.read_only = True
                query = _query(connection, columns, self.shown)
                with connection.cursor(name="keystorm", row_factory=dict_row) as cursor:
                    cursor.itersize = BATCH
                    cursor.execute(query)
                    yield from cursor
        except psycopg.Error as error:
            # The driver's text may quote the address; its class and the server's code can't.
            value = f"{type(error).__name__} {getattr(error, 'sqlstate', None) or ''}".strip()
            hint = "check host, database, user and password, and that the user may read the table"
            raise BadInput("can't read this database", place=self.shown, value=value, hint=hint) from None


def _driver() -> tuple[Any, Any]:
    try:
        import psycopg
        from psycopg.rows import dict_row
    except ImportError as error:
        hint = "pip install 'keystorm[postgres]'; or export the table with psql's \\copy … csv header"
        raise BadInput("reading PostgreSQL needs psycopg", value=str(error), hint=hint) from error
    return psycopg, dict_row


def _query(connection: Any, columns: Sequence[Column], shown: str) -> Any:
    """A query for those wanted columns that the table has: prompts and answers never leave the server."""
    from psycopg import sql

    found = connection.execute("SELECT * FROM {} LIMIT 0".format(f'"{TABLE}"')).description
    there = {column.name for column in found}
    missing = [column.names[0] for column in columns if column.header and not there & set(column.names)]
    if missing:
        hint = f"this is not LiteLLM's {TABLE}, or one of another version"
        raise BadInput(f"no column {' and no column '.join(missing)}", place=shown, value=TABLE, hint=hint)
    names = [name for column in columns for name in column.names if name in there]
    wanted = sql.SQL(", ").join(map(sql.Identifier, names))
    return sql.SQL("SELECT {} FROM {} ORDER BY {}").format(wanted, sql.Identifier(TABLE), sql.Identifier("startTime"))


def _plain(value: Any) -> Any:
    """Numbers and stamps as the texts that a file would have."""
    if isinstance(value, (float,)) or hasattr(value, "as_tuple"):
        return str(value)
    return value.isoformat() if hasattr(value, "isoformat") else value
