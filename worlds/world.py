"""A world: clients, readers and administrators come to a house as a plan has it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
from structlog.testing import capture_logs

from intentlive.core.errors import StoreUnavailable
from intentlive.core.personal import Person
from intentlive.core.reading import BotRules
from intentlive.core.session import fold
from intentlive.erasure import erase
from intentlive.ingest.cloudevents import NDJSON, parse_events
from intentlive.ports import Account, Bot
from worlds.histories import BEGINNING_MS
from worlds.house import House, chance_of
from worlds.loop import Endless, Loop
from worlds.network import Machine, Unreachable
from worlds.plan import Ask, Erase, Pause, Plan, Send, SetRules, line
from worlds.referee import PROMISED_MS, Broken
from worlds.server import USUAL, Parts, Worker

_ACCOUNT = "account"
_ATTEMPTS = 100
_READS_OWN = 0.6
_PAUSE = 0.05
_ROUND_SECONDS = 0.25
_REST_SECONDS = 120.0


class Played(NamedTuple):
    """What became of a plan; `broken` is what went wrong, if anything did."""

    broken: Exception | None
    history: list[str]
    answers: int


def play(plan: Plan, parts: Parts = USUAL) -> Played:
    """Play a plan once: the same plan and parts, the same history."""
    world = World(plan, parts)
    broken = world.play()
    return Played(broken, world.history, world.answers)


class World:
    """Plays a plan once; `history` has a line for whatever happened."""

    def __init__(self, plan: Plan, parts: Parts) -> None:
        self.history: list[str] = []
        self.loop = Loop(chance_of(plan, "turns"))
        self._plan = plan
        self._house = House(plan, parts, self._time, self.loop, self._note)
        self._referee = self._house.referee
        self._bots = [f"bot {number}" for number in range(len(plan.bots))]

    @property
    def answers(self) -> int:
        """How many answers were judged."""
        return self._referee.answers

    def play(self) -> Exception | None:
        """Let everything happen; gives what is not as it must be."""
        try:
            with capture_logs():
                self.loop.run(self._live())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what was looked for
            return error
        finally:
            self._house.tables.close()
        return None

    async def _live(self) -> None:
        await self._furnish()
        doing: dict[type, Callable[[Any], Awaitable[None]]] = {
            Send: self._send,
            Ask: self._ask,
            SetRules: self._set_rules,
            Erase: self._erase,
            Pause: self._pause,
        }
        steps = [step for step in self._plan.steps if type(step) in doing]
        await asyncio.gather(*[doing[type(step)](step) for step in steps])
        await self._come_to_rest()
        await self._look_at_the_end()

    async def _furnish(self) -> None:
        """Make the bots and start every machine."""
        store = self._house.administrator
        await store.add_account(Account(_ACCOUNT, "", 0, 0))
        for bot_id, idle_seconds in zip(self._bots, self._plan.bots, strict=True):
            await store.add_bot(Bot(bot_id, _ACCOUNT, "", BotRules(((0, idle_seconds),)), 1))
        for machine in self._house.machines.values():
            machine.start()

    async def _send(self, step: Send) -> None:
        """Send until it is acknowledged, now here, now there."""
        await self._until(step.at)
        chance, bot_id = chance_of(self._plan, f"client at {step.at}"), self._bot(step.bot)
        body = b"\n".join(step.events)
        self._referee.sent(bot_id, fold(parse_events(NDJSON, body, self._time()).events))
        number = step.worker
        for _ in range(_ATTEMPTS):
            machine = self._worker(number)
            self._note("client", f"sends {len(step.events)} events of {bot_id} to {machine.name}")
            try:
                await machine.call(lambda worker: self._take(worker, bot_id, body))
                break
            except (Unreachable, StoreUnavailable) as error:
                self._note("client", f"has no acknowledgement of {machine.name}: {error!r}")
            await asyncio.sleep(chance.uniform(0.02, 0.3))
            number = chance.randrange(6)
        else:
            self.loop.fail(Broken("what is sent is acknowledged in the end", line(step)))
        self._note("client", f"has the acknowledgement of {machine.name}")
        if chance.random() < _READS_OWN:
            await self._call(machine, bot_id)

    async def _take(self, worker: Worker, bot_id: str, body: bytes) -> None:
        """In a worker: take the events of a body."""
        began = self.loop.time()
        try:
            states = await worker.take(bot_id, body)
        except StoreUnavailable:
            self._must_be_ill(worker, began)
            raise
        if self._plan.appliers:
            self._referee.accepted(bot_id, states, self._house.stream.held())
        else:
            self._referee.stored(worker, bot_id, states)
        self._note(worker.name, f"has taken {', '.join(sorted(states))} of {bot_id}")

    async def _ask(self, step: Ask) -> None:
        await self._until(step.at)
        await self._call(self._worker(step.worker), self._bot(step.bot))

    async def _call(self, machine: Machine[Worker], bot_id: str) -> None:
        try:
            await machine.call(lambda worker: self._answer(worker, bot_id))
        except (Unreachable, StoreUnavailable) as error:
            self._note("reader", f"has no answer of {machine.name}: {error!r}")

    async def _answer(self, worker: Worker, bot_id: str) -> bytes:
        """In a worker: what it answers, judged."""
        began = self.loop.time()
        judge = self._referee.asked(worker, bot_id, self._is_well(worker, began))
        self._note(worker.name, f"is asked for {bot_id}")
        try:
            view = await worker.latest(bot_id)
        except StoreUnavailable:
            self._must_be_ill(worker, began)
            raise
        if view is not None:
            count = len(msgspec.json.decode(view.shown.body))
            self._note(worker.name, f"shows {bot_id} at {view.revision}: {count} sessions")
        judge(view, self._is_well(worker, began))
        return b"" if view is None else view.shown.body

    async def _set_rules(self, step: SetRules) -> None:
        await self._until(step.at)
        bot_id, store = self._bot(step.bot), self._house.administrator
        since = await store.time()

        def change(bot: Bot) -> Bot:
            timeouts = bot.rules.idle_timeouts
            in_force = max(since, timeouts[-1][0] + 1), step.idle_seconds
            rules = BotRules((*timeouts, in_force), step.skip_silent)
            return msgspec.structs.replace(bot, rules=rules)

        await store.update_bot(bot_id, change)
        self._note("administrator", f"has set the rules of {bot_id}: {line(step)}")

    async def _erase(self, step: Erase) -> None:
        await self._until(step.at)
        bot_id, person = self._bot(step.bot), Person(user_id=step.user_id)
        concerned = {
            each["subject"]
            for events in self._told(bot_id).values()
            for each in events
            if (each.get("data") or {}).get("userId") == step.user_id
        }
        done = self._referee.erasing(bot_id, person, concerned)
        self._note("administrator", f"erases {step.user_id} from {bot_id}")
        await erase(self._house.administrator, person, [bot_id], bot_id)
        done()
        self._note("administrator", f"has erased {step.user_id} from {bot_id}")

    async def _pause(self, step: Pause) -> None:
        await self._until(step.at)
        if machine := self._house.machines.get(step.process):
            self._note(step.process, f"stands still for {step.seconds} s")
            machine.pause(step.seconds)

    async def _come_to_rest(self) -> None:
        """Wait until nothing goes wrong any more and every session has ended."""
        await self._until(self._house.trouble.over())
        while not self._house.is_at_rest():
            if self.loop.time() > _REST_SECONDS:
                raise Endless("the buffer holds something still")
            await asyncio.sleep(_PAUSE)
        ends = [each[0] for bot_id in self._bots for each in self._referee.ends(bot_id)[-1:]]
        last = max(ends, default=0) - BEGINNING_MS
        await self._until(max(last / 1000, self.loop.time()) + PROMISED_MS / 1000 + _ROUND_SECONDS)

    async def _look_at_the_end(self) -> None:
        for bot_id in self._bots:
            expected = self._referee.at_the_end(bot_id, self._told(bot_id))
            for machine in self._house.workers:
                shown = await machine.call(lambda worker: self._answer(worker, bot_id))  # noqa: B023 - awaited at once
                if shown != expected:
                    what = f"{machine.name}, {bot_id}: {shown!r} instead of {expected!r}"
                    self.loop.fail(Broken("in the end everybody shows the same", what))
            self._referee.announced(bot_id)

    def _told(self, bot_id: str) -> dict[str, list[dict[str, Any]]]:
        """All events that clients send of a bot, by session, as they are on the wire."""
        told: dict[str, list[dict[str, Any]]] = {}
        for step in self._plan.steps:
            if isinstance(step, Send) and self._bot(step.bot) == bot_id:
                for each in step.events:
                    event = msgspec.json.decode(each)
                    told.setdefault(event["subject"], []).append(event)
        return told

    def _must_be_ill(self, worker: Worker, began: float) -> None:
        if self._is_well(worker, began):
            self.loop.fail(Broken("what is asked of a well server is done", worker.name))

    def _is_well(self, worker: Worker, began: float) -> bool:
        since = began - PROMISED_MS / 1000
        return self._house.trouble.is_well(worker.name, since, self.loop.time())

    def _worker(self, number: int) -> Machine[Worker]:
        return self._house.workers[number % len(self._house.workers)]

    def _bot(self, number: int) -> str:
        return self._bots[number % len(self._bots)]

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - self.loop.time()))

    def _time(self) -> int:
        """The store's time."""
        return BEGINNING_MS + int(self.loop.time() * 1000)

    def _note(self, who: str, what: str) -> None:
        self.history.append(f"{self.loop.time():9.4f}  {who:14} {what}")
