"""A door beside others on one port lets them take their share of a crowd."""

import resource

import pytest

from intentlive.api.door import Door
from intentlive.signals import Signals


@pytest.mark.parametrize("gives_way", [False, True], ids=["alone", "one of several"])
def test_only_one_of_several_leaves_the_processor_to_others_with_each_connection(gives_way):
    door = Door(Signals(), gives_way=gives_way)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    for _ in range(100):
        assert door.enter(b"here")
    left = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before
    assert (left >= 50) == gives_way  # one may be taken away before it can leave
