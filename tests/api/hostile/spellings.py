"""Tokens that two readers could take for two things: parts, base64url, JSON, and size."""

from base64 import b64encode

from tests.unit.auth.signing import part

from .making import (
    BAD,
    HS256,
    NO_JWT,
    RS256,
    Hostile,
    forged,
    honest,
    mac,
    resigned,
    respelled,
    with_part,
    with_spare_bits,
)

COMPACT = "RFC 7519, 7.2: a token is parts that periods separate"
THREE = "RFC 7515, 7.1: a signed token has three parts"
FORM = "RFC 7519, 1: a JWT is always in compact form"
GROUPS = "RFC 4648, 4: the last group has two characters or more"
BASE64URL = "RFC 7515, 2: base64url has no padding, line breaks or other characters"
ALPHABET = "RFC 4648, 3.3: characters outside of the alphabet must be rejected"
CANONICAL = "RFC 4648, 3.5: spare bits in the last character must be zero"
HEADER = "RFC 7515, 5.2: the header must be a valid JSON object in UTF-8"
CLAIMS = "RFC 7519, 7.2: the claims must be a valid JSON object in UTF-8"
UTF8 = "RFC 8725, 3.7: header and claims are in UTF-8 and nothing else"
UNIQUE_HEADER = "RFC 7515, 4: names in the header must be unique"
UNIQUE_CLAIMS = "RFC 7519, 4: names in the claims must be unique"
CRITICAL = "RFC 7515, 4.1.11: what is critical must be understood, and named in a list"
UNENCODED = "RFC 7797, 7: a JWT must not use b64 false"
SIZE = "RFC 8259, 9: a parser may set limits on size, depth and range"
MEGABYTE = 1024 * 1024
APP = b'"appId":"cs-hs256"'


def with_odd_characters():
    """A payload with both characters that base64url spells otherwise than base64."""
    payload = b'{"appId":"cs-hs256","x":"\xc3\xbf?>~???>>>~~~"}'
    made = part(payload)
    assert "-" in made or "_" in made
    return made


def with_odd_signature():
    """An honest token whose signature has one of them."""
    tokens = (forged(payload={"appId": HS256, "n": number}) for number in range(1000))
    return next(each for each in tokens if set("-_") & set(each.rpartition(".")[2]))


def standard(segment):
    return segment.replace("-", "+").replace("_", "/")


def padded(segment):
    return segment + "=" * (-len(segment) % 4 or 1)


PARTS = [
    Hostile(label, HS256, make, NO_JWT, "token", rule)
    for label, make, rule in [
        ("parts-one", lambda: "letmein", COMPACT),
        ("parts-one-of-an-honest-token", lambda: forged().replace(".", ""), COMPACT),
        ("parts-two", lambda: forged().rpartition(".")[0], THREE),
        ("parts-four", lambda: forged() + "." + part("x"), THREE),
        ("parts-four-empty-last", lambda: forged() + ".", THREE),
        ("parts-six", lambda: ".".join([forged(), forged()]), THREE),
        ("parts-detached", lambda: with_part(forged(), 1, ""), CLAIMS),
        ("parts-empty-header", lambda: with_part(forged(), 0, ""), HEADER),
        ("parts-empty-three", lambda: "..", HEADER),
        ("parts-empty-five", lambda: "....", HEADER),
        ("parts-dot", lambda: ".", THREE),
        ("bearer-in-auth", lambda: f"Bearer {forged()}", BASE64URL),
        ("json-serialization", lambda: '{"protected":"e30","payload":"e30","signature":""}', FORM),
    ]
]

