"""What real sessions look like, as figures: shares, and quantiles of the time between events.

`python tools/learn_profile.py DIR` repeats every figure here.
"""

from collections.abc import Mapping
from random import Random
from typing import Literal, TypeAlias

from msgspec import Struct

Medium: TypeAlias = Literal["voice", "chat"]
Quantiles: TypeAlias = tuple[float, ...]
"""Values at 1, 10, 20, …, 90 and 99 %; a single value is constant, none was never seen."""


class Profile(Struct, frozen=True, kw_only=True):
    """The figures of one medium.

    Shares run from 0 to 1: `known` and `with_ani` of the sessions that carry a userId and an ANI,
    `outcomes` of sessions, `intents` of identified intents, `intents_per_session` of sessions with
    0, 1, 2, … intents, `tasks` of those intents whose task is completed, `task_failures` of failed
    tries per intent that has a task. `turns` are messages of the user, the bot answers each.

    Seconds: `opening` from the start to the first word of the user, `reply` and `pause` until bot
    and user speak, `handover` until the flow gives the contact up, `talk` and `patience` from the
    transfer until the agent closes or the user abandons, `leaving` until the user goes.
    """

    medium: Medium
    known: float
    with_ani: float
    outcomes: dict[str, float]
    intents: dict[str, float]
    intents_per_session: tuple[float, ...]
    tasks: dict[str, float]
    task_failures: float
    turns: Quantiles
    opening: Quantiles
    reply: Quantiles
    pause: Quantiles
    handover: Quantiles
    talk: Quantiles
    patience: Quantiles
    leaving: Quantiles


def pick(rng: Random, shares: Mapping[str, float]) -> str:
    """One of the names, as often as its share says."""
    return rng.choices(list(shares), list(shares.values()))[0]


def draw(rng: Random, quantiles: Quantiles) -> float:
    """A value between the least and the greatest, straight lines between the quantiles."""
    place = rng.random() * (len(quantiles) - 1)
    low = quantiles[int(place)]
    high = quantiles[min(int(place) + 1, len(quantiles) - 1)]
    return low + (high - low) * (place % 1)


# Source of ARRIVALS_BY_HOUR and VOICE: Technion SEE Laboratory, "Anonymous Bank" call-centre data,
# 1 to 7 August 1999, 11,715 calls; hours are local ones.
# fmt: off
ARRIVALS_BY_HOUR = (
    0.005, 0.0019, 0.0009, 0.0002, 0.0003, 0.0007, 0.0045, 0.0244, 0.0545, 0.0825, 0.0893, 0.0875,
    0.0766, 0.0711, 0.0698, 0.0714, 0.0657, 0.0558, 0.0525, 0.0363, 0.035, 0.0411, 0.0416, 0.0312,
)
# fmt: on
"""Shares of the day's sessions from 0 to 1, 1 to 2, … o'clock."""

VOICE = Profile(
    medium="voice",
    known=0.6052,
    with_ani=0.6052,
    outcomes={"answered": 0.6758, "abandoned": 0.2683, "left": 0.0559},
    intents={
        "Regular Activity": 0.6639,
        "New Customer Information": 0.1616,
        "Internet Consulting": 0.0749,
        "Stock Exchange Activity": 0.0722,
        "Return Call": 0.0221,
        "Regular Activity in English": 0.0053,
    },
    intents_per_session=(0.0085, 0.9915),
    tasks={},
    task_failures=0.0,
    turns=(0.0,),
    opening=(0.0, 2.5, 2.5, 3.0, 3.0, 3.0, 3.0, 4.5, 5.0, 5.5, 19.0),
    reply=(),
    pause=(),
    handover=(1.0, 2.5, 2.5, 3.0, 3.0, 3.0, 3.0, 4.5, 4.5, 5.0, 9.0),
    talk=(5.0, 61.0, 106.0, 150.0, 193.0, 240.0, 293.0, 363.0, 453.0, 602.0, 1509.0),
    patience=(2.0, 10.0, 15.0, 24.0, 42.0, 55.0, 68.0, 89.0, 135.0, 212.0, 469.0),
    leaving=(0.0, 0.0, 0.0, 0.5, 3.5, 7.0, 10.0, 12.5, 19.0, 49.5, 447.0),
)

# Source: Schema-Guided Dialogue data set, dev split, CC BY-SA 4.0, 2,098 dialogues; the times are
# synthetic: 150 words a minute.
CHAT = Profile(
    medium="chat",
    known=1.0,
    with_ani=0.0,
    outcomes={
        "left": 0.3599,
        "completed": 0.3303,
        "deflected": 0.1444,
        "answered": 0.0906,
        "abandoned": 0.0748,
    },
    intents={
        "SearchHotel": 0.0921,
        "GetWeather": 0.058,
        "FindMovies": 0.0545,
        "FindEvents": 0.0529,
        "SearchOnewayFlight": 0.0522,
        "GetCarsAvailable": 0.0491,
        "ReserveHotel": 0.044,
        "BuyEventTickets": 0.0432,
        "BuyBusTicket": 0.0421,
        "GetRide": 0.0419,
        "FindRestaurants": 0.0378,
        "CheckBalance": 0.0368,
        "FindAttractions": 0.0368,
        "ReserveRestaurant": 0.0351,
        "FindApartment": 0.0349,
        "ReserveCar": 0.0332,
        "FindBus": 0.032,
        "LookupSong": 0.0297,
        "PlaySong": 0.0297,
        "FindProvider": 0.0287,
        "BookAppointment": 0.0287,
        "ScheduleVisit": 0.0273,
        "TransferMoney": 0.0268,
        "SearchRoundtripFlights": 0.0192,
        "RentMovie": 0.019,
        "GetAlarms": 0.0072,
        "AddAlarm": 0.0072,
    },
    intents_per_session=(0.0, 0.1606, 0.2884, 0.4833, 0.0677),
    tasks={
        "AddAlarm": 0.9189,
        "BookAppointment": 0.7635,
        "BuyBusTicket": 1.0,
        "BuyEventTickets": 1.0,
        "GetRide": 1.0,
        "PlaySong": 1.0,
        "RentMovie": 0.9898,
        "ReserveCar": 1.0,
        "ReserveHotel": 0.9912,
        "ReserveRestaurant": 0.8232,
        "ScheduleVisit": 1.0,
        "TransferMoney": 1.0,
    },
    task_failures=0.1436,
    turns=(3.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 14.0, 17.0),
    opening=(2.2, 3.4, 3.8, 4.2, 4.2, 4.6, 5.4, 6.2, 7.0, 8.2, 13.0),
    reply=(1.8, 2.6, 3.0, 3.4, 3.8, 4.6, 5.4, 6.6, 7.8, 9.4, 14.6),
    pause=(1.4, 2.2, 2.6, 3.0, 3.0, 3.4, 4.2, 4.6, 5.4, 6.6, 10.6),
    handover=(0.0,),
    talk=(240.0,),
    patience=(240.0,),
    leaving=(2.0,),
)
