"""The clocks of a process; everything below takes them as arguments."""

import time


def wall_clock() -> int:
    """Ms since 1970."""
    return time.time_ns() // 1_000_000


def monotonic_clock() -> int:
    """Ms of a clock that never goes back."""
    return time.monotonic_ns() // 1_000_000
