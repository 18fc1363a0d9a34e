"""Which calls count against an account's limit, and what every counted answer says of it."""

from intentlive.ports import Account
from tests.stores import put

from .server import ANALYTICS, SENDER, event, problem, running

LIMITED = problem(
    "You've exceeded the per-minute rate limit. Please wait for sometime before retrying.", 429
)


def said(answer):
    return tuple(answer.headers.get(f"ratelimit-{name}") for name in ("limit", "remaining"))


async def use_up(server, calls=60):
    for number in range(calls):
        answer = await server.latest()
        assert (answer.status_code, said(answer)) == (200, ("60", str(59 - number)))


async def test_the_call_over_the_limit_is_refused(server):
    await use_up(server)
    refused = await server.latest()
    assert (refused.status_code, refused.json()) == (429, LIMITED)
    assert said(refused) == ("60", "0")
    assert refused.headers["retry-after"] == refused.headers["ratelimit-reset"]
    assert int(refused.headers["retry-after"]) == 60


async def test_waiting_as_long_as_it_says_is_enough(server):
    await use_up(server)
    refused = await server.latest()
    server.monotonic.move(seconds=int(refused.headers["retry-after"]))
    assert (await server.latest()).status_code == 200


async def test_refused_calls_do_not_prolong_the_wait(server):
    await use_up(server)
    server.monotonic.move(seconds=30)
    assert {(await server.latest()).status_code for _ in range(10)} == {429}
    server.monotonic.move(seconds=31)
    again = await server.latest()
    assert (again.status_code, said(again)) == (200, ("60", "59"))


async def test_refused_tokens_are_not_counted_and_told_no_numbers(server):
    for headers in ({"auth": ""}, {"auth": "x.y.z"}, {"accountId": "other"}):
        refused = await server.latest(headers=headers)
        assert (refused.status_code, said(refused)) == (401, (None, None))
    assert said(await server.latest()) == ("60", "59")


async def test_a_valid_token_counts_though_scope_or_bot_is_wrong(server):
    await server.add_app("cs-sender", scopes=(SENDER,))
    assert said(await server.latest(app="cs-sender")) == ("60", "59")
    unknown = await server.latest("no-bot")
    assert (unknown.status_code, said(unknown)) == (400, ("60", "58"))


async def test_all_apps_of_an_account_share_its_limit_and_accounts_do_not(server):
    await server.add_account("other", rate_limit=2, bot="theirs")
    await server.add_app("cs-theirs", account="other", scopes=(ANALYTICS,))
    await server.add_app("cs-second", scopes=(ANALYTICS,))
    assert said(await server.latest()) == ("60", "59")
    assert said(await server.latest(app="cs-second")) == ("60", "58")
    assert said(await server.latest("theirs", app="cs-theirs")) == ("2", "1")


async def test_sending_events_is_not_counted(server):
    for number in range(3):
        sent = await server.send(event("message.received", event_id=str(number)))
        assert (sent.status_code, said(sent)) == (200, (None, None))
    assert said(await server.latest()) == ("60", "59")


async def test_a_wrong_method_is_not_counted(server):
    assert said(await server.latest(method="PUT")) == (None, None)
    assert said(await server.latest()) == ("60", "59")


async def test_zero_is_unlimited(tmp_path):
    async with running(tmp_path, rate_limit=0) as server:
        answers = [await server.latest() for _ in range(70)]
    assert {(answer.status_code, said(answer)) for answer in answers} == {(200, (None, None))}


async def test_a_changed_limit_counts_within_a_second(server):
    await use_up(server)
    await put(server.store, Account("acc", "", 61, 0))
    server.clock.move(seconds=1)
    assert said(await server.latest()) == ("61", "0")
    assert (await server.latest()).status_code == 429
