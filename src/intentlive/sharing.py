"""One answer, or one go, for all who ask at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

Answer = TypeVar("Answer")
Question = TypeVar("Question")


class Shared(Generic[Answer]):
    """Questions under way; whoever asks the same meanwhile waits for the same answer.

    A question goes on though those who asked are gone.
    """

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Future[Answer]] = {}

    async def ask(self, question: Hashable, find: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer that `find` gives, or is about to give to someone else; its errors, too."""
        return await asyncio.shield(self.begin(question, find))

    def begin(
        self, question: Hashable, find: Callable[[], Awaitable[Answer]]
    ) -> asyncio.Future[Answer]:
        """Ask without waiting, unless it is asked already."""
        answer = self._under_way.get(question)
        if answer is None:
            answer = asyncio.ensure_future(find())
            self._under_way[question] = answer
            answer.add_done_callback(lambda done: self._finish(question, done))
        return answer

    def _finish(self, question: Hashable, done: asyncio.Future[Answer]) -> None:
        del self._under_way[question]
        if not done.cancelled():
            done.exception()  # seen, though nobody may be left to raise it to


class Together(Generic[Question, Answer]):
    """Questions that come while others are being answered wait, and are answered at one go.

    `answer_all` gives an answer for each; if it fails, all who waited get the error.
    """

    def __init__(
        self, answer_all: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]]
    ) -> None:
        self._answer_all = answer_all
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._answering: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Answer:
        """The answer to one question."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._answering is None:
            self._answering = asyncio.create_task(self._answer_waiting())
        return await answer

    async def finish(self) -> None:
        """Wait until all that was asked is answered."""
        if self._answering is not None:
            await self._answering

    async def _answer_waiting(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                try:
                    answers = await self._answer_all([question for question, _ in group])
                except Exception as error:  # noqa: BLE001 - it goes to those it concerns
                    for _, waiting in group:
                        if not waiting.done():
                            waiting.set_exception(error)
                else:
                    for (_, waiting), answer in zip(group, answers, strict=True):
                        if not waiting.done():  # who asked may have gone
                            waiting.set_result(answer)
        finally:
            self._answering = None


class Recent(Generic[Answer]):
    """An answer that is given again for a while, and found once for all who ask meanwhile.

    `monotonic` in ms; errors are not remembered.
    """

    def __init__(
        self, find: Callable[[], Awaitable[Answer]], monotonic: Callable[[], int], max_age_ms: int
    ) -> None:
        self._find = find
        self._monotonic = monotonic
        self._max_age_ms = max_age_ms
        self._shared: Shared[Answer] = Shared()
        self._last: tuple[int, Answer] | None = None

    async def get(self) -> Answer:
        """The answer, at most as old as was said."""
        now = self._monotonic()
        if self._last is not None and now - self._last[0] < self._max_age_ms:
            return self._last[1]
        answer = await self._shared.ask(None, self._find)
        self._last = now, answer
        return answer
