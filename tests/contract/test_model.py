"""Every store beside a model of it: lists of events, read by brute force.

Whatever is done, in whatever order and through whichever of two processes, both say the same.
"""

import asyncio
from typing import NamedTuple

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from intentlive.core.personal import Person
from intentlive.core.reading import BotRules
from intentlive.core.record import record, render
from intentlive.core.session import ERASED, State, fold
from intentlive.ports import Bot
from tests.contract.conftest import an_account
from tests.property.histories import BASE_MS, any_event, idle_timeouts, short_histories
from tests.property.oracle import latest_time, read
from tests.stores import open_store, put
from tests.wire import decode

LIFETIME = 1_000_000  # more changes than a bot sees here
BOTS = ("st-1", "ST-1")
SESSIONS = ("a", "aB", "é", "\uffff", "\U0001f600")

bots = st.sampled_from(BOTS)


@st.composite
def told(draw):
    """A bot, a session, and what is told of it."""
    events = [draw(any_event)] if draw(st.booleans()) else draw(short_histories)
    return draw(bots), draw(st.sampled_from(SESSIONS)), events


class Moment(NamedTuple):
    """So many ms after one of the ends that a bot's sessions have, or have been given up for."""

    end: int
    more: int

    def among(self, ends):
        known = sorted({BASE_MS, *ends})
        return known[self.end % len(known)] + self.more


AT_LAST = Moment(-1, 10**12)
moments = st.builds(Moment, st.integers(0, 5), st.sampled_from([-1, 0, 1]))
rules = st.builds(
    lambda timeouts, skip_silent: BotRules(tuple(timeouts), skip_silent),
    idle_timeouts().filter(lambda timeouts: timeouts[0][0] == 0),
    st.booleans(),
)
persons = st.builds(Person, user_id=st.sampled_from(["a", "é"])) | st.builds(
    Person, ani=st.sampled_from(["a!", "\uffff"])
)


class ModelBot:
    """A bot as it should be: what was told of each session, and which of them are erased."""

    def __init__(self, revision):
        self.rules = BotRules()
        self.revision = revision
        self.events = {}
        self.erased = set()

    def state(self, session_id):
        if session_id in self.erased:
            return ERASED
        return fold(map(decode, self.events.get(session_id, []))).get(session_id, State())

    def readings(self):
        timeouts = self.rules.idle_timeouts
        return {
            session_id: read(events, timeouts, erased=session_id in self.erased)
            for session_id, events in self.events.items()
        }

    def ends(self):
        return [each.end_time for each in self.readings().values() if each.end_time is not None]

    def latest(self, now, limit):
        finished = [
            (reading.end_time, session_id, reading.record)
            for session_id, reading in self.readings().items()
            if reading.listed and reading.end_time <= now
            if not (self.rules.skip_silent and reading.silent)
        ]
        finished.sort(key=lambda each: each[:2], reverse=True)
        return [shown for *_, shown in finished[:limit]]

    def due(self, now):
        ends = [reading.end_time for reading in self.readings().values() if reading.listed]
        return min((end for end in ends if end > now), default=None)

    def tell(self, session_id, events):
        """Whether that is news."""
        before = self.state(session_id)
        self.events[session_id] = self.events.get(session_id, []) + events
        return self.state(session_id) != before

    def purge(self, before):
        """How many sessions that ended before are there no more, or not to be told of again."""
        ends = {session_id: reading.end_time for session_id, reading in self.readings().items()}
        ended = [session_id for session_id, end in ends.items() if end is not None and end < before]
        for session_id in ended:
            if latest_time(self.events[session_id]) < before:
                del self.events[session_id]
            else:
                self.erased.add(session_id)
        return len(ended)

    def erase(self, person):
        found = {each for each in self.events if person.is_in(self.state(each))}
        self.erased |= found
        return len(found)


