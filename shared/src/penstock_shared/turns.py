"""Whose turn it is: a flow asks for a limited number of jobs at once, and for more as they end.

So no write causes more events than it can publish at once, no flow fills the queue for the others,
and an aborted flow leaves few messages behind.
"""

from collections.abc import Callable
from itertools import islice

from penstock_shared.contracts.positions import Positions

_A_FEW = 16
"""Jobs are asked for a few at a time: each write with events is followed by a second one."""


def next_turns(
    count: int,
    asked: Positions,
    ended: Positions,
    at_once: int,
    ready: Callable[[int], bool] = lambda _position: True,
) -> list[int]:
    """The positions below `count` to ask for now. `ended` are those of `asked` that have ended.

    At most `at_once` are asked for and have not ended. Those that are not `ready` wait.
    """
    free = at_once - (len(asked) - len(ended))
    if free < max(1, min(_A_FEW, at_once // 2)):
        return []
    known = set(asked)
    waiting = (position for position in range(count) if position not in known)
    return list(islice(filter(ready, waiting), free))
