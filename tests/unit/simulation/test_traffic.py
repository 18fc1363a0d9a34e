import re
from collections import Counter, defaultdict
from functools import reduce
from itertools import islice, pairwise
from random import Random

import msgspec
import pytest

from intentlive.core import reading, session
from intentlive.core.events import EVENT_TYPES, AnyEvent
from intentlive.core.times import parse_instant
from intentlive.simulation.invented import (
    CHANNELS,
    DEVELOPER_SHARE,
    INVENTED_OUTCOMES,
    outcome_shares,
)
from intentlive.simulation.profile import ARRIVALS_BY_HOUR, CHAT, VOICE
from intentlive.simulation.traffic import SOURCE, VOICE_SHARE, session_events, traffic

NOON = 1_641_470_400_000  # 2022-01-06T12:00:00Z
HOUR = 3_600_000
SESSIONS = 3000

decoder = msgspec.json.Decoder(AnyEvent, dec_hook=lambda _type, value: parse_instant(value))

OUTCOMES = {
    "queue.abandoned": "abandoned",
    "session.transferred": "answered",
    "session.deflected": "deflected",
    "flow.completed": "completed",
    "flow.failed": "failed",
    "session.ended": "left",
}


def decode(event):
    return decoder.decode(msgspec.json.encode(event))


def outcome(events):
    types = {event["type"] for event in events}
    if types == {"session.started", "message.sent", "session.ended"}:
        return "silent"
    return next((name for type_, name in OUTCOMES.items() if type_ in types), "idle")


def sessions_of(profile):
    rng = Random(7)
    return [session_events(rng, profile, NOON) for _ in range(SESSIONS)]


def shares(values):
    counts = Counter(values)
    return {value: n / counts.total() for value, n in counts.items()}


@pytest.fixture(scope="module")
def calls():
    return sessions_of(VOICE)


@pytest.fixture(scope="module")
def chats():
    return sessions_of(CHAT)


@pytest.fixture(scope="module", params=[VOICE, CHAT], ids=["voice", "chat"])
def made(request):
    return request.param, sessions_of(request.param)


@pytest.fixture(scope="module")
def mixed():
    return list(islice(traffic(Random(3), NOON, 60, by_hour=False), 30_000))