class TwoProcesses(RuleBasedStateMachine):
    """`stores` is one store that was opened twice, `run` awaits what they are asked."""

    def __init__(self, stores, run):
        super().__init__()
        self.stores, self.run = stores, run

    @initialize()
    def make_bots(self):
        self.lives = 0
        self.bots = {}
        for bot_id in BOTS:
            self.make(bot_id)

    def make(self, bot_id):
        self.lives += 1
        created = self.lives * LIFETIME
        self.run(self.stores[0].add_bot(Bot(bot_id, "a1", "Bot", BotRules(), created)))
        self.bots[bot_id] = ModelBot(created)

    def check_revision(self, bot_id, *, has_changed):
        """It has grown, and only if something has changed."""
        bot = self.bots[bot_id]
        revision = self.run(self.stores[0].revisions([bot_id]))[bot_id]
        assert (revision > bot.revision) == has_changed
        assert revision >= bot.revision
        bot.revision = revision

    @rule(
        parts=st.lists(told(), min_size=1, max_size=4),
        times=st.sampled_from([1, 1, 1, 2]),
        through=st.integers(0, 1),
    )
    def merge(self, parts, times, through):
        batch = {}
        for bot_id, session_id, events in parts:
            of_bot = batch.setdefault(bot_id, {})
            mine = [event | {"subject": session_id} for event in events]
            of_bot[session_id] = of_bot.get(session_id, []) + mine
        states = {
            bot_id: fold(decode(event) for events in sessions.values() for event in events)
            for bot_id, sessions in batch.items()
        }
        for _ in range(times):
            revisions = self.run(self.stores[through].merge(states))
            assert set(revisions) == set(batch) & set(self.bots)
            for bot_id in revisions:
                news = [self.bots[bot_id].tell(*each) for each in batch[bot_id].items()]
                self.check_revision(bot_id, has_changed=any(news))
                assert self.bots[bot_id].revision == revisions[bot_id]

    @rule(bot_id=bots, moment=moments, limit=st.sampled_from([1, 2, 25]), through=st.integers(0, 1))
    def latest(self, bot_id, moment, limit, through):
        bot = self.bots.get(bot_id)
        now = moment.among(bot.ends() if bot else [])
        found = self.run(self.stores[through].latest(bot_id, now, limit))
        if bot is None:
            assert found is None
            return
        shown = [record(*each, found.rules, found.disguise) for each in found.sessions]
        assert msgspec.json.decode(render(shown)) == bot.latest(now, limit)
        assert (found.due, found.rules, found.revision) == (bot.due(now), bot.rules, bot.revision)

    @invariant()
    def all_that_is_listed_in_the_end_is_known(self):
        for bot_id in BOTS:
            self.latest(bot_id, AT_LAST, limit=25, through=0)

    @rule(bot_id=bots, rules=rules, through=st.integers(0, 1))
    def change_rules(self, bot_id, rules, through):
        if bot_id in self.bots:
            self.run(put(self.stores[through], Bot(bot_id, "a1", "Bot", rules, 1)))
            self.bots[bot_id].rules = rules
            self.check_revision(bot_id, has_changed=True)

    @rule(bot_id=bots, moment=moments, limit=st.integers(1, 3), through=st.integers(0, 1))
    def purge(self, bot_id, moment, limit, through):
        bot = self.bots.get(bot_id)
        before = moment.among(bot.ends() if bot else [])
        purged = 0
        while some := self.run(self.stores[through].purge(bot_id, before, limit)):
            purged += some
        assert purged == (bot.purge(before) if bot else 0)
        if bot:
            self.check_revision(bot_id, has_changed=purged > 0)

    @rule(bot_id=bots, person=persons, limit=st.integers(1, 3), through=st.integers(0, 1))
    def erase(self, bot_id, person, limit, through):
        erased, after = 0, ""
        while after is not None:
            step = self.run(self.stores[through].erase(bot_id, person, after, limit))
            erased, after = erased + step.erased, step.next
        if bot_id in self.bots:
            assert erased == self.bots[bot_id].erase(person)
            self.check_revision(bot_id, has_changed=erased > 0)

    @rule(bot_id=bots, through=st.integers(0, 1))
    def delete_or_make_again(self, bot_id, through):
        if bot_id in self.bots:
            self.run(self.stores[through].delete_bot(bot_id))
            del self.bots[bot_id]
            assert self.run(self.stores[0].revisions([bot_id])) == {}
        else:
            self.make(bot_id)

    def teardown(self):
        for bot_id in self.bots:
            self.run(self.stores[0].delete_bot(bot_id))


def test_a_store_does_as_its_model(address, tmp_path):
    with asyncio.Runner() as runner:
        stores = [runner.run(open_store(address, tmp_path)) for _ in range(2)]
        try:
            runner.run(stores[0].add_account(an_account()))
            run_state_machine_as_test(
                lambda: TwoProcesses(stores, runner.run),
                settings=settings(
                    derandomize=True,
                    database=None,
                    deadline=None,
                    max_examples=40,
                    stateful_step_count=20,
                    suppress_health_check=[HealthCheck.too_slow],  # it goes by the clock
                ),
            )
        finally:
            for store in stores:
                runner.run(store.close())
