"""One answer for all who ask at the same time."""

import asyncio

import pytest

from intentlive.sharing import Recent, Shared, Together


class Oracle:
    """Answers with the number of the question, when it is let go."""

    def __init__(self):
        self.asked = 0
        self.go = asyncio.Event()
        self.error = None

    async def find(self):
        self.asked += 1
        number = self.asked
        await self.go.wait()
        if self.error:
            raise self.error
        return number


async def ask(shared, question, oracle):
    task = asyncio.ensure_future(shared.ask(question, oracle.find))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_the_same_question_is_asked_once_and_another_by_itself():
    shared, oracle = Shared(), Oracle()
    tasks = [await ask(shared, question, oracle) for question in ("a", "a", "b")]
    oracle.go.set()
    assert await asyncio.gather(*tasks) == [1, 1, 2]


async def test_a_later_question_is_asked_anew():
    shared, oracle = Shared(), Oracle()
    oracle.go.set()
    assert [await shared.ask("a", oracle.find) for _ in range(2)] == [1, 2]


async def test_an_error_is_told_to_all_and_not_remembered():
    shared, oracle = Shared(), Oracle()
    oracle.error = ValueError("no")
    tasks = [await ask(shared, "a", oracle) for _ in range(2)]
    oracle.go.set()
    assert await asyncio.gather(*tasks, return_exceptions=True) == [oracle.error] * 2
    oracle.error = None
    assert await shared.ask("a", oracle.find) == 2


async def test_who_goes_away_does_not_take_the_answer_from_the_others():
    shared, oracle = Shared(), Oracle()
    gone, stays = [await ask(shared, "a", oracle) for _ in range(2)]
    gone.cancel()
    oracle.go.set()
    assert await stays == 1


async def test_a_recent_answer_is_given_again_until_it_is_too_old():
    now, oracle = [0], Oracle()
    oracle.go.set()
    recent = Recent(oracle.find, lambda: now[0], 100)
    answers = []
    for moment in (0, 99, 100, 150):
        now[0] = moment
        answers.append(await recent.get())
    assert answers == [1, 1, 2, 2]


async def test_a_recent_error_is_not_remembered():
    oracle = Oracle()
    oracle.go.set()
    oracle.error = ValueError("no")
    recent = Recent(oracle.find, lambda: 0, 100)
    with pytest.raises(ValueError, match="no"):
        await recent.get()
    oracle.error = None
    assert await recent.get() == 2


async def test_who_comes_while_others_are_served_is_served_with_those_who_wait():
    groups, has_begun, may_go_on = [], asyncio.Event(), asyncio.Event()

    async def answer_all(questions):
        groups.append(list(questions))
        has_begun.set()
        await may_go_on.wait()
        return [question * 10 for question in questions]

    together = Together(answer_all)
    asking = [asyncio.ensure_future(together.ask(1))]
    await has_begun.wait()
    asking += [asyncio.ensure_future(together.ask(number)) for number in (2, 3)]
    may_go_on.set()
    assert await asyncio.gather(*asking) == [10, 20, 30]
    assert groups == [[1], [2, 3]]


async def test_a_failure_is_told_to_those_it_concerns_and_the_next_are_served():
    async def answer_all(questions):
        if 0 in questions:
            raise ZeroDivisionError
        return questions

    together = Together(answer_all)
    failed = await asyncio.gather(*map(together.ask, (0, 1)), return_exceptions=True)
    assert [type(each) for each in failed] == [ZeroDivisionError] * 2
    assert await together.ask(2) == 2


async def test_who_has_gone_is_not_answered():
    async def answer_all(questions):
        return questions

    together = Together(answer_all)
    gone = asyncio.ensure_future(together.ask(1))
    await asyncio.sleep(0)
    gone.cancel()
    assert await together.ask(2) == 2