def test_every_event_is_one_that_the_interface_takes(mixed):
    for event in mixed:
        assert decode(event).time == parse_instant(event["time"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", event["time"])
        assert event["source"] == SOURCE


def test_data_holds_nothing_that_the_interface_does_not_name(mixed):
    for event in mixed:
        if "data" in event:
            named = {field.name for field in msgspec.structs.fields(decode(event).data)}
            assert event["data"].keys() <= named


def test_the_same_seed_gives_the_same_traffic(mixed):
    again = islice(traffic(Random(3), NOON, 60, by_hour=False), 500)
    other = islice(traffic(Random(4), NOON, 60, by_hour=False), 500)
    assert list(again) == mixed[:500]
    assert list(other) != mixed[:500]


def test_times_never_go_backwards(mixed, made):
    _, sessions = made
    for events in [mixed, *sessions]:
        times = [event["time"] for event in events]
        assert times == sorted(times)


def test_traffic_keeps_the_order_within_a_session(mixed):
    ids = defaultdict(list)
    for event in mixed:
        ids[event["subject"]].append(event["id"])
    assert all(known == sorted(known) for known in ids.values())
    assert len({event["id"] for event in mixed}) == len(mixed)


def test_sessions_overlap(mixed):
    subjects = [event["subject"] for event in mixed]
    changes = sum(a != b for a, b in pairwise(subjects))
    assert changes > 2 * len(set(subjects))


def test_every_type_but_a_finished_record_occurs(mixed):
    assert {event["type"] for event in mixed} == set(EVENT_TYPES) - {"session.recorded"}


def test_outcomes_are_shared_as_the_profile_says(made):
    profile, sessions = made
    expected = outcome_shares(profile)
    assert sum(expected.values()) == pytest.approx(1, abs=0.002)
    assert shares(map(outcome, sessions)) == pytest.approx(expected, abs=0.03)


def test_no_invented_outcome_hides_a_measured_one():
    for profile in (VOICE, CHAT):
        assert not profile.outcomes.keys() & INVENTED_OUTCOMES[profile.medium].keys()


def test_sessions_start_at_the_time_given(made):
    _, sessions = made
    assert all(parse_instant(events[0]["time"]) == NOON for events in sessions)
    assert all(events[0]["type"] == "session.started" for events in sessions)


def test_intents_are_shared_as_the_profile_says(made):
    profile, sessions = made
    intents = [
        event["data"]["intent"]
        for events in sessions
        for event in events
        if event["type"] == "intent.identified"
    ]
    assert shares(intents) == pytest.approx(profile.intents, abs=0.03)


def test_a_session_has_as_many_intents_as_the_profile_says(made):
    profile, sessions = made
    talked = [events for events in sessions if outcome(events) != "silent"]
    numbers = shares(sum(e["type"] == "intent.identified" for e in events) for events in talked)
    expected = {n: share for n, share in enumerate(profile.intents_per_session) if share}
    assert numbers == pytest.approx(expected, abs=0.03)


def test_tasks_fail_and_succeed_as_the_profile_says(chats):
    types = Counter(event["type"] for events in chats for event in events)
    intents = Counter(
        event["data"]["intent"]
        for events in chats
        for event in events
        if event["type"] == "intent.identified"
    )
    tries = sum(intents[task] for task in CHAT.tasks)
    completed = sum(intents[task] * share for task, share in CHAT.tasks.items())
    assert types["task.failed"] / tries == pytest.approx(CHAT.task_failures, abs=0.02)
    assert types["task.completed"] == pytest.approx(completed, rel=0.02)


def test_dialogues_are_as_long_as_the_profile_says(chats):
    turns = sorted(
        sum(event["type"] == "message.received" for event in events)
        for events in chats
        if outcome(events) != "silent"
    )
    deciles = [turns[len(turns) * tenth // 10] for tenth in range(1, 10)]
    assert deciles == pytest.approx(CHAT.turns[1:-1], abs=1)


def test_callers_are_known_as_often_as_the_profile_says(made):
    profile, sessions = made
    contacts = [events[0]["data"] for events in sessions]
    assert sum("userId" in c for c in contacts) / SESSIONS == pytest.approx(profile.known, abs=0.03)
    assert sum("ANI" in c for c in contacts) / SESSIONS == pytest.approx(profile.with_ani, abs=0.03)
    assert shares(c["channel"] for c in contacts) == pytest.approx(
        CHANNELS[profile.medium], abs=0.03
    )
    developers = sum(c.get("developer", False) for c in contacts) / SESSIONS
    assert developers == pytest.approx(DEVELOPER_SHARE, abs=0.01)


def test_the_same_number_is_the_same_user(calls):
    users = defaultdict(set)
    for events in calls:
        if "ANI" in events[0]["data"]:
            users[events[0]["data"]["ANI"]].add(events[0]["data"]["userId"])
    assert 100 < len(users) < SESSIONS / 2
    assert all(len(ids) == 1 for ids in users.values())


def test_ids_and_addresses_have_their_shapes(calls, chats):
    contacts = [events[0]["data"] for events in calls + chats]
    for contact in contacts:
        if "userId" in contact:
            assert re.fullmatch(
                r"u-[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
                contact["userId"],
            )
        if "ANI" in contact:
            assert re.fullmatch(r"\+1[2-9]\d\d55501\d\d", contact["ANI"])
        assert re.fullmatch(r"\+1202555010\d|user\d+@example\.com", contact["DNI"])
    subjects = {events[0]["subject"] for events in calls + chats}
    assert all(re.fullmatch(r"[0-9a-f]{24}", subject) for subject in subjects)


def test_contacts_are_never_deflected_to_their_own_channel(calls, chats):
    moves = [
        (events[0]["data"]["channel"], event["data"]["to"])
        for events in calls + chats
        for event in events
        if event["type"] == "session.deflected"
    ]
    assert {to for _, to in moves} == {"whatsapp", "sms", "rtm"}
    assert all(channel != to for channel, to in moves)


def test_the_core_reads_them_as_what_they_are(made):
    _, sessions = made
    for events in sessions:
        state = reduce(session.join, (session.observe(decode(event)) for event in events))
        how = outcome(events)
        assert reading.is_silent(state) is (how == "silent" or len(events) == 2)
        assert (state.deflected is not None) is (how == "deflected")
        assert (state.transferred is not None) is (how in ("answered", "abandoned"))
        if how in ("answered", "deflected", "completed"):
            assert reading.status(state) == reading.COMPLETED
        if how in ("abandoned", "failed", "silent"):
            assert reading.status(state) == reading.DROPOFF


def starts(rate, days, by_hour):
    end = NOON + days * 24 * HOUR
    for event in traffic(Random(5), NOON, rate, by_hour=by_hour):
        time = parse_instant(event["time"])
        if time >= end:
            return
        if event["type"] == "session.started":
            yield time, event["data"]["channel"]


def test_arrivals_follow_the_hours_of_the_day():
    times = [time for time, _ in starts(5, 1, by_hour=True)]
    assert len(times) == pytest.approx(5 * 24 * 60, rel=0.05)
    hours = shares(time // HOUR % 24 for time in times)
    assert [hours.get(hour, 0) for hour in range(24)] == pytest.approx(ARRIVALS_BY_HOUR, abs=0.01)


def test_flat_arrivals_do_not():
    begun = list(starts(5, 1, by_hour=False))
    assert len(begun) == pytest.approx(5 * 24 * 60, rel=0.05)
    hours = shares(time // HOUR % 24 for time, _ in begun)
    assert [hours[hour] for hour in range(24)] == pytest.approx([1 / 24] * 24, abs=0.01)
    voice = sum(channel in CHANNELS["voice"] for _, channel in begun) / len(begun)
    assert voice == pytest.approx(VOICE_SHARE, abs=0.03)