SPELLINGS = [
    Hostile(f"{name}-{label}", HS256, make, NO_JWT, "token", rule)
    for place, name in enumerate(("header", "payload"))
    for label, make, rule in [
        ("padded", lambda place=place: resigned(place, padded), BASE64URL),
        ("space", lambda place=place: resigned(place, lambda s: f"{s[:8]} {s[8:]}"), BASE64URL),
        ("tab", lambda place=place: resigned(place, lambda s: f"{s}\t"), BASE64URL),
        ("percent", lambda place=place: resigned(place, lambda s: f"{s}%00"), ALPHABET),
        (
            "one-too-many",
            lambda place=place: resigned(place, lambda s: s[: len(s) // 4 * 4] + "A"),
            GROUPS,
        ),
        (
            "respelled",
            lambda place=place: resigned(
                place, respelled(with_spare_bits([{"alg": "HS256"}, {"appId": HS256}][place]))
            ),
            CANONICAL,
        ),
        (
            "unicode-digit",
            lambda place=place: resigned(place, lambda s: s[:4] + "\u0661" + s[5:]),
            ALPHABET,
        ),
        (
            "newline",
            lambda place=place: resigned(place, lambda s: f"{s[:8]}\n{s[8:]}"),
            BASE64URL,
        ),
    ]
] + [
    Hostile(
        "payload-standard-base64",
        HS256,
        lambda: resigned(1, standard(with_odd_characters())),
        NO_JWT,
        "token",
        "RFC 4648, 5: base64url has - and _, not + and /",
    )
]
SPELLINGS = [each._replace(over_http="newline" not in each.id) for each in SPELLINGS]

SIGNATURE_SPELLINGS = [
    Hostile(f"signature-{label}", HS256, make, BAD, "signature", rule, over_http=label != "newline")
    for label, make, rule in [
        ("padded", lambda: forged() + "=", BASE64URL),
        ("standard-base64", lambda: with_part(with_odd_signature(), 2, standard), ALPHABET),
        ("tab", lambda: with_part(forged(), 2, lambda s: f"{s[:8]}\t{s[8:]}"), BASE64URL),
        ("newline", lambda: forged() + "\n", BASE64URL),
        ("unicode-digit", lambda: forged() + "\u0661", ALPHABET),
        (
            "in-standard-form",
            lambda: with_part(forged(), 2, lambda s: b64encode(s.encode()).decode()),
            BASE64URL,
        ),
    ]
]

NUMBERS = "RFC 8259, 6: JSON has no NaN and no Infinity"
NOT_NUMBERS = [
    Hostile(f"{name}-holds-{value.decode()}", HS256, make, BAD, "number", NUMBERS)
    for place, name in ((0, "header"), (1, "payload"))
    for value in (b"NaN", b"Infinity", b"-Infinity")
    for make in [
        lambda place=place, value=value: resigned(
            place, part(b'{"alg":"HS256",%b,"x":[%b]}' % (APP, value))
        )
    ]
]

NOT_OBJECTS = [
    Hostile(f"{name}-{label}", HS256, make, NO_JWT, "token", rule)
    for place, name, is_what in ((0, "header", HEADER), (1, "payload", CLAIMS))
    for label, content, rule in [
        ("array", [{"alg": "HS256"} | {"appId": HS256}], is_what),
        ("string", "HS256", is_what),
        ("number", 256, is_what),
        ("null", None, is_what),
        ("true", True, is_what),
        ("no-json", b"alg=HS256&appId=cs-hs256", is_what),
        ("two-objects", b'{"alg":"HS256",%b}{}' % APP, is_what),
        ("single-quotes", b"{'alg':'HS256','appId':'cs-hs256'}", is_what),
        ("trailing-comma", b'{"alg":"HS256",%b,}' % APP, is_what),
        ("control-character", b'{"alg":"HS256",%b,"x":"\x00"}' % APP, is_what),
        ("not-utf-8", b'{"alg":"HS256",%b,"x":"\xff"}' % APP, UTF8),
        ("overlong-utf-8", b'{"alg":"HS256",%b,"x":"\xc0\xae"}' % APP, UTF8),
        ("byte-order-mark", b'\xef\xbb\xbf{"alg":"HS256",%b}' % APP, UTF8),
        ("utf-16", '{"alg":"HS256","appId":"cs-hs256"}'.encode("utf-16-le"), UTF8),
        ("endless-number", b'{"alg":"HS256",%b,"x":%b}' % (APP, b"9" * 5_000), SIZE),
        ("brackets", b"[" * 11_000, SIZE),
        ("nested", b'{"alg":"HS256",%b,"x":%b%b}' % (APP, b"[" * 5_000, b"]" * 5_000), SIZE),
    ]
    for make in [lambda place=place, content=content: resigned(place, part(content))]
]

DOUBLES = [
    Hostile(
        f"twice-{label}",
        aim,
        lambda aim=aim, header=header, payload=payload: forged(aim, header=header, payload=payload),
        BAD,
        "duplicate key",
        UNIQUE_CLAIMS if header is None else UNIQUE_HEADER,
    )
    for label, aim, header, payload in [
        ("app-id-own-last", HS256, None, b'{"appId":"cs-other","appId":"cs-hs256"}'),
        ("app-id-own-first", HS256, None, b'{"appId":"cs-hs256","appId":"cs-other"}'),
        ("app-id-the-same", HS256, None, b'{"appId":"cs-hs256","appId":"cs-hs256"}'),
        ("app-id-escaped", HS256, None, b'{"appId":"cs-other","\\u0061ppId":"cs-hs256"}'),
        ("exp", HS256, None, b'{"appId":"cs-hs256","exp":1,"exp":9999999999}'),
        ("nested", HS256, None, b'{"appId":"cs-hs256","x":[{"a":1,"a":2}]}'),
        ("alg-none-first", HS256, b'{"alg":"none","alg":"HS256"}', None),
        ("alg-none-last", HS256, b'{"alg":"HS256","alg":"none"}', None),
        ("alg-escaped", HS256, b'{"alg":"HS256","\\u0061lg":"none"}', None),
        ("alg-rsa-and-hmac", RS256, b'{"alg":"RS256","alg":"HS256"}', None),
        ("kid", HS256, b'{"alg":"HS256","kid":"a","kid":"b"}', None),
        ("crit", HS256, b'{"alg":"HS256","crit":["x"],"crit":[]}', None),
    ]
]

EXTENSIONS = [
    Hostile(
        label,
        HS256,
        lambda more=more: forged(header={"alg": "HS256"} | more),
        BAD,
        "crit",
        rule,
    )
    for label, more, rule in [
        ("crit-unknown", {"crit": ["unheard-of"], "unheard-of": True}, CRITICAL),
        ("crit-empty", {"crit": []}, CRITICAL),
        ("crit-exp", {"crit": ["exp"], "exp": 9999999999}, CRITICAL),
        ("crit-alg", {"crit": ["alg"]}, CRITICAL),
        ("crit-not-there", {"crit": ["absent"]}, CRITICAL),
        ("crit-string", {"crit": "exp", "exp": 9999999999}, CRITICAL),
        ("crit-null", {"crit": None}, CRITICAL),
        ("crit-b64", {"crit": ["b64"], "b64": True}, CRITICAL),
        ("b64-false", {"b64": False}, UNENCODED),
        ("b64-null", {"b64": None}, "RFC 7797, 3: b64 is true or false"),
    ]
]


def unencoded():
    text = f'{part({"alg": "HS256", "b64": False, "crit": ["b64"]})}.{{"appId":"cs-hs256"}}'
    return f"{text}.{mac(text)}"


EXTENSIONS += [
    Hostile(
        "b64-false-critical",
        HS256,
        lambda: forged(header={"alg": "HS256", "b64": False, "crit": ["b64"]}),
        BAD,
        "crit",
        UNENCODED,
    ),
    Hostile("b64-false-unencoded", HS256, unencoded, NO_JWT, "token", UNENCODED),
]

SIZES = [
    Hostile(f"megabyte-{label}", aim, make, BAD, "size", SIZE)
    for label, aim, make in [
        ("payload", HS256, lambda: forged(payload={"appId": HS256, "x": "x" * MEGABYTE})),
        ("header", HS256, lambda: forged(header={"alg": "HS256", "x": "x" * MEGABYTE})),
        ("signature", HS256, lambda: with_part(forged(), 2, "A" * MEGABYTE)),
        ("signature-rsa", RS256, lambda: with_part(honest(RS256), 2, "A" * MEGABYTE)),
        ("ciphertext", HS256, lambda: f"{part({'alg': 'RSA-OAEP'})}.AA.AA.{'A' * MEGABYTE}.AA"),
        ("dots", HS256, lambda: "." * MEGABYTE),
        ("segment", HS256, lambda: "A" * MEGABYTE),
        ("spaces", HS256, lambda: "A" + " " * MEGABYTE + "A"),
    ]
]


TABLE = [
    *(*PARTS, *SPELLINGS, *SIGNATURE_SPELLINGS),
    *(*NOT_NUMBERS, *NOT_OBJECTS, *DOUBLES, *EXTENSIONS, *SIZES),
]
