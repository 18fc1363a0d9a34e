"""Other bytes of the same kind, where no engine makes them."""

from random import Random

_CONTROLS = b"\0 \n \r\n \x0b \x0c \x1b[ \x85 \xff \xb2 \xef\xbb\xbf".split(b" ")
_LETTERS = [each.encode() for each in "\u0131\u017f\u212a\xb2\xa0\u2028\u202e"]
_SYNTAX = rb"\u0000 \u001b \ud800 \" { } [ ] , : // %2f %00 % .. =".split()
_VALUES = b"-1 1e999 18446744073709551616 null NaN true".split()
ODD = (*_CONTROLS, *_LETTERS, *_SYNTAX, *_VALUES, b" ", b"0" * 50)
"""Bytes that have hurt someone before."""


def mutated(data: bytes, random: Random) -> bytes:
    """A few small changes."""
    for _ in range(random.choice((1, 1, 2, 4))):
        start = random.randint(0, len(data))
        stop = min(len(data), start + random.choice((0, 1, 2, 8, 32)))
        middle = data[start:stop]
        change = random.randrange(5)
        if change == 0:
            middle = b""
        elif change == 1:
            middle += random.choice(ODD)
        elif change == 2:
            middle = random.choice(ODD)
        elif change == 3:
            middle *= random.choice((2, 3, 50))
        else:
            middle = bytes(each ^ (1 << random.randrange(8)) for each in middle)
        data = data[:start] + middle + data[stop:]
    return data
