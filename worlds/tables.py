"""The tables of the one database in a world, in memory, and what its transactions do to them.

A transaction is an instant, but for one that reads before it takes a lock: it writes later what
follows from what it read then, as it would on a server whose transactions run side by side.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from intentlive.stores import sql
from intentlive.stores.sql.statements import Statements
from worlds.goes import Query

Result = TypeVar("Result")

# What the store in PostgreSQL sends, in the words of SQLite; one row of many in the last but one.
COMPARING = {
    "bot_read": """
        SELECT idle_timeouts, skip_silent, created, revision FROM bots WHERE bot_id = :bot_id
    """,
    "sessions_read": """
        SELECT session_id, state, version FROM sessions
        WHERE bot_id = :bot_id AND session_id IN (SELECT value FROM json_each(:session_ids))
    """,
    "raise_revision_if": """
        UPDATE bots SET revision = revision + 1
        WHERE bot_id = :bot_id AND created = :created AND idle_timeouts = :idle_timeouts
        RETURNING revision
    """,
    "save_sessions_if": """
        INSERT INTO sessions (bot_id, session_id, listing, end_time, state, version)
        SELECT :bot_id, :session_id, :listing, :end_time, :state,
            (SELECT revision FROM bots WHERE bot_id = :bot_id)
        WHERE :version = coalesce((
            SELECT version FROM sessions WHERE bot_id = :bot_id AND session_id = :session_id
        ), 0) AND EXISTS (
            SELECT 1 FROM bots
            WHERE bot_id = :bot_id AND created = :created AND idle_timeouts = :idle_timeouts
        )
        ON CONFLICT (bot_id, session_id) DO UPDATE
        SET listing = excluded.listing, end_time = excluded.end_time, state = excluded.state,
            version = excluded.version
        RETURNING session_id
    """,
    "save_session": """
        INSERT INTO sessions (bot_id, session_id, listing, end_time, state)
        VALUES (:bot_id, :session_id, :listing, :end_time, :state)
        ON CONFLICT (bot_id, session_id) DO UPDATE
        SET listing = excluded.listing, end_time = excluded.end_time, state = excluded.state,
            version = version + 1
    """,
}
_COLUMNS = ("session_id", "listing", "end_time", "state", "version")


class Tables:
    """The tables; `on_commit` is called after every transaction that wrote."""

    def __init__(self, on_commit: Callable[[sqlite3.Connection], None]) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.deserialize(_empty())
        self._on_commit = on_commit

    def close(self) -> None:
        self._connection.close()

    def read(self, work: Callable[[Statements], Result]) -> Result:
        """What `work` reads at this instant."""
        return work(_Statements(self._connection))

    def begin(self, work: Callable[[Statements], Any]) -> "Done | Begun":
        """Do a transaction that takes a lock first; of any other, only what it reads."""
        begun = Begun(self._connection)
        result = self._do(begun, work, lambda: not (begun.has_read_first and begun.has_written))
        return begun if begun.has_read_first and begun.has_written else Done(result)

    def end(self, begun: "Begun", work: Callable[[Statements], Result]) -> Result:
        """Do the rest of a transaction that has read already."""
        return self._do(_Remembering(self._connection, begun), work, lambda: True)

    def go(self, queries: Sequence[Query]) -> list[list[Any]]:
        """The rows that some queries give, which are one transaction."""
        statements = _Statements(self._connection)
        return self._do(statements, lambda _: list(map(statements.sent, queries)), lambda: True)

    def _do(
        self,
        statements: Statements,
        work: Callable[[Statements], Result],
        is_to_stay: Callable[[], bool],
    ) -> Result:
        self._connection.execute("BEGIN")
        try:
            result = work(statements)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        if is_to_stay():
            self._connection.execute("COMMIT")
            self._on_commit(self._connection)
        else:
            self._connection.execute("ROLLBACK")
        return result


class Done(NamedTuple):
    """A transaction that is committed."""

    result: Any


class _Answer(NamedTuple):
    """The rows of a statement, as a cursor has them."""

    description: Any
    rowcount: int
    rows: list[Any]

    def fetchone(self) -> Any:
        return self.rows[0] if self.rows else None

    def fetchall(self) -> list[Any]:
        return self.rows


class _Statements(Statements):
    """The named queries of SQLite, and those of PostgreSQL alone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__("sqlite", connection)
        self._queries = {**self._queries, **COMPARING}

    def sent(self, query: Query) -> list[Any]:
        """The rows that a query of PostgreSQL gives, whose parameters may be lists."""
        name, wanted = query
        if name != "save_sessions_if":
            return self.all(name, **{key: _json(value) for key, value in wanted.items()})
        columns = zip(*(wanted[f"{column}s"] for column in _COLUMNS), strict=True)
        rows = [{**wanted, **dict(zip(_COLUMNS, row, strict=True))} for row in columns]
        return [saved for row in rows for saved in self.all(name, **row)]

    def _reads(self, query: str) -> bool:
        return query != "lock_bot" and self._queries[query].lstrip().startswith("SELECT")


class Begun(_Statements):
    """Statements that remember what they read, and whether that was before they took a lock."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.has_read_first = False
        self.has_written = False
        self.read: list[_Answer] = []

    def run_for(self, query: str, rows: Any) -> None:
        self.has_written = True
        super().run_for(query, rows)

    def _executed(self, query: str, wanted: Mapping[str, object]) -> Any:
        cursor = super()._executed(query, wanted)
        answer = _Answer(cursor.description, cursor.rowcount, cursor.fetchall())
        if self._reads(query):
            self.has_read_first |= not self.has_written
            self.read.append(answer)
        else:
            self.has_written = True
        return answer


class _Remembering(_Statements):
    """Statements that write now, and give what was read before."""

    def __init__(self, connection: sqlite3.Connection, begun: Begun) -> None:
        super().__init__(connection)
        self._read: Iterator[_Answer] = iter(begun.read)

    def _executed(self, query: str, wanted: Mapping[str, object]) -> Any:
        return next(self._read) if self._reads(query) else super()._executed(query, wanted)


def _json(value: object) -> object:
    return msgspec.json.encode(value).decode() if isinstance(value, list) else value


@cache
def _empty() -> bytes:
    """Tables without rows, as a store has them, with the versions that comparing needs."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for script in sql.migrations("sqlite"):
        connection.executescript(script)
    connection.execute("ALTER TABLE sessions ADD COLUMN version INTEGER NOT NULL DEFAULT 1")
    return connection.serialize()
