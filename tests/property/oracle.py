"""A brute-force reading of one session: all of its events at once, rule by rule.

It knows nothing of states and joins: every value is a min() or a max() over the whole list of
events in wire form (plain dicts), so that what it says can be checked by eye.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NO_ACTIVITY = ("session.ended", "session.recorded")
POSITIVE = ("task.completed", "flow.completed", "session.deflected", "session.transferred")
NEGATIVE = ("task.failed", "flow.failed", "intent.unidentified", "queue.abandoned")


@dataclass(frozen=True)
class Reading:
    """What one session shows; `record` is None where there is nothing to show."""

    record: dict | None
    end_time: int | None
    listed: bool
    silent: bool


def read(events: list[dict], idle_timeouts: list[tuple[int, int]], erased: bool = False) -> Reading:
    """Read all events of one session; `idle_timeouts` as (in force since ms, seconds)."""
    if erased or not events:
        return Reading(record=None, end_time=None, listed=not erased, silent=True)
    started = min(time(e) for e in events)
    last_activity = latest_time(e for e in events if e["type"] not in NO_ACTIVITY)
    last_user = latest_time(
        e for e in events if e["type"].startswith(("message.received", "intent."))
    )
    last_flow = latest_time(
        e for e in events if e["type"].startswith(("intent.", "task.", "flow."))
    )
    last_end = latest_time(e for e in events if e["type"] == "session.ended")
    left_flow = latest_time(
        e for e in events if e["type"] in ("session.deflected", "session.transferred")
    )
    outcome = last([(e, None) for e in events if e["type"] in POSITIVE + NEGATIVE])
    recorded = last([(e, as_read(e)) for e in events if e["type"] == "session.recorded"])
    deflected = last([(e, field(e, "to")) for e in events if e["type"] == "session.deflected"])

    handed_over = left_flow is not None and (last_flow is None or left_flow >= last_flow)
    ran_to_its_end = (
        outcome is not None
        and outcome[0]["type"] == "flow.completed"
        and (last_user is None or time(outcome[0]) >= last_user)
    )
    if last_end is not None:
        end = max([last_end] if last_activity is None else [last_end, last_activity])
    elif last_activity is None:
        end = None
    elif handed_over or ran_to_its_end:
        end = last_activity
    else:
        end = last_activity + 1000 * timeout_in_force(last_activity, idle_timeouts)

    if last_activity is None:
        handled = 0
    else:
        handled = (left_flow if handed_over else last_activity) - started

    if recorded is not None:
        record = recorded[1]
        end = milliseconds(record["endTime"])
    else:
        record = {
            "intent": first_intents(events),
            "ANI": earliest_carried(events, "ANI"),
            "DNI": earliest_carried(events, "DNI"),
            "channel": earliest_carried(events, "channel"),
            "startTime": instant(started),
            "endTime": instant(end),
            "status": "completed" if outcome and outcome[0]["type"] in POSITIVE else "Dropoff",
            "timeHandled": duration(handled),
            "deflectedTo": None if deflected is None else deflected[1],
            "userId": latest_carried(events, "userId"),
        }
    return Reading(
        record={**record, "sessionId": events[0]["subject"]},
        end_time=end,
        listed=not any(field(e, "developer") for e in events),
        silent=last_user is None and outcome is None and recorded is None,
    )


def key(event: dict, value: object) -> tuple[int, str, str, str]:
    """The total order of events; Python compares texts by code point."""
    return time(event), event["id"], event["type"], canonical_json(value)


def canonical_json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def first(candidates: list[tuple[dict, object]]) -> tuple[dict, object] | None:
    return min(candidates, key=lambda candidate: key(*candidate), default=None)


def last(candidates: list[tuple[dict, object]]) -> tuple[dict, object] | None:
    return max(candidates, key=lambda candidate: key(*candidate), default=None)


def field(event: dict, name: str) -> object:
    """What the event's data says under `name`; null and "" mean that it says nothing."""
    return (event.get("data") or {}).get(name) or None


def carriers(events: list[dict], name: str) -> list[tuple[dict, object]]:
    return [(e, field(e, name)) for e in events if field(e, name) is not None]


def earliest_carried(events: list[dict], name: str) -> object:
    carried = first(carriers(events, name))
    return None if carried is None else carried[1]


def latest_carried(events: list[dict], name: str) -> object:
    carried = last(carriers(events, name))
    return None if carried is None else carried[1]


def first_intents(events: list[dict]) -> list[str]:
    """Distinct intents, first identified first, at most 100."""
    identified = [(e, e["data"]["intent"]) for e in events if e["type"] == "intent.identified"]
    in_order = [intent for _, intent in sorted(identified, key=lambda each: key(*each))]
    return list(dict.fromkeys(in_order))[:100]


def as_read(event: dict) -> dict:
    """The ten keys of a record made elsewhere: times as we print them, "" as null."""
    given = event["data"]["record"]
    texts = {name: given.get(name) or None for name in ("ANI", "DNI", "channel")}
    return {
        "intent": given["intent"],
        **texts,
        "startTime": instant(milliseconds(given["startTime"])),
        "endTime": instant(milliseconds(given["endTime"])),
        "status": given["status"],
        "timeHandled": given["timeHandled"],
        "deflectedTo": given.get("deflectedTo") or None,
        "userId": given.get("userId") or None,
    }


def timeout_in_force(at: int, idle_timeouts: list[tuple[int, int]]) -> int:
    """Seconds; before the first change there was no other, so the first counts."""
    by_then = [change for change in idle_timeouts if change[0] <= at]
    return max(by_then)[1] if by_then else min(idle_timeouts)[1]


def latest_time(events) -> int | None:
    return max((time(e) for e in events), default=None)


def time(event: dict) -> int:
    return milliseconds(event["time"])


@cache
def milliseconds(text: str) -> int:
    """Since 1970, floored."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


def instant(ms: int) -> str:
    moment = EPOCH + timedelta(milliseconds=ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}+00:00"


def duration(ms: int) -> str:
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h: {minutes}m: {seconds}s"
    return f"{minutes}m: {seconds}s" if minutes else f"{seconds}s"
