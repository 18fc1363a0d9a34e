"""Any mix of good and bad events: a bad one changes nothing for its neighbours."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intentlive.core.errors import UnreadableBody
from intentlive.core.events import EVENT_TYPES
from intentlive.core.times import format_instant
from intentlive.ingest.cloudevents import BATCH, NDJSON, SINGLE

from .wire import (
    GOOD,
    NOON_MS,
    body_of,
    identified,
    parse,
    parse_raw,
    recorded,
    without,
)

examples = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # it goes by the clock
)

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)
filled = texts.filter(bool)
contacts = st.fixed_dictionaries(
    {},
    optional={
        "channel": st.none() | texts,
        "ANI": st.none() | texts,
        "DNI": st.none() | texts,
        "userId": st.none() | texts,
        "developer": st.none() | st.booleans(),
        "unknown": st.none() | st.integers() | st.lists(texts, max_size=2),
    },
)
special = {
    "intent.identified": st.fixed_dictionaries(
        {"intent": filled}, optional={"confidence": st.floats(0, 1)}
    ),
    "session.deflected": st.fixed_dictionaries({"to": filled}),
    "session.transferred": st.fixed_dictionaries({"to": st.none() | texts}),
    "session.recorded": st.just({"record": recorded()["data"]["record"]}),
}


@st.composite
def good_events(draw):
    event_type = draw(st.sampled_from(EVENT_TYPES))
    data = draw(contacts) | draw(special.get(event_type, st.just({})))
    return {
        "specversion": "1.0",
        "id": draw(filled),
        "source": draw(filled),
        "type": event_type,
        "subject": draw(st.from_regex(r"\A[!-~]{1,9}\Z")),
        "time": format_instant(draw(st.integers(0, NOON_MS + 300_000))),
        "data": data,
        "extension": draw(st.none() | texts),
    }


bad_events = st.one_of(
    st.builds(without, good_events(), st.sampled_from(sorted(GOOD))),
    st.builds(lambda event: event | {"time": "2022-01-06T12:05:00.001Z"}, good_events()),
    st.builds(lambda event, id_: event | {"id": id_ + "\0"}, good_events(), texts),
    st.builds(lambda event: event | {"subject": "not visible"}, good_events()),
    st.builds(lambda event: event | {"data": {"ANI": 1}}, good_events()),
    st.sampled_from([identified(confidence=2), recorded(status="open"), 5, None, "x", []]),
)
mixes = st.lists(st.tuples(st.booleans(), good_events(), bad_events), max_size=6).map(
    lambda drawn: [(is_good, good if is_good else bad) for is_good, good, bad in drawn]
)


@examples
@given(st.sampled_from([BATCH, NDJSON]), mixes)
def test_exactly_the_good_events_are_taken_and_the_others_named(media_type, mix):
    parsed = parse(*(event for _, event in mix), media_type=media_type)
    good = [event for is_good, event in mix if is_good]
    alone = [parse(event).events[0] for event in good]
    assert list(parsed.events) == alone
    assert [(each.id, str(each.__struct_config__.tag)) for each in parsed.events] == [
        (event["id"], event["type"]) for event in good
    ]
    bad = [(index, event) for index, (is_good, event) in enumerate(mix) if not is_good]
    assert [each.index for each in parsed.rejected] == [index for index, _ in bad]
    for (_, event), rejection in zip(bad, parsed.rejected, strict=True):
        id_ = event.get("id") if isinstance(event, dict) else None
        assert rejection.id == id_
        (flaw,) = rejection.errors
        assert flaw.msg
        assert flaw.code in (412, 425)


@examples
@given(mixes)
def test_an_event_has_the_same_fate_alone_and_among_others(mix):
    together = parse(*(event for _, event in mix))
    alone = [parse(event) for _, event in mix]
    assert list(together.events) == [event for each in alone for event in each.events]
    assert together.reasons == sum((Counter(each.reasons) for each in alone), Counter())
    assert [each.errors for each in together.rejected] == [
        rejection.errors for each in alone for rejection in each.rejected
    ]


@examples
@given(st.lists(good_events(), max_size=5))
def test_the_fast_way_and_the_careful_way_agree(events):
    """A bad event in a body makes it be read carefully, one event at a time."""
    fast = parse(*events)
    careful = parse(*events, None)
    assert list(fast.events) == list(careful.events)
    assert (fast.rejected, len(careful.rejected)) == ([], 1)


@examples
@given(mixes.filter(bool), st.data())
def test_a_truncated_body_is_never_taken_in_part(mix, data):
    body = body_of(BATCH, [event for _, event in mix])
    end = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(UnreadableBody):
        parse_raw(BATCH, body[:end])


LINE = body_of(SINGLE, [GOOD])
LATIN = LINE[:-1] + b',"x":"\xe9"}'
DIGITS = LINE[:-1] + b',"x":' + b"9" * 5_000 + b"}"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(LINE + LINE, id="two on one line"),
        pytest.param(LINE.replace(b",", b",\n"), id="one on many lines"),
        pytest.param(LINE + b"\r" + LINE, id="a carriage return is no end of a line"),
        pytest.param(LATIN, id="not UTF-8"),
        pytest.param(DIGITS, id="a number that nobody can read"),
    ],
)
def test_whether_a_body_is_readable_does_not_depend_on_a_bad_event(body):
    def readable(whole):
        try:
            return len(parse_raw(NDJSON, whole).events)
        except UnreadableBody:
            return None

    assert readable(body) == readable(body + b"\n{}")
