"""Each fault once, for some seconds; `python -m tests.chaos.run` takes as long as you like."""

from tests.e2e.cluster import Cluster

from .faults import FAULTS
from .run import play

_SECONDS = 4.0


def test_nothing_that_was_acknowledged_is_lost_or_there_twice(subtests):
    with Cluster() as cluster:
        for fault in FAULTS:
            with subtests.test(fault):
                outcome = play(cluster, fault, _SECONDS, seed=1)
                assert outcome.tally.violations == []
                assert outcome.sessions
