"""A request body as JSON values, one at a time and with care.

For bodies that are not valid throughout: here a flaw is found, told by its place, and kept from
costing memory, for a body of too many values is never built whole. What lies in ignored parts of
an event, be it odd, does no harm.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeAlias

from intentlive.core.errors import UnreadableBody

Json: TypeAlias = Any

_SPACE = re.compile(r"[ \t\r\n]*")
_LONGEST_INTEGER = 1000  # digits; Python refuses to read much longer ones


def single(text: str) -> Iterator[Json]:
    """The one object that the body is; UnreadableBody, as below."""
    value = _load(text, "the body")
    if not isinstance(value, dict):
        raise UnreadableBody("the body must be one event, a JSON object")
    yield value


def lines(text: str) -> Iterator[Json]:
    """The values of a body that holds one a line; empty lines are passed over."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not _SPACE.fullmatch(line):
            yield _load(line, f"line {number}")


def array(text: str) -> Iterator[Json]:
    """The values of a body that is one array."""
    place = _after_space(text, 0)
    if text[place : place + 1] != "[":
        raise UnreadableBody("the body must be an array of events")
    place = _after_space(text, place + 1)
    more = text[place : place + 1] != "]"
    while more:
        value, place = _readable("the body", _decoder.raw_decode, text, place)
        yield value
        place = _after_space(text, place)
        more = text[place : place + 1] == ","
        if more:
            place = _after_space(text, place + 1)
    if text[place : place + 1] != "]" or not _SPACE.fullmatch(text, place + 1):
        raise UnreadableBody(f"the body is not JSON: the array is broken at character {place + 1}")


def _load(text: str, what: str) -> Json:
    return _readable(what, _decoder.decode, text)


def _readable(what: str, read: Callable[..., Json], *arguments: object) -> Json:
    try:
        return read(*arguments)
    except RecursionError:
        raise UnreadableBody(f"{what} is nested too deeply") from None
    except json.JSONDecodeError as error:
        where = f"{error.msg.removesuffix(' at')} at character {error.pos + 1}"
        raise UnreadableBody(f"{what} is not JSON: {where}") from None
    except ValueError as error:
        raise UnreadableBody(f"{what} is not JSON: {error}") from None


def _readable_names(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    # A name with a lone surrogate is none of ours, and converters cannot pass over it.
    return {name: value for name, value in pairs if is_encodable(name)}


def _integer(digits: str) -> float:
    return int(digits) if len(digits) < _LONGEST_INTEGER else float(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


_decoder = json.JSONDecoder(
    object_pairs_hook=_readable_names, parse_constant=_refuse_constant, parse_int=_integer
)


def _after_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place


def is_encodable(text: str) -> bool:
    """Whether a text can be UTF-8: JSON can spell lone surrogates, which cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
