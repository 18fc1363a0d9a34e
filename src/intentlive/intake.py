"""From joined states to the store: one transaction for all requests that wait (group commit).

A request waits until what it brought is durable. While one transaction runs, newcomers gather
and become the next; so the busier the server is, the fewer commits an event costs.
"""

import asyncio
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import NamedTuple, Self

from intentlive.core.errors import NotFound, StoreUnavailable
from intentlive.core.session import State, join_into
from intentlive.ports import SessionStore
from intentlive.signals import Signals

# A server that is told to be in trouble gets no more requests, which alone could tell otherwise.
_TROUBLE_SECONDS = 10.0


class _Waiting(NamedTuple):
    bot_id: str
    states: Mapping[str, State]
    done: asyncio.Future[None]


class Intake:
    """Takes the states that requests bring; `on_change` hears of every bot that changed.

    To be used as an async context manager; leaving it waits until all that was taken is stored.
    """

    def __init__(
        self, store: SessionStore, on_change: Callable[[str, int], None], signals: Signals
    ) -> None:
        self._store = store
        self._on_change = on_change
        self._signals = signals
        self._failure: tuple[float, str] | None = None
        self._waiting: list[_Waiting] = []
        self._committing: asyncio.Task[None] | None = None

    async def submit(self, bot_id: str, states: Mapping[str, State]) -> None:
        """Store the states of sessions of a bot; returns when they are durable.

        StoreUnavailable: nothing is known to be stored, send them again. NotFound: no such bot.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(bot_id, states, done))
        self._signals.queue_depth.set(len(self._waiting))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all())
        await done

    def trouble(self) -> str | None:
        """Why the last transaction failed, if it was not long ago; None if all is well."""
        if self._failure is None or perf_counter() - self._failure[0] > _TROUBLE_SECONDS:
            return None
        return self._failure[1]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._committing is not None:
            await self._committing

    async def _commit_all(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                self._signals.queue_depth.set(0)
                await self._commit(group)
        finally:
            self._committing = None

    async def _commit(self, group: list[_Waiting]) -> None:
        began = perf_counter()
        try:
            revisions = await self._store.merge(_joined(group))
            for bot_id, revision in revisions.items():
                self._on_change(bot_id, revision)
        except Exception as error:  # noqa: BLE001 - it goes to those it concerns
            self._signals.failed_commits.inc()
            if len(group) > 1 and not isinstance(error, StoreUnavailable):
                for waiting in group:  # one of them is at fault: let it not spoil the others
                    await self._commit([waiting])
                return
            self._failure = perf_counter(), str(error)
            for waiting in group:
                _answer(waiting, error)
            return
        self._failure = None
        self._signals.commit_seconds.observe(perf_counter() - began)
        for waiting in group:
            known = waiting.bot_id in revisions
            _answer(waiting, None if known else NotFound(f"there is no bot {waiting.bot_id}"))


def _joined(group: list[_Waiting]) -> dict[str, dict[str, State]]:
    batch: dict[str, dict[str, State]] = {}
    for waiting in group:
        sessions = batch.setdefault(waiting.bot_id, {})
        for session_id, state in waiting.states.items():
            join_into(sessions, session_id, state)
    return batch


def _answer(waiting: _Waiting, error: Exception | None) -> None:
    if waiting.done.done():  # its client has gone
        return
    if error is None:
        waiting.done.set_result(None)
    else:
        waiting.done.set_exception(error)
