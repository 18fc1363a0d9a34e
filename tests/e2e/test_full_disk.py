"""No space left: no event is lost that was accepted, reading goes on, and so does life after."""

import json
import threading

from .calling import call, eventually
from .faults import no_space_left, store_held
from .server import PATIENCE
from .wire import finished, new_session


def readiness(server):
    return call(server.port, "GET", "/readyz")


def test_a_full_disk_is_told_in_plain_words_and_survived(own):
    server, caller, bot = own
    accepted, refused = [], []
    accepted.append(send_one(server, caller, bot, 200))
    with no_space_left(server, room=20 * 1024):

        def is_full():
            session = new_session()
            answer = server.send(bot, caller, [finished(session)])
            (accepted if answer.status == 200 else refused).append(session)
            return answer if answer.status != 200 else None

        answer = eventually(is_full)
        assert answer.status == 503
        message, code = answer.error
        assert (message.startswith("The store is not available"), code) == (True, 503)
        assert int(answer.headers["retry-after"]) > 0
        mend = server.log_line(answer.request_id)["mend"]
        assert "disk" in mend

        ready = eventually(lambda: not_ready(server))
        assert ready.status == 503
        assert "disk" in ready.body.decode()
        assert call(server.port, "GET", "/healthz").status == 200
        assert call(server.port, "GET", "/metrics").status == 200
        assert set(server.listed(bot, caller)) == set(accepted[-25:])
    sent_again = server.send(bot, caller, [finished(session) for session in refused])
    assert sent_again.json == {"accepted": len(refused), "rejected": []}
    assert readiness(server).status == 200
    assert set(server.listed(bot, caller)) == set((accepted + refused)[-25:])
    assert server.stop() == 0
    listed = server.json("latest", "--bot", bot)
    assert {record["sessionId"] for record in listed} == set((accepted + refused)[-25:])


def not_ready(server):
    answer = readiness(server)
    return answer if answer.status != 200 else None


def send_one(server, caller, bot, status):
    session = new_session()
    assert server.send(bot, caller, [finished(session)]).status == status
    return session


def test_nothing_of_a_batch_without_room_is_stored(own):
    server, caller, bot = own
    before = send_one(server, caller, bot, 200)
    many = [finished() for _ in range(5000)]
    with no_space_left(server):
        for _ in range(3):
            assert server.send(bot, caller, many).status == 503
            assert server.listed(bot, caller) == [before]
    assert server.send(bot, caller, many).json["accepted"] == 5000
    assert before not in server.listed(bot, caller)


def test_killed_on_a_full_disk_it_comes_back_with_all_it_accepted(own):
    server, caller, bot = own
    before = send_one(server, caller, bot, 200)
    with no_space_left(server):
        assert server.send(bot, caller, [finished() for _ in range(5000)]).status == 503
        server.kill()
    server.start()
    assert server.listed(bot, caller) == [before]


def test_a_store_that_another_program_holds(own):
    server, caller, bot = own
    before = send_one(server, caller, bot, 200)
    session = new_session()
    answers = []

    def send():
        answers.append(server.send(bot, caller, [finished(session)]))

    with store_held(server):
        patient = threading.Thread(target=send)
        patient.start()
        assert server.listed(bot, caller) == [before]
        patient.join(PATIENCE)
    assert [answer.status for answer in answers] == [503]
    assert int(answers[0].headers["retry-after"]) > 0
    assert "locked" in server.log_line(answers[0].request_id)["mend"]
    send()
    assert answers[-1].status == 200
    assert server.listed(bot, caller) == [session, before]


def test_a_store_that_another_program_holds_for_a_moment(own):
    server, caller, bot = own
    session = new_session()
    answers = []
    with store_held(server):
        sender = threading.Thread(
            target=lambda: answers.append(server.send(bot, caller, [finished(session)]))
        )
        sender.start()
        assert session not in server.listed(bot, caller)
    sender.join(PATIENCE)
    assert [json.loads(answer.body) for answer in answers] == [{"accepted": 1, "rejected": []}]
    assert server.listed(bot, caller) == [session]
