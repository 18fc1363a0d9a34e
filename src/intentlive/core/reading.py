"""What a state means: when the session ended, how, and how long its flow handled it.

Pure functions of a state and the bot's rules; only "is it finished" needs the time of day, and
is `end_time(...) <= now`.
"""

from msgspec import Struct

from intentlive.core.session import FLOW_COMPLETED, POSITIVE_KINDS, State

COMPLETED = "completed"
DROPOFF = "Dropoff"
DEFAULT_IDLE_TIMEOUT = 15 * 60
"""Seconds; published by the platform whose interface this is."""


class BotRules(Struct, frozen=True):
    """The settings of a bot that decide how its sessions read.

    `idle_timeouts` holds every idle timeout that was ever set, as (in force since ms, seconds),
    oldest first, so that a change does not move the sessions before it.
    """

    idle_timeouts: tuple[tuple[int, int], ...] = ((0, DEFAULT_IDLE_TIMEOUT),)
    skip_silent: bool = False

    def idle_timeout_at(self, time: int) -> int:
        """The idle timeout in ms that was in force at `time` (ms)."""
        in_force = self.idle_timeouts[0][1]
        for since, seconds in self.idle_timeouts:
            if since <= time:
                in_force = seconds
        return in_force * 1000


def handed_over_at(state: State) -> int | None:
    """When the contact left the flow (ms), or None while the flow has it (again)."""
    deflected, transferred = state.deflected, state.transferred
    if deflected is None and transferred is None:
        return None
    handed_over = max(mark.time for mark in (deflected, transferred) if mark is not None)
    return handed_over if state.last_flow is None or handed_over >= state.last_flow else None


def end_time(state: State, rules: BotRules) -> int | None:
    """When the session ended or will count as ended (ms); None if nothing is known of it."""
    if state.recorded is not None:
        return state.recorded.value.end_time
    last = state.last_activity
    if state.ended is not None:
        return state.ended.time if last is None else max(state.ended.time, last)
    if last is None:
        return None
    if handed_over_at(state) is not None or _ran_to_its_end(state):
        return last
    return last + rules.idle_timeout_at(last)


def status(state: State) -> str:
    """`completed` or `Dropoff`: whether the latest outcome is a good one."""
    if state.outcome is not None and state.outcome.kind in POSITIVE_KINDS:
        return COMPLETED
    return DROPOFF


def time_handled(state: State) -> int:
    """How long the flow handled the contact, in ms."""
    if state.started is None or state.last_activity is None:
        return 0
    handed_over = handed_over_at(state)
    return (state.last_activity if handed_over is None else handed_over) - state.started


def last_heard(state: State) -> int:
    """The latest time of any event (ms); 0 if nothing is known of the session."""
    marks = [mark.time for mark in (state.ended, state.recorded) if mark is not None]
    return max([state.last_activity or 0, *marks])


def is_silent(state: State) -> bool:
    """Whether the user did nothing and nothing came of it."""
    return state.last_user is None and state.outcome is None and state.recorded is None


def is_listed(state: State) -> bool:
    """Whether the session may appear in lists at all: not erased, not a developer's try."""
    return not (state.erased or state.developer)


def _ran_to_its_end(state: State) -> bool:
    outcome = state.outcome
    return (
        outcome is not None
        and outcome.kind == FLOW_COMPLETED
        and (state.last_user is None or outcome.time >= state.last_user)
    )
