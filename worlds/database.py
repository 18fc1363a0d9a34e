"""The database of a world as a process reaches it: each transaction is asked for over its link."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, TypeVar

from intentlive.core.errors import StoreUnavailable
from intentlive.stores.sql.statements import Statements
from worlds.goes import Goes, Going
from worlds.link import AnswerLost, Away, Link
from worlds.tables import Done, Tables

Result = TypeVar("Result")

_TRIES_AGAIN = 0.5


class Database:
    """What stores in SQL ask of a backend; `clock` is the database's own, `chance` a process's."""

    def __init__(
        self, tables: Tables, link: Link[Any], chance: Random, clock: Callable[[], int]
    ) -> None:
        self._tables = tables
        self._link = link
        self._chance = chance
        self._clock = clock

    async def time(self) -> Any:
        """Ms since 1970."""
        return await self._ask(self._clock)

    async def read(self, work: Callable[[Statements], Result]) -> Result:
        return await self._ask(partial(self._tables.read, work))

    async def write(self, work: Callable[[Statements], Result]) -> Any:
        begun = await self._ask(partial(self._tables.begin, work), "writes")
        if isinstance(begun, Done):
            return begun.result
        return await self._ask(partial(self._tables.end, begun, work), "goes on writing")

    async def repeat(self, work: Callable[[Statements], Result]) -> Any:
        return await self._perhaps_twice(partial(self.write, work))

    async def repeat_freely(self, work: Callable[[Any], Result]) -> Any:
        return await self._perhaps_twice(partial(self._go, work))

    async def scrub(self) -> None:
        """There are no files."""

    async def _go(self, work: Callable[[Any], Result]) -> Any:
        answers: list[list[list[Any]]] = []
        while True:
            try:
                return work(Goes(answers))
            except Going as going:
                names = " and ".join(query.name for query in going.queries)
                answers.append(await self._ask(partial(self._tables.go, going.queries), names))

    async def _perhaps_twice(self, attempt: Callable[[], Any]) -> Any:
        try:
            return await attempt()
        except StoreUnavailable:
            if self._chance.random() < _TRIES_AGAIN:
                return await attempt()
            raise

    async def _ask(self, effect: Callable[[], Any], step: str | None = None) -> Any:
        try:
            return await self._link.ask(effect, step)
        except (Away, AnswerLost) as error:
            raise StoreUnavailable("the store is away") from error
