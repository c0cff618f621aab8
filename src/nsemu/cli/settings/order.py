"""An order in which groups can be written so that each line refers only to what stands before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

K = TypeVar("K")


def members_first(members: Mapping[K, Sequence[K]]) -> list[K]:
    """The keys, in their own order as far as members that are keys themselves come before the groups they are in."""
    done: dict[K, None] = {}
    for start in members:
        waiting = [start]
        while waiting:
            key = waiting[-1]
            missing = [name for name in members[key] if name in members and name not in done]
            if missing and key not in done:
                waiting.extend(missing)
            else:
                done.setdefault(waiting.pop())
    return list(done)
