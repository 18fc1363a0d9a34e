"""What no data set tells and the simulation makes up: who calls by which channel, and rarities.

Numbers and addresses belong to nobody: 555-0100 to 555-0199 of every area code and example.com
are set aside for such use. The same address is always the same user.
"""

from random import Random
from typing import Any

from intentlive.core.ids import user_id
from intentlive.simulation.profile import Medium, Profile, pick

CHANNELS: dict[Medium, dict[str, float]] = {
    "voice": {"ivrVoice": 0.5, "audiocodes": 0.25, "twiliovoice": 0.15, "korevg": 0.1},
    "chat": {"rtm": 0.6, "whatsapp": 0.2, "msteams": 0.15, "sms": 0.05},
}
DEFLECTION_CHANNELS = {"whatsapp": 0.6, "sms": 0.25, "rtm": 0.15}
QUEUES = {"General": 0.5, "Accounts": 0.3, "Bookings": 0.15, "Complaints": 0.05}
LEAVING_REASON: dict[Medium, str] = {"voice": "userHangup", "chat": "userClosed"}

MISUNDERSTOOD_SHARE = 0.04
"""Of the user's messages that carry no intent."""
DEVELOPER_SHARE = 0.02
"""Of sessions."""
INVENTED_OUTCOMES: dict[Medium, dict[str, float]] = {
    "voice": {"completed": 0.08, "deflected": 0.05, "silent": 0.03, "failed": 0.01},
    "chat": {"idle": 0.05, "silent": 0.03, "failed": 0.01},
}
"""Shares of sessions; the measured outcomes share the rest."""

_AREA_CODES = (205, 212, 303, 312, 404, 415, 503, 512, 602, 617, 702, 713, 801)
_HOTLINES = tuple(f"+1202555010{line}" for line in range(10))
_MAIL_USERS = 5000


def outcome_shares(profile: Profile) -> dict[str, float]:
    """The shares of all outcomes of simulated sessions, measured and invented."""
    invented = INVENTED_OUTCOMES[profile.medium]
    rest = 1 - sum(invented.values())
    return {name: share * rest for name, share in profile.outcomes.items()} | invented


def contact(rng: Random, profile: Profile) -> dict[str, Any]:
    """The contact fields of a new session, as its `session.started` carries them."""
    if profile.medium == "voice":
        address = f"+1{rng.choice(_AREA_CODES)}5550{rng.randrange(100, 200)}"
        dialled = rng.choice(_HOTLINES)
    else:
        address = dialled = f"user{rng.randrange(_MAIL_USERS)}@example.com"
    fields: dict[str, Any] = {
        "channel": pick(rng, CHANNELS[profile.medium]),
        "DNI": dialled,
    }
    # One draw for both: in the data, who shows a number is known by it.
    shown = rng.random()
    if shown < profile.with_ani:
        fields["ANI"] = address
    if shown < profile.known:
        fields["userId"] = user_id(address.encode())
    if rng.random() < DEVELOPER_SHARE:
        fields["developer"] = True
    return fields


def deflection_channel(rng: Random, channel: str) -> str:
    """Where a contact on `channel` is deflected to: another one."""
    return pick(rng, {to: share for to, share in DEFLECTION_CHANNELS.items() if to != channel})
