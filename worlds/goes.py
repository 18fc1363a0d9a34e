"""Work that asks its database several times, taken apart into what it sends at one go.

Such work waits in a thread for its answers. Here it is run from its beginning as often as it goes
to the database, each time with one more answer, so that anything may happen in between.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple


class Query(NamedTuple):
    """A named query and its parameters."""

    name: str
    wanted: Mapping[str, Any]


class Going(Exception):
    """Work that waits for the answers to some queries, which are one transaction."""

    def __init__(self, queries: Sequence[Query]) -> None:
        super().__init__()
        self.queries = queries


class Goes:
    """What work sees of the database: the answers so far, one for each go; Going after them."""

    def __init__(self, answers: Sequence[Sequence[Sequence[Any]]]) -> None:
        self._answers = iter(answers)

    @contextmanager
    def one_go(self) -> Iterator[Callable[..., "_Later"]]:
        queries: list[Query] = []
        cursors: list[_Later] = []

        def send(query: str, **wanted: object) -> _Later:
            queries.append(Query(query, wanted))
            cursors.append(_Later())
            return cursors[-1]

        yield send
        answers = next(self._answers, None)
        if answers is None:
            raise Going(queries)
        for cursor, rows in zip(cursors, answers, strict=True):
            cursor.rows = list(rows)

    one_transaction = one_go


class _Later:
    """The rows of a query, once they are there."""

    rows: list[Any]

    def fetchone(self) -> Any:
        return self.rows[0] if self.rows else None

    def fetchall(self) -> list[Any]:
        return self.rows
