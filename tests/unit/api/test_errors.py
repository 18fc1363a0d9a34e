"""Every error has an answer on purpose, and all answers have one shape."""

import msgspec
import pytest

from intentlive.api.errors import Problem, header_lines, problem_for
from intentlive.core import errors
from intentlive.core.errors import IntentLiveError

UNAVAILABLE = "The store is not available: send this again in a moment."
BUFFER = "The buffer takes no events just now: send this again in a moment."
FAULT = "Internal server error"
ARGUMENTS = "Validation errors/ Invalid arguments"

ANSWERS = {
    errors.IntentLiveError("of no class"): (500, FAULT, 500),
    errors.InvalidEvent("told per event, never as a whole", "id"): (500, FAULT, 500),
    errors.UnreadableBody("line 3 is not JSON"): (412, ARGUMENTS, 412),
    errors.TooManyEvents("more than 10"): (413, "more than 10", 413),
    errors.UnknownStateVersion("a newer release wrote it"): (500, FAULT, 500),
    errors.StoreError("no backend"): (503, UNAVAILABLE, 503),
    errors.StoreUnavailable("disk I/O error"): (503, UNAVAILABLE, 503),
    errors.BufferUnavailable("buffer full"): (503, BUFFER, 503),
    errors.UnreadableMessage("the appliers only"): (500, FAULT, 500),
    errors.StoreTooNew("schema 9"): (503, UNAVAILABLE, 503),
    errors.StoreTooOld("schema 1"): (503, UNAVAILABLE, 503),
    errors.SecretsLocked("another key"): (503, UNAVAILABLE, 503),
    errors.AlreadyExists("the command line only"): (503, UNAVAILABLE, 503),
    errors.StillInUse("the command line only"): (503, UNAVAILABLE, 503),
    errors.NotFound("no bot st-1"): (400, "Invalid StreamId", 400),
    errors.Refusal("No.", check="scope", mend="give it"): (401, "No.", 4002),
    errors.Refusal("No!", check="bot", mend="", status=400, code=7): (400, "No!", 7),
    Problem(415, "Unsupported"): (415, "Unsupported", 415),
    Problem(429, "Slower", code=1): (429, "Slower", 1),
    RuntimeError("nobody foresaw it"): (500, FAULT, 500),
    KeyError("secret"): (500, FAULT, 500),
}


def family(of):
    return {of}.union(*(family(each) for each in of.__subclasses__()))


@pytest.mark.parametrize("error", ANSWERS, ids=repr)
def test_each_error_has_its_answer(error):
    problem = problem_for(error)
    status, message, code = ANSWERS[error]
    assert (problem.status, problem.message, problem.code) == (status, message, code)
    assert msgspec.json.decode(problem.body()) == {"errors": [{"msg": message, "code": code}]}


def test_no_error_is_forgotten():
    ours = {each for each in family(IntentLiveError) if each.__module__.startswith("intentlive.")}
    assert ours <= {type(error) for error in ANSWERS}


def test_the_tree_in_the_docstring_names_every_error():
    for each in family(IntentLiveError):
        assert each.__name__ in errors.__doc__


@pytest.mark.parametrize("error", ANSWERS, ids=repr)
def test_the_log_learns_which_check_failed_and_the_wire_only_what_is_published(error):
    problem = problem_for(error)
    if not isinstance(error, Problem):
        assert problem.check
        assert problem.detail is not None
    if problem.message != problem.detail:
        assert not problem.detail or problem.detail.encode() not in problem.body()


@pytest.mark.parametrize(
    ("detail", "header"),
    [
        ("line 3 is not JSON", b"line 3 is not JSON"),
        ("caf\xe9 \u2615", b"caf? ?"),
        ("x" * 1_000, b"x" * 300),
        ("no\r\nset-cookie: a=b\r\n\r\nHTTP/1.1 200 OK", b"no??set-cookie: a=b????HTTP/1.1 200 OK"),
        ("one\ntwo\rthree\x00\x0b\x0c\x85\u2028\x7f", b"one?two?three??????"),
    ],
)
def test_an_unreadable_body_is_explained_in_a_header(detail, header):
    assert dict(problem_for(errors.UnreadableBody(detail)).headers) == {b"x-error-detail": header}


@pytest.mark.parametrize("error", [each for each in ANSWERS if problem_for(each).status == 503])
def test_who_may_try_again_is_told_when(error):
    assert dict(problem_for(error).headers) == {b"retry-after": b"2"}


def test_headers_are_lines_in_their_order():
    headers = ((b"allow", b"GET"), (b"empty", b""), (b"allow", b"POST: x"))
    assert header_lines(headers) == b"allow: GET\r\nempty: \r\nallow: POST: x\r\n"
    assert header_lines(()) == b""


@pytest.mark.parametrize(
    "header",
    [
        (b"a", b"b\r\nc: d"),
        (b"a", b"b\nc: d"),
        (b"a", b"b\rc: d"),
        (b"a", b"b\r\n"),
        (b"a", b"\n"),
        (b"a\r\nc", b"d"),
    ],
)
def test_a_header_that_would_be_several_is_none(header):
    with pytest.raises(ValueError, match="one line"):
        header_lines([(b"x", b"y"), header])
