"""The endpoint: a bot's latest 25 finished sessions (published as "Get Intent Real Time Data")."""

from typing import Final

from intentlive.api.errors import RATE_LIMITED, Problem
from intentlive.api.http import Call, Response
from intentlive.auth.gate import Gate
from intentlive.auth.ratelimit import Limiter, Quota
from intentlive.core.errors import NotFound
from intentlive.latest import LatestViews
from intentlive.ports import SEES_PERSONAL_DATA

MAX_IGNORED_BODY = 64 * 1024
SCOPE: Final = "SmartAssist Analytics"


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
        token, account_id, bot_id = call.token(), call.account_id(), call.bot_id
        # What was found out before is looked up without waiting: this is where the speed is.
        admitted = self._gate.admitted(token, account_id, SCOPE, bot_id)
        grant = admitted or await self._gate.authenticate(token, account_id)
        call.note_grant(grant)
        if grant.account.rate_limit:
            counted = grant.account.account_id, grant.account.rate_limit
            _tell(call, self._limiter.at_hand(*counted) or await self._limiter.take(*counted))
        if admitted is None:
            await self._gate.authorize(grant, SCOPE, bot_id)
        view = self._views.at_hand(bot_id) or await self._views.latest(bot_id)
        if view is None:
            raise NotFound(f"bot {call.bot_id} has just been deleted")
        sees_all = SEES_PERSONAL_DATA in grant.app.scopes
        return Response(200, view.plain if sees_all else view.shown)


def _tell(call: Call, quota: Quota) -> None:
    """Say in the answer what is left; Problem (429) if it is nothing."""
    call.headers_out = (
        (b"ratelimit-limit", b"%d" % quota.limit),
        (b"ratelimit-remaining", b"%d" % quota.remaining),
        (b"ratelimit-reset", b"%d" % quota.reset),
    )
    if not quota.allowed:
        raise Problem(
            429,
            RATE_LIMITED,
            headers=((b"retry-after", b"%d" % quota.reset),),
            check="rate limit",
            detail=f"over {quota.limit} requests a minute: poll less often, or raise the limit",
        )
