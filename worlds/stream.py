"""A buffer for all processes of a world: what it gives out may come again, and in any order."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from random import Random
from typing import Any

from intentlive.buffers import BufferStatus
from intentlive.buffers.messages import decode_batch, encode_batch
from intentlive.core.errors import BufferUnavailable
from intentlive.core.session import Batch
from worlds.link import AnswerLost, Away, Link

_ACKNOWLEDGE_SECONDS = 1.0
_PULL_SECONDS = 0.05
_SMALL, _LARGE = 300, 512 * 1024


class Stream:
    """The messages; `time` gives seconds."""

    def __init__(self, time: Callable[[], float], chance: Random) -> None:
        self._time = time
        self._chance = chance
        self._messages: dict[str, bytes] = {}
        self._numbers = count(1)
        self._free_from: dict[str, float] = {}
        self.max_bytes = chance.choice((_SMALL, _LARGE))

    def publish(self, message: bytes) -> None:
        """Keep a message."""
        name = f"{next(self._numbers):06}"
        self._messages[name] = message
        self._free_from[name] = self._time()

    def give_out(self, limit: int) -> list[tuple[str, bytes]]:
        """Some messages that nobody has, in any order."""
        now = self._time()
        free = [name for name in self._messages if self._free_from[name] <= now]
        given = self._chance.sample(free, min(len(free), self._chance.randint(1, limit)))
        for name in given:
            self._free_from[name] = now + self._chance.uniform(0, _ACKNOWLEDGE_SECONDS)
        return [(name, self._messages[name]) for name in given]

    def forget(self, name: str) -> None:
        """A message is done with."""
        self._messages.pop(name, None)

    def put_back(self, name: str, seconds: float) -> None:
        """Give a message out again after a while."""
        self._free_from[name] = self._time() + seconds

    def held(self) -> Iterator[Batch]:
        """What is in the messages."""
        return map(decode_batch, self._messages.values())

    def is_empty(self) -> bool:
        return not self._messages


class Delivered:
    """A message given out to a process."""

    def __init__(self, stream: Stream, link: Link[Any], name: str, message: bytes) -> None:
        self._stream = stream
        self._link = link
        self.name = name
        self._message = message

    def read(self) -> Batch:
        return decode_batch(self._message)

    async def done(self) -> None:
        await self._tell(lambda: self._stream.forget(self.name), "is done with")

    async def put_back(self, seconds: float) -> None:
        await self._tell(lambda: self._stream.put_back(self.name, seconds), "puts back")

    async def _tell(self, effect: Callable[[], None], step: str) -> None:
        try:
            await self._link.ask(effect, f"{step} {self.name[:6]}")
        except (Away, AnswerLost):
            """It is delivered again."""


class WorldBuffer:
    """The stream as a process reaches it."""

    def __init__(self, stream: Stream, link: Link[Any]) -> None:
        self._stream = stream
        self._link = link

    async def merge(self, batch: Batch) -> Mapping[str, int]:
        for message in encode_batch(batch, self._stream.max_bytes):
            await self._ask(partial(self._stream.publish, message), "publishes")
        return dict.fromkeys(batch, 0)

    async def pull(self, limit: int) -> Sequence[Delivered]:
        found = await self._ask(lambda: self._stream.give_out(limit))
        if found:
            self._link.note(f"pulls {', '.join(name[:6] for name, _ in found)}")
        else:
            await asyncio.sleep(_PULL_SECONDS)
        return [Delivered(self._stream, self._link, *each) for each in found]

    async def probe(self) -> None:
        """It takes what it is given."""

    async def status(self) -> BufferStatus:
        raise BufferUnavailable("it is not told here")

    async def close(self) -> None:
        """There is nothing to release."""

    async def _ask(self, effect: Callable[[], Any], step: str | None = None) -> Any:
        try:
            return await self._link.ask(effect, step)
        except (Away, AnswerLost) as error:
            raise BufferUnavailable("the buffer is away") from error
