"""The replay window against a model that remembers everything (B059)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.ipsec.replay import WINDOW_SIZE, ReplayWindow


class Model:
    """All numbers ever received, and the rule in words: new, not zero, not more than 63 below the highest."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def allows(self, sequence: int) -> bool:
        return sequence > max(max(self.seen, default=0) - WINDOW_SIZE, 0) and sequence not in self.seen


def receive(window: ReplayWindow, sequence: int, *, shortcut: bool) -> bool:
    """As the ESP engine does it, with its short cut for the number that is due, or without."""
    if shortcut and sequence == window.next:
        window.next = sequence + 1
        return True
    if window.allows(sequence):
        window.accept(sequence)
        return True
    return False


steps = st.lists(
    st.one_of(
        st.tuples(st.just("due"), st.integers(1, 200)),
        st.tuples(st.just("ahead"), st.one_of(st.integers(0, 70), st.integers(0, 5000))),
        st.tuples(st.just("behind"), st.integers(0, 70)),
        st.tuples(st.just("exactly"), st.one_of(st.integers(0, 130), st.sampled_from([2**32 - 1, 2**32 - 64]))),
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=200)
@given(steps, st.booleans())
def test_window_agrees_with_the_model(walk: list[tuple[str, int]], shortcut: bool) -> None:
    window, model = ReplayWindow(), Model()
    for kind, amount in walk:
        highest = max(model.seen, default=0)
        numbers = {
            "due": range(highest + 1, highest + 1 + amount),
            "ahead": (highest + amount,),
            "behind": (highest - amount,),
            "exactly": (amount,),
        }[kind]
        for sequence in numbers:
            if not 0 <= sequence < 2**32:
                continue
            expected = model.allows(sequence)
            assert receive(window, sequence, shortcut=shortcut) is expected, sequence
            if expected:
                model.seen.add(sequence)
        assert window.highest == max(model.seen, default=0)
        assert window.bitmap == sum(1 << age for age in range(WINDOW_SIZE) if window.highest - age in model.seen)


def test_edges_of_the_window() -> None:
    """B059: a repeated number and one outside the window are refused; the number 0 is never sent."""
    window = ReplayWindow()
    assert not window.allows(0)
    window.accept(100)
    assert not window.allows(100)
    assert not window.allows(100 - WINDOW_SIZE)
    assert window.allows(100 - WINDOW_SIZE + 1)
    window.accept(37)
    assert not window.allows(37)
    assert window.highest == 100
    assert window.bitmap == 1 << 63 | 1


def test_asking_changes_nothing() -> None:
    """B160: the check comes before authentication, so a forged number must leave no mark."""
    window = ReplayWindow()
    for sequence in (1, 2, 3):
        window.accept(sequence)
    for forged in (0, 1, 4, 2**32 - 1):
        window.allows(forged)
    assert (window.highest, window.bitmap) == (3, 0b111)
