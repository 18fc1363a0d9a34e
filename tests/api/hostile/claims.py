"""Honest signatures under claims that do not count: who calls, when, and how often."""

from .making import (
    BAD,
    HS256,
    JTI,
    NOON,
    OTHER,
    OTHER_SECRET,
    REPLAY,
    SECRET,
    TOO_LONG,
    Hostile,
    claiming,
    forged,
    respelled,
    single_use,
    with_part,
)

CLIENT = "RFC 8725, 3.8: the issuer must be known, as a text compared exactly"
FOREIGN = "RFC 8725, 3.8: the key must be one of the issuer that the token names"
NUMERIC = "RFC 7519, 2: a NumericDate is a JSON number of seconds"
NUMBERS = "RFC 8259, 6: JSON has no NaN and no Infinity"
SINGLE_USE = "RFC 7519, 4.1.7: jti is a text that prevents a token from being replayed"

CLIENTS = [
    Hostile(
        f"app-id-{label}",
        HS256,
        lambda payload=payload: forged(payload=payload),
        BAD,
        "client",
        rule,
    )
    for label, payload, rule in [
        ("missing", {"sub": HS256}, CLIENT),
        ("number", {"appId": 256}, CLIENT),
        ("list", {"appId": [HS256]}, CLIENT),
        ("object", {"appId": {"$ne": None}}, CLIENT),
        ("null", {"appId": None, "iss": HS256}, CLIENT),
        ("true", {"appId": True}, CLIENT),
        ("empty", {"appId": "", "iss": HS256}, CLIENT),
        ("of-129-characters", {"appId": "c" * 129}, CLIENT),
        ("with-space", {"appId": f"{HS256} "}, CLIENT),
        ("with-nul", {"appId": f"{HS256}\0"}, CLIENT),
        ("with-newline", {"appId": f"{HS256}\n"}, CLIENT),
        ("with-zero-width-space", {"appId": f"{HS256}\u200b"}, CLIENT),
        (
            "lone-surrogate",
            b'{"appId":"\\ud800"}',
            "RFC 8259, 8.2: half a surrogate pair is no text",
        ),
        (
            "of-other-letters",
            {"appId": "cs-hs25\u0431"},
            "RFC 7519, 7.3: texts are compared as they are",
        ),
        (
            "in-upper-case",
            {"appId": HS256.upper()},
            "RFC 7519, 7.3: texts are compared as they are",
        ),
        ("named-appid", {"appid": HS256}, "RFC 7519, 7.3: names are compared as they are"),
        ("named-AppId", {"AppId": HS256}, "RFC 7519, 7.3: names are compared as they are"),
        ("unknown", {"appId": "cs-unknown"}, CLIENT),
        ("pattern", {"appId": "cs-%"}, "RFC 8725, 3.10: what is looked up may be no query"),
        ("sql", {"appId": "'OR/**/1=1;--"}, "RFC 8725, 3.10: what is looked up may be no query"),
        ("only-iss-number", {"iss": 5}, "RFC 7519, 4.1.1: iss is a text"),
    ]
] + [
    Hostile(label, aim, make, BAD, "signature", FOREIGN)
    for label, aim, make in [
        ("app-id-of-another-tenant", OTHER, lambda: forged(OTHER, key=SECRET)),
        ("signature-of-another-tenant", HS256, lambda: forged(HS256, key=OTHER_SECRET)),
        ("iss-own-app-id-foreign", OTHER, lambda: forged(payload={"iss": HS256, "appId": OTHER})),
        ("iss-of-another-tenant", OTHER, lambda: forged(payload={"iss": OTHER})),
        ("kore-iss-of-another-tenant", OTHER, lambda: forged(payload={"kore_iss": OTHER})),
    ]
]

