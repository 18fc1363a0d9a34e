"""The endpoint: a bot's latest 25 finished sessions (published as "Get Intent Real Time Data")."""

from functools import partial
from typing import Final, NamedTuple

from intentlive.api.encodings import wished
from intentlive.api.errors import RATE_LIMITED, Problem
from intentlive.api.http import Call, Response
from intentlive.auth.gate import Gate
from intentlive.auth.grants import Grant
from intentlive.auth.ratelimit import Limiter, Quota
from intentlive.core.errors import NotFound
from intentlive.latest import LatestViews, View
from intentlive.ports import SEES_PERSONAL_DATA
from intentlive.rendering import Rendering, Representation

MAX_IGNORED_BODY = 64 * 1024
SCOPE: Final = "SmartAssist Analytics"


class _Question(NamedTuple):
    """All of a request that its answer depends on."""

    token: str | None
    account_id: str | None
    bot_id: str
    encoding: str
    has_already: bytes


class Realtime:
    """`GET` or `POST …/intentrealtimedata`."""

    name = "intentrealtimedata"
    methods = ("GET", "POST")

    def __init__(self, gate: Gate, limiter: Limiter, views: LatestViews) -> None:
        self._gate = gate
        self._limiter = limiter
        self._views = views

    async def __call__(self, call: Call) -> Response:
        """Answer with the records; the request's body is read and ignored, whatever it holds."""
        await call.body(MAX_IGNORED_BODY)
        head = call.head
        question = _Question(
            head.token,
            head.account_id,
            head.bot_id,
            wished(head.header(b"accept-encoding")),
            head.raw_header(b"if-none-match"),
        )
        # What was found out before is looked up without waiting: this is where the speed is.
        response = self._at_hand(question, call) or await self._found_out(question, call)
        return response._replace(again=partial(self._at_hand, question))

    def _at_hand(self, question: _Question, call: Call | None = None) -> Response | None:
        """The answer, if nothing has to be waited for; if not, nothing was counted."""
        token, account_id, bot_id, encoding, _ = question
        admitted = self._gate.admitted(token, account_id, SCOPE, bot_id)
        view = self._views.at_hand(bot_id)
        if admitted is None or view is None:
            return None
        grant, _ = admitted
        quota = b""
        if grant.account.rate_limit:
            counted = self._limiter.at_hand(grant.account.account_id, grant.account.rate_limit)
            if counted is None or not counted.allowed:
                return None
            quota = _told(counted)
        self._views.count_hit()
        if call is not None:
            call.note_grant(grant)
        shown = _seen_by(grant, view).encoded(encoding)
        return _answer(question, shown, quota)

    async def _found_out(self, question: _Question, call: Call) -> Response:
        grant = await self._gate.authenticate(question.token, question.account_id)
        call.note_grant(grant)
        if grant.account.rate_limit:
            counted = grant.account.account_id, grant.account.rate_limit
            quota = self._limiter.at_hand(*counted) or await self._limiter.take(*counted)
            call.headers_out = _told(quota)
            if not quota.allowed:
                raise _too_many(quota)
        await self._gate.authorize(grant, SCOPE, question.bot_id)
        view = await self._views.latest(question.bot_id)
        if view is None:
            raise NotFound(f"bot {question.bot_id} has just been deleted")
        shown = _seen_by(grant, view).encoded(question.encoding)
        return _answer(question, shown)


def _seen_by(grant: Grant, view: View) -> Rendering:
    return view.plain if SEES_PERSONAL_DATA in grant.app.scopes else view.shown


def _answer(question: _Question, shown: Representation, quota: bytes = b"") -> Response:
    """The answer, or that the caller has it already (RFC 9110, 13.1.2)."""
    if question.has_already and _names(question.has_already, shown.etag):
        return Response(304, shown.unchanged + quota)
    return Response(200, shown.headers + quota, shown.body)


def _names(if_none_match: bytes, etag: bytes) -> bool:
    tags = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
    return etag in tags or tags == [b"*"]


def _told(quota: Quota) -> bytes:
    """What is left, as headers of the answer."""
    return b"ratelimit-limit: %d\r\nratelimit-remaining: %d\r\nratelimit-reset: %d\r\n" % (
        quota.limit,
        quota.remaining,
        quota.reset,
    )


def _too_many(quota: Quota) -> Problem:
    return Problem(
        429,
        RATE_LIMITED,
        headers=((b"retry-after", b"%d" % quota.reset),),
        check="rate limit",
        detail=f"over {quota.limit} requests a minute: poll less often, or raise the limit",
    )
