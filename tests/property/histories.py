"""Strategies for histories: all events of one session in wire form, dense in ties and corners."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from random import Random

from hypothesis import strategies as st

SUBJECT = "6364a8616d8e6a6a0effc0de"
BASE = datetime(2022, 1, 6, 14, 7, 8, tzinfo=UTC)
BASE_MS = int(BASE.timestamp()) * 1000
MOMENTS = (0, 1, 999, 1_000, 50_000, 788_000, 900_000, 3_725_000)  # ms after BASE
OFFSETS = (0, 330, -180)  # minutes
BELOW_MS = ("", "0", "9", "999999")

TYPES = (
    "session.started",
    "message.received",
    "message.sent",
    "intent.identified",
    "intent.unidentified",
    "task.completed",
    "task.failed",
    "flow.completed",
    "flow.failed",
    "session.deflected",
    "session.transferred",
    "queue.abandoned",
    "session.ended",
    "session.recorded",
)


def wire_time(ms_after_base: int, offset_minutes: int = 0, below_ms: str = "") -> str:
    """RFC 3339 with any offset and any number of digits below the millisecond."""
    moment = BASE + timedelta(milliseconds=ms_after_base)
    text = moment.astimezone(timezone(timedelta(minutes=offset_minutes))).isoformat(
        timespec="milliseconds"
    )
    return text[:23] + below_ms + text[23:]


TIMES = [wire_time(*parts) for parts in product(MOMENTS, OFFSETS, BELOW_MS)]
TIMES += [wire_time(moment).replace("+00:00", "Z") for moment in MOMENTS]

# Ids and texts whose order differs by code point, by UTF-16 unit, by number, by raw text and
# by JSON text: "é", "\uffff" and an emoji; "10" and "2"; what JSON escapes; a text and its prefix.
times = st.sampled_from(TIMES)
ids = st.sampled_from(["1", "2", "10", "e", "é", "\uffff", "\U0001f600"])
texts = st.sampled_from(["a", "a!", 'a"', "aB", "é", "\uffff", "\U0001f600", "\x7f\n"])
optional_texts = texts | st.sampled_from([None, ""])
handled_texts = st.sampled_from(["0s", "50s", "13m: 8s", "1h: 2m: 5s", "13m:8s"])

CONTACT = {
    "channel": optional_texts,
    "ANI": optional_texts,
    "DNI": optional_texts,
    "userId": optional_texts,
    "developer": st.sampled_from([None, False, False, False, True]),
}
records = st.fixed_dictionaries(
    {
        "intent": st.lists(texts, max_size=2),
        "startTime": times,
        "endTime": times,
        "status": st.sampled_from(["completed", "Dropoff"]),
        "timeHandled": handled_texts,
    },
    optional={
        "ANI": optional_texts,
        "DNI": optional_texts,
        "channel": optional_texts,
        "deflectedTo": optional_texts,
        "userId": optional_texts,
    },
)
REQUIRED = {
    "intent.identified": {"intent": texts},
    "session.deflected": {"to": texts},
    "session.recorded": {"record": records},
}
OPTIONAL = {
    "intent.identified": {"confidence": st.none() | st.sampled_from([0, 0.5, 1])},
    "task.completed": {"task": optional_texts, "reason": optional_texts},
    "task.failed": {"task": optional_texts, "reason": optional_texts},
    "flow.failed": {"reason": optional_texts},
    "session.transferred": {"to": optional_texts},
    "session.ended": {"reason": optional_texts},
}


def _events_of(event_type: str) -> st.SearchStrategy[dict]:
    required, optional = REQUIRED.get(event_type, {}), OPTIONAL.get(event_type, {})
    bare = st.fixed_dictionaries(required, optional=optional)
    with_contact = st.fixed_dictionaries(required, optional=optional | CONTACT)
    attributes = {
        "specversion": st.just("1.0"),
        "id": ids,
        "source": st.sampled_from(["urn:a", "urn:b"]),
        "type": st.just(event_type),
        "subject": st.just(SUBJECT),
        "time": times,
    }
    if required:
        return st.fixed_dictionaries(attributes | {"data": bare | with_contact})
    data = st.none() | bare | with_contact
    return st.fixed_dictionaries(attributes, optional={"data": data})


EVENTS = {event_type: _events_of(event_type) for event_type in TYPES}
any_event = st.sampled_from(TYPES).flatmap(EVENTS.__getitem__)


TURNING_POINTS = (
    "message.received",
    "flow.completed",
    "task.failed",
    "session.deflected",
    "session.transferred",
    "session.ended",
)
WITH_VALUE = (
    "message.sent",
    "intent.identified",
    "session.deflected",
    "session.transferred",
    "session.ended",
    "session.recorded",
)


@st.composite
def few_types(draw) -> list[dict]:
    """Many events of few types, so that the rules between two types are met often."""
    types = st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True)
    types |= st.lists(st.sampled_from(TURNING_POINTS), min_size=2, max_size=3, unique=True)
    events = st.one_of([EVENTS[each] for each in draw(types)])
    return draw(st.lists(events, min_size=1, max_size=6))


@st.composite
def turns(draw) -> list[dict]:
    """A few turning points one after the other, told in any order."""
    types = draw(st.lists(st.sampled_from(TURNING_POINTS), min_size=2, max_size=5))
    moments = sorted(draw(st.permutations(MOMENTS))[: len(types)])
    told = [
        {**draw(EVENTS[each]), "time": wire_time(moment)}
        for each, moment in zip(types, moments, strict=True)
    ]
    return draw(st.permutations(told))


@st.composite
def all_at_once(draw) -> list[dict]:
    """Events of one time and id, told apart by type and value alone."""
    moment, id_, event_type = draw(times), draw(ids), draw(st.sampled_from(WITH_VALUE))
    contact = st.fixed_dictionaries(dict.fromkeys(("channel", "ANI", "DNI", "userId"), texts))
    twins = draw(st.lists(EVENTS[event_type], min_size=2, max_size=3)) + draw(few_types())
    values = contact | texts.map(lambda text: {"reason": text}) | st.just({})
    return [
        {
            **event,
            "time": moment,
            "id": id_,
            "data": {**draw(values), **(event.get("data") or {})},
        }
        for event in twins
    ]


short_histories = (
    st.lists(any_event, min_size=1, max_size=8) | few_types() | turns() | all_at_once()
)


@st.composite
def many_intents(draw) -> list[dict]:
    """More distinct intents than a session keeps, some of them identified twice."""
    random = Random(draw(st.integers(0, 2**32)))  # drawing each event would be slow
    names = [f"intent {number}" for number in range(draw(st.integers(101, 130)))]
    return [
        {
            "specversion": "1.0",
            "id": random.choice(["1", "2", "10"]),
            "source": "urn:a",
            "type": "intent.identified",
            "subject": SUBJECT,
            "time": wire_time(random.randrange(40)),
            "data": {"intent": name},
        }
        for name in names + random.choices(names, k=20)
    ]


histories = short_histories | short_histories | short_histories | many_intents()


@st.composite
def idle_timeouts(draw) -> list[tuple[int, int]]:
    """A bot's idle timeouts as (in force since ms, seconds), some changed amid the events."""
    seconds = st.sampled_from([1, 60, 900, 14 * 86_400])
    changes = draw(
        st.lists(st.sampled_from(MOMENTS).map(lambda ms: BASE_MS + ms), max_size=3, unique=True)
    )
    since = sorted(changes) if changes and draw(st.booleans()) else [0, *sorted(changes)]
    return [(each, draw(seconds)) for each in since]
