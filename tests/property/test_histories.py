"""The strategies visit every rule: else the laws would hold for want of examples."""

from collections import Counter
from functools import cached_property
from itertools import combinations

from hypothesis import HealthCheck, Phase, given, settings

from .histories import BASE_MS, TYPES, histories, idle_timeouts
from .oracle import NEGATIVE, POSITIVE, as_read, field, time

drawn_only = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],  # it goes by the clock
    max_examples=2_000,
)
NEVER = -1
FLOW = [each for each in TYPES if each.startswith(("intent.", "task.", "flow."))]
QUIET = ("session.ended", "session.recorded")
CONTACT_TEXTS = ("channel", "ANI", "DNI", "userId")


class Seen:
    """One history, and when what happened in it."""

    def __init__(self, history, timeouts):
        self.history, self.timeouts = history, timeouts
        self.types = {each["type"] for each in history}
        self.ended = self.last("session.ended")
        self.active = self.last(*(each for each in TYPES if each not in QUIET))
        self.user = self.last("message.received", "intent.identified", "intent.unidentified")
        self.flow = self.last(*FLOW)
        self.completed = self.last("flow.completed")
        self.outcome = self.last(*POSITIVE, *NEGATIVE)
        self.deflected = self.last("session.deflected")
        self.transferred = self.last("session.transferred")
        self.handed_over = max(self.deflected, self.transferred)
        self.intents = self.values("intent")

    def last(self, *types):
        return max((time(each) for each in self.history if each["type"] in types), default=NEVER)

    def values(self, name):
        return [field(each, name) for each in self.history if field(each, name) is not None]

    @cached_property
    def pairs(self):
        return list(combinations(self.history[:8], 2))

    @cached_property
    def tied(self):
        return [(a, b) for a, b in self.pairs if time(a) == time(b) and a["id"] == b["id"]]

    def by_value_alone(self, name, value=field):
        """Two events of one time, id and type carry different values."""
        carried = [each for each in self.tied if field(each[0], name) and field(each[1], name)]
        return any(a["type"] == b["type"] and value(a, name) != value(b, name) for a, b in carried)

    def left_idle(self):
        return self.active > max(self.ended, self.outcome, self.handed_over, NEVER)

    def in_data(self, name, value):
        return any((each.get("data") or {}).get(name, "no") == value for each in self.history)


def good_and_bad(a, b):
    return {a["type"], b["type"]} & {*POSITIVE} and {a["type"], b["type"]} & {*NEGATIVE}


SITUATIONS = {
    # ties
    "one id, two types": lambda s: any(
        a["id"] == b["id"] and a["type"] != b["type"] for a, b in s.pairs
    ),
    "one id and type, two contents": lambda s: any(
        a["id"] == b["id"] and a["type"] == b["type"] and a.get("data") != b.get("data")
        for a, b in s.pairs
    ),
    "good and bad outcome at one time": lambda s: any(
        time(a) == time(b) and a["id"] != b["id"] and good_and_bad(a, b) for a, b in s.pairs
    ),
    "good and bad outcome of one time and id": lambda s: any(
        good_and_bad(*each) for each in s.tied
    ),
    "record by its value alone": lambda s: s.by_value_alone("record", lambda e, _: as_read(e)),
    **{
        f"{name} by its value alone": lambda s, name=name: s.by_value_alone(name)
        for name in (*CONTACT_TEXTS, "to", "intent", "reason")
    },
    # intents
    "an intent identified twice": lambda s: len(set(s.intents)) < len(s.intents),
    "more intents than are kept": lambda s: len(set(s.intents)) > 100,
    # hand-over
    "deflected, then transferred": lambda s: NEVER < s.deflected < s.transferred,
    "transferred, then deflected": lambda s: NEVER < s.transferred < s.deflected,
    "handed over after the flow acted": lambda s: s.handed_over > s.flow > NEVER,
    "handed over as the flow acted": lambda s: s.handed_over == s.flow > NEVER,
    "handed over, no flow": lambda s: s.handed_over > s.flow == NEVER,
    "returned to the flow": lambda s: s.flow > s.handed_over > NEVER,
    "talk after the hand-over": lambda s: s.user > s.handed_over >= max(s.flow, 0),
    # ends
    "only session.ended": lambda s: s.types == {"session.ended"},
    "only session.recorded": lambda s: s.types == {"session.recorded"},
    "recorded over other events": lambda s: "session.recorded" in s.types and len(s.types) > 2,
    "ended after the last activity": lambda s: s.ended > s.active > NEVER,
    "activity after the end": lambda s: s.active > s.ended > NEVER,
    "flow completed, user later": lambda s: s.user > s.completed == s.outcome > NEVER,
    "flow completed, user silent since": lambda s: s.completed == s.outcome > s.user,
    "flow completed as the user spoke": lambda s: s.completed == s.outcome == s.user > NEVER,
    "silent": lambda s: s.user == s.outcome == NEVER and "session.recorded" not in s.types,
    # idle timeouts
    "idle before the first timeout was set": lambda s: (
        s.left_idle() and s.timeouts[0][0] > s.active
    ),
    "timeout changed amid the events": lambda s: (
        s.left_idle() and any(BASE_MS < since < s.active for since, _ in s.timeouts)
    ),
    "timeout changed after the events": lambda s: (
        s.left_idle() and any(since > s.active for since, _ in s.timeouts[1:])
    ),
    "timeout changed at the last event": lambda s: (
        s.left_idle() and any(since == s.active for since, _ in s.timeouts[1:])
    ),
    # forms
    "developer told late": lambda s: (
        "developer" not in (s.history[0].get("data") or {}) and any(s.values("developer"))
    ),
    "no data": lambda s: any("data" not in each for each in s.history),
    "data is null": lambda s: any(each.get("data", "") is None for each in s.history),
    **{f"{name} is null": lambda s, name=name: s.in_data(name, None) for name in CONTACT_TEXTS},
    **{f"{name} is empty": lambda s, name=name: s.in_data(name, "") for name in CONTACT_TEXTS},
    **{f"{name} is a text": lambda s, name=name: any(s.values(name)) for name in CONTACT_TEXTS},
    "time with Z": lambda s: any(each["time"].endswith("Z") for each in s.history),
    "time with an offset": lambda s: any(each["time"].endswith("+05:30") for each in s.history),
    "time below the millisecond": lambda s: any(len(each["time"]) > 29 for each in s.history),
    **{f"has {each}": lambda s, each=each: each in s.types for each in TYPES},
}


def test_every_situation_is_drawn():
    met = Counter()

    @drawn_only
    @given(histories, idle_timeouts())
    def draw(history, timeouts):
        seen = Seen(history, timeouts)
        met.update(name for name, is_so in SITUATIONS.items() if is_so(seen))

    draw()
    assert [name for name in SITUATIONS if not met[name]] == []
