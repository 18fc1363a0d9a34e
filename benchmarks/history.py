"""History: the store's own question for the latest 25, in a large store and in a small one."""

import json

import figures
import processes
from figures import Reached
from plan import Plan
from results import Measured, Values

FIGURES = (figures.LARGE_TO_SMALL,)


def measure(plan: Plan) -> Measured:
    """Medians of many questions: to bots in turn, and to one bot again and again."""
    values = Values("The latest 25, asked of the store itself, ms")
    sizes = plan.amount.size, plan.amount.small
    given = plan.store, sizes[0].bots, plan.small_store, sizes[1].bots
    ratios = []
    for _ in range(plan.amount.rounds):
        printed = processes.run_here("store_reader.py", *given, core=processes.SERVER_CORE)
        in_turn, one = json.loads(printed)
        for kind, medians in (("all bots in turn", in_turn), ("one bot", one)):
            for size, median in zip(sizes, medians, strict=True):
                values.add(f"{size.bots * size.sessions:,} sessions, {kind}", median)
        ratios.append(in_turn[0] / in_turn[1])
    return Measured({"history": values}, {figures.LARGE_TO_SMALL: Reached(ratios)})
