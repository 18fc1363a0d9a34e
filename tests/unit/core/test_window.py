"""The arithmetic of a sliding minute, beside one that adds up everything anew."""

from hypothesis import given, settings
from hypothesis import strategies as st

from intentlive.core.window import Taken, Window

START = 1_641_470_400_000
MINUTE = 60_000
SLOT = 500

calls = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 300), st.integers(0, 40_000)),
        st.integers(0, 12),
        st.integers(0, 9),
    ),
    max_size=80,
)


def counted_since(counted, moment):
    return sum(count for time, count in counted if time > moment)


def still_there(counted, now):
    """All that was counted in a slot leaves with the last of it."""
    last = {time // SLOT: time for time, _ in counted}
    return sum(count for time, count in counted if last[time // SLOT] > now - MINUTE)


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(calls, st.integers(1, 30))
def test_it_counts_as_one_who_adds_up_everything(calls, limit):
    window, now, counted = Window(), START, []
    for pause, count, spare in calls:
        now += pause
        room = limit - still_there(counted, now)
        taken = window.take(now, limit, count, spare)
        assert taken.count == (min(count + spare, room) if count <= room else 0)
        assert taken.room == room - taken.count
        if taken.count:
            counted.append((now, taken.count))


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(calls, st.integers(1, 30))
def test_no_minute_holds_more_than_the_limit_and_who_is_refused_is_refused_for_a_reason(
    calls, limit
):
    window, now, counted = Window(), START, []
    for pause, count, _ in calls:
        now += pause
        taken = window.take(now, limit, count).count
        if taken == count:
            counted.append((now, count))
        else:
            assert counted_since(counted, now - MINUTE - SLOT) + count > limit
        assert counted_since(counted, now - MINUTE) <= limit


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(calls, st.integers(1, 30))
def test_what_it_says_of_its_room_is_true_up_to_the_moment_that_it_says(calls, limit):
    window, now = Window(), START
    for pause, count, spare in calls:
        now += pause
        taken = window.take(now, limit, count, spare)
        assert now < taken.until <= now + MINUTE
        before, then = (
            Window(window.entries).take(time, limit, 0).room
            for time in (taken.until - 1, taken.until)
        )
        assert before == taken.room
        assert then > taken.room or not window.entries


def test_it_is_made_again_of_its_entries():
    window = Window()
    for second in range(100):
        window.take(START + second * 700, 1_000, 3)
    again = Window(window.entries)
    now = START + 70_000
    assert again.take(now, 1_000, 5, 7) == window.take(now, 1_000, 5, 7)
    assert again.entries == window.entries


def test_a_minute_of_whatever_traffic_is_few_entries():
    window = Window()
    for ms in range(0, 3 * MINUTE, 10):
        window.take(START + ms, 1_000_000, 1)
    assert len(window.entries) == MINUTE // SLOT
    assert window.take(START + 3 * MINUTE, 1_000_000, 0).room == 1_000_000 - MINUTE // 10


def test_a_clock_that_is_a_little_behind_neither_forgets_nor_disturbs_the_order():
    window = Window()
    assert window.take(START + 900, 3, 1).count == 1
    assert window.take(START, 3, 1).count == 1
    assert window.take(START + 1_000, 3, 1).count == 1
    assert window.take(START - 100, 3, 1) == Taken(0, 0, START + 900 + MINUTE)
    assert [time for time, _ in window.entries] == [START + 900, START + 1_000]


def test_what_was_counted_before_the_clock_was_set_back_does_not_stay():
    window = Window()
    assert window.take(START + 3_600_000, 2, 2).count == 2
    assert window.take(START, 2, 2) == Taken(2, 0, START + MINUTE)


def test_a_lowered_limit_leaves_no_room():
    window = Window()
    window.take(START, 10, 8)
    assert window.take(START, 5, 1, 3) == Taken(0, 0, START + MINUTE)
    assert window.take(START, 9, 1, 3) == Taken(1, 0, START + MINUTE)
