"""From joined states to the store: one transaction for all requests that wait (group commit).

A request waits until what it brought is durable. While one transaction runs, newcomers gather
and become the next; so the busier the server is, the fewer commits an event costs.
"""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import NamedTuple, Self

from intentlive.core.errors import NotFound, StoreUnavailable
from intentlive.core.session import State, join_batches
from intentlive.ports import Sink
from intentlive.sharing import Together
from intentlive.signals import Signals

# A server that is told to be in trouble gets no more requests, which alone could tell otherwise.
_TROUBLE_SECONDS = 10.0


class _Brought(NamedTuple):
    bot_id: str
    states: Mapping[str, State]


class Intake:
    """Takes the states that requests bring; `on_change` hears of every bot that changed.

    To be used as an async context manager; leaving it waits until all that was taken is stored.
    """

    def __init__(self, sink: Sink, on_change: Callable[[str, int], None], signals: Signals) -> None:
        self._sink = sink
        self._on_change = on_change
        self._signals = signals
        self._failure: tuple[float, str] | None = None
        self._commits: Together[_Brought, Exception | None] = Together(self._commit_all)

    async def submit(self, bot_id: str, states: Mapping[str, State]) -> None:
        """Store the states of sessions of a bot; returns when they are durable.

        StoreUnavailable: nothing is known to be stored, send them again. NotFound: no such bot.
        """
        self._signals.queue_depth.inc()
        error = await self._commits.ask(_Brought(bot_id, states))
        if error is not None:
            raise error

    def trouble(self) -> str | None:
        """Why the last transaction failed, if it was not long ago; None if all is well."""
        if self._failure is None or perf_counter() - self._failure[0] > _TROUBLE_SECONDS:
            return None
        return self._failure[1]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._commits.finish()

    async def _commit_all(self, group: Sequence[_Brought]) -> Sequence[Exception | None]:
        self._signals.queue_depth.set(0)
        return await self._commit(group)

    async def _commit(self, group: Sequence[_Brought]) -> Sequence[Exception | None]:
        began = perf_counter()
        try:
            batch = join_batches({each.bot_id: each.states} for each in group)
            revisions = await self._sink.merge(batch)
            for bot_id, revision in revisions.items():
                self._on_change(bot_id, revision)
        except Exception as error:  # noqa: BLE001 - it goes to those it concerns
            self._signals.failed_commits.inc()
            if len(group) > 1 and not isinstance(error, StoreUnavailable):
                # One of them is at fault: let it not spoil the others.
                return [answer for each in group for answer in await self._commit([each])]
            self._failure = perf_counter(), str(error)
            return [error] * len(group)
        self._failure = None
        self._signals.commit_seconds.observe(perf_counter() - began)
        return [
            None if each.bot_id in revisions else NotFound(f"there is no bot {each.bot_id}")
            for each in group
        ]