TIMES = [
    Hostile(
        f"{name}-{label}",
        HS256,
        lambda name=name, is_=is_: claiming(f'"{name}":{is_}'),
        BAD,
        "number" if rule == NUMBERS else name,
        rule,
    )
    for name in ("exp", "nbf", "iat")
    for label, is_, rule in [
        ("string", f'"{NOON}"', NUMERIC),
        ("null", "null", NUMERIC),
        ("true", "true", NUMERIC),
        ("list", f"[{NOON}]", NUMERIC),
        ("nan", "NaN", NUMBERS),
        ("infinity", "Infinity", NUMBERS),
        ("beyond-all-calendars", "1e308", NUMERIC),
        ("overflowing", "1e999", NUMERIC),
    ]
] + [
    Hostile(label, HS256, lambda literal=literal: claiming(literal), BAD, check, rule)
    for label, literal, check, rule in [
        ("exp-past", f'"exp":{NOON - 60}', "exp", "RFC 7519, 4.1.4: not accepted from exp on"),
        (
            "exp-just-past",
            f'"exp":{NOON - 60}.0',
            "exp",
            "RFC 7519, 4.1.4: not accepted from exp on",
        ),
        ("exp-zero", '"exp":0', "exp", "RFC 7519, 4.1.4: not accepted from exp on"),
        ("exp-negative", '"exp":-1', "exp", "RFC 7519, 4.1.4: not accepted from exp on"),
        ("exp-far-negative", '"exp":-1e308', "exp", NUMERIC),
        ("nbf-ahead", f'"nbf":{NOON + 61}', "nbf", "RFC 7519, 4.1.5: not accepted before nbf"),
        ("nbf-ahead-in-ms", f'"nbf":{NOON}000', "nbf", "RFC 7519, 4.1.5: not accepted before nbf"),
        ("iat-ahead", f'"iat":{NOON + 61}', "iat", "RFC 7519, 4.1.6: iat is when it was made"),
    ]
]

MISSING_IDS = [
    Hostile(f"jti-{label}", JTI, lambda claims=claims: single_use(**claims), BAD, "jti", SINGLE_USE)
    for label, claims in {
        "missing": {},
        "null": {"jti": None},
        "number": {"jti": 5},
        "true": {"jti": True},
        "list": {"jti": ["a"]},
        "empty": {"jti": ""},
        "in-another-case": {"JTI": "a"},
        "kore-empty": {"kore_jti": ""},
        "kore-beside-null": {"jti": None, "kore_jti": "a"},
        "missing-and-far-exp": {"exp": NOON + 7200},
    }.items()
]

TOO_FAR = [
    Hostile(
        f"jti-exp-{label}",
        JTI,
        lambda claims=claims: single_use(jti="far", **claims),
        TOO_LONG,
        "jti",
        "RFC 7519, 4.1.7, as the interface has it: a token with a jti ends within an hour",
    )
    for label, claims in {
        "missing": {"exp": ...},
        "two-hours": {"exp": NOON + 7200},
        "a-second-over": {"exp": NOON + 3661},
        "in-ms": {"exp": (NOON + 300) * 1000},
    }.items()
]

REPLAYS = [
    Hostile(label, JTI, make, msg, check, SINGLE_USE, before)
    for label, before, make, msg, check in [
        (
            "replay",
            lambda: single_use(jti="one"),
            lambda: single_use(jti="one"),
            REPLAY,
            "replay",
        ),
        (
            "replay-signed-anew",
            lambda: single_use(jti="two"),
            lambda: single_use(jti="two", sub="x", exp=NOON + 600),
            REPLAY,
            "replay",
        ),
        (
            "replay-under-the-other-name",
            lambda: single_use(jti="three"),
            lambda: single_use(kore_jti="three"),
            REPLAY,
            "replay",
        ),
        (
            "replay-respelled",
            lambda: single_use(jti="four"),
            lambda: with_part(single_use(jti="four"), 2, respelled),
            BAD,
            "signature",
        ),
        (
            "replay-of-half-a-surrogate",
            lambda: single_use(jti="\ud800"),
            lambda: single_use(jti="\ud800"),
            REPLAY,
            "replay",
        ),
        (
            "replay-with-an-old-exp",
            lambda: single_use(jti="five"),
            lambda: single_use(jti="five", exp=NOON - 60),
            BAD,
            "exp",
        ),
    ]
]

TABLE = [*CLIENTS, *TIMES, *MISSING_IDS, *TOO_FAR, *REPLAYS]
