"""What is shown of callers' numbers and ids, and who is meant by them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentlive.core.personal import VERBATIM, Disguise, Person, masked, pseudonym
from intentlive.core.session import ERASED, State
from tests.wire import FINISHED, event, state_of

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
repeatable = settings(derandomize=True, database=None, deadline=None)
texts = st.text(min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("+12655550865", "+1265***865"),
        ("+1 (265) 555-0865", "+1 (2***865"),
        ("0030 265 550 865", "0030 ***865"),
        ("username@domain.com", "u***@domain.com"),
        ("@ada_lovelace", "@a***ce"),
        ("bot@+12025550123", "bo***23"),
        ("me@localhost", "me***st"),
        ("a@b@domain.com", "a***@domain.com"),
        ("u-6b184e56-ebe3-5acb-af3c-1e6bcb25c0de", "u-***de"),
        ("anonymous", "an***us"),
        ("12345678901", "12***01"),
        ("12345678", "12***78"),
        ("1234567", "***"),
        ("Jo", "***"),
        ("", "***"),
    ],
)
def test_masks(value, shown):
    assert masked(value) == shown


@repeatable
@given(texts)
def test_a_mask_hides_part_of_everything_and_is_always_the_same(value):
    shown = masked(value)
    before, hidden, after = shown.partition("***")
    assert hidden
    assert masked(value) == shown
    kept = len(before) + len(after.rpartition("@")[0] or ("" if "@" in after else after))
    assert kept <= 8
    assert len(value) >= 8 or "@" in value or shown == "***"


@repeatable
@given(texts, texts)
def test_a_pseudonym_is_stable_under_its_key_and_another_under_any_other(value, other):
    name = pseudonym(value, KEY)
    assert re.fullmatch(r"p-[0-9a-f]{24}", name)
    assert name == pseudonym(value, KEY) != pseudonym(value, OTHER_KEY)
    assert (pseudonym(other, KEY) == name) == (other == value)


@pytest.mark.parametrize("mode", ["verbatim", "masked", "pseudonym"])
def test_what_is_absent_stays_absent(mode):
    assert Disguise(mode, KEY).of(None) is None


def test_each_mode_shows_what_it_says():
    value = "+12655550865"
    assert VERBATIM.of(value) == Disguise("verbatim", KEY).of(value) == value
    assert Disguise("masked", KEY).of(value) == masked(value)
    assert Disguise("pseudonym", KEY).of(value) == pseudonym(value, KEY)
    assert Disguise("pseudonym", OTHER_KEY).of(value) == pseudonym(value, OTHER_KEY)


def test_the_key_is_not_shown_by_accident():
    assert repr(Disguise("pseudonym", KEY)) == "Disguise('pseudonym')"


SEEN = state_of(event("session.started", ANI="+1", DNI="me@x", userId="u-1"))
RECORDED = state_of(event("session.recorded", record=FINISHED))


@pytest.mark.parametrize(
    "person",
    [Person("u-1"), Person(ani="+1"), Person(dni="me@x"), Person("u-2", "+1"), Person("u-1", "+2")],
)
def test_one_value_that_fits_is_enough(person):
    assert person.is_in(SEEN)


@pytest.mark.parametrize(
    "person",
    [
        Person(),
        Person("u-2", "+2", "you@x"),
        Person("+1", "me@x", "u-1"),
        Person("u-"),
        Person("U-1"),
        Person(""),
    ],
)
def test_other_people_and_other_places_do_not_fit(person):
    assert not person.is_in(SEEN)


def test_a_record_made_elsewhere_is_looked_into():
    for person in (
        Person(FINISHED["userId"]),
        Person(ani=FINISHED["ANI"]),
        Person(dni=FINISHED["DNI"]),
    ):
        assert person.is_in(RECORDED)
    assert not Person("u-1").is_in(RECORDED)
    assert not Person(FINISHED["ANI"]).is_in(RECORDED)


def test_a_record_does_not_hide_what_events_said():
    both = state_of(
        event("session.started", ANI="+1", userId="u-1"),
        event("session.recorded", record=FINISHED),
    )
    assert Person("u-1").is_in(both)
    assert Person(FINISHED["userId"]).is_in(both)


def test_nobody_is_in_what_was_erased_or_holds_nothing():
    for person in (Person(), Person("u-1"), Person("", "", "")):
        assert not person.is_in(ERASED)
        assert not person.is_in(State())
