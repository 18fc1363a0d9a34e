import re
from itertools import pairwise

import pytest

from intentlive.core import ids

UUID5 = r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
SHAPES = {
    ids.bot_id: rf"st-{UUID5}",
    ids.client_id: rf"cs-{UUID5}",
    ids.user_id: rf"u-{UUID5}",
    ids.account_id: r"[0-9a-f]{24}",
    ids.session_id: r"[0-9a-f]{24}",
}
SEEDS = [b"", b"\x00", b"\x01", bytes(range(16)), bytes(range(1, 17)), b"\xff" * 32]


@pytest.mark.parametrize("make", SHAPES)
@pytest.mark.parametrize("seed", SEEDS)
def test_ids_have_the_published_shapes(make, seed):
    assert re.fullmatch(SHAPES[make], make(seed))


@pytest.mark.parametrize("make", SHAPES)
def test_the_seed_alone_decides_an_id(make):
    for one, other in pairwise(bytes([number]) * 12 for number in range(64)):
        assert make(one) == make(one)
        assert make(one) != make(other)


def test_one_seed_gives_each_kind_an_id_of_its_own():
    made = {make(b"seed").removeprefix(prefix) for make, prefix in PREFIXES.items()}
    assert len(made) == len(PREFIXES)


PREFIXES = {ids.bot_id: "st-", ids.client_id: "cs-", ids.user_id: "u-"}
