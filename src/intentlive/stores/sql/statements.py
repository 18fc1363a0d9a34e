"""Named queries, run on whatever connection a database's driver gives."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

import msgspec

from intentlive.stores import sql

Result = TypeVar("Result")
Row: TypeAlias = dict[str, Any]


class Cursor(Protocol):
    """As Python's database drivers have it (PEP 249)."""

    @property
    def description(self) -> Sequence[Sequence[Any]] | None: ...
    @property
    def rowcount(self) -> int: ...
    def execute(self, statement: Any, parameters: Any = ..., /) -> Any: ...
    def executemany(self, statement: Any, rows: Any, /) -> Any: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...


class Connection(Protocol):
    """As Python's database drivers have it."""

    def cursor(self) -> Cursor: ...


class Statements:
    """The named queries of a backend on a connection, within whatever transaction that is in."""

    def __init__(self, backend: str, connection: Connection) -> None:
        self._queries = sql.queries(backend)
        self._connection = connection

    def execute(self, statement: str) -> Cursor:
        """Run a statement that is no named query, such as one of a migration."""
        cursor = self._connection.cursor()
        cursor.execute(statement)
        return cursor

    def run(self, query: str, /, **wanted: object) -> int:
        """Run a query; gives how many rows it changed."""
        return self._executed(query, wanted).rowcount

    def run_for(self, query: str, rows: Sequence[Row] | Sequence[tuple[object, ...]]) -> None:
        """Run a query once for every row of parameters, which it has by name or by place."""
        self._connection.cursor().executemany(self._queries[query], rows)

    def all(self, query: str, /, **wanted: object) -> list[tuple[Any, ...]]:
        """All rows that a query gives."""
        return self._executed(query, wanted).fetchall()

    def first(self, query: str, /, **wanted: object) -> tuple[Any, ...] | None:
        """The first row that a query gives, if any."""
        row: tuple[Any, ...] | None = self._executed(query, wanted).fetchone()
        return row

    def value(self, query: str, /, **wanted: object) -> Any:
        """The first column of the first row; None if there is no row."""
        row = self.first(query, **wanted)
        return None if row is None else row[0]

    def several(self, values: Sequence[str]) -> object:
        """Several texts as one parameter: a JSON array, unless the driver knows better."""
        return msgspec.json.encode(values).decode()

    def named(self, query: str, /, **wanted: object) -> list[Row]:
        """All rows that a query gives, as column → value."""
        cursor = self._executed(query, wanted)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _executed(self, query: str, wanted: Mapping[str, object]) -> Cursor:
        cursor = self._connection.cursor()
        cursor.execute(self._queries[query], wanted)
        return cursor


class Database(Protocol):
    """A backend's transactions, each in a thread; StoreUnavailable when one cannot be had."""

    async def read(self, work: Callable[[Statements], Result]) -> Result:
        """Do `work`, a single query that changes nothing."""

    async def write(self, work: Callable[[Statements], Result]) -> Result:
        """Do `work` in one durable transaction; nothing of it stays if it raises."""

    async def repeat(self, work: Callable[[Statements], Result]) -> Result:
        """The same for `work` that may be done twice, should it not be known whether it was."""

    async def repeat_freely(self, work: Callable[[Statements], Result]) -> Result:
        """The same for `work` of which each statement may be a transaction of its own."""

    async def scrub(self) -> None:
        """Leave nothing of what was deleted in the files, as far as that can be done from here."""

    async def faults(self) -> list[str]:
        """What the database finds wrong with its own files, as far as it can be asked."""

    async def backup(self, path: Path) -> int:
        """Copy all of one moment to a new file and prove it; gives the number of sessions.

        AlreadyExists, StoreError where this cannot be done from here.
        """

    async def close(self) -> None:
        """Finish what was begun, then close every connection."""
