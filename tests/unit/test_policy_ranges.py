"""Bit vectors over ranges, against plain membership."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.policy.match import covers
from nsemu.policy.ranges import Range, RangeIndex, SparseIndex, bits, complement, merge

LAST = 40
ranges = st.lists(
    st.tuples(st.integers(0, LAST), st.integers(0, LAST)).map(lambda pair: (min(pair), max(pair))), max_size=8
)


def numbers(of: list[Range] | tuple[Range, ...]) -> set[int]:
    return {number for low, high in of for number in range(low, high + 1)}


@settings(deadline=None, max_examples=100)
@given(ranges)
def test_merge_and_complement_part_the_numbers(of: list[Range]) -> None:
    merged, rest = merge(of), complement(merge(of), LAST)
    assert numbers(merged) == numbers(of)
    assert numbers(rest) == set(range(LAST + 1)) - numbers(of)
    assert all(first[1] + 1 < second[0] for first, second in pairwise(merged))
    assert [number for number in range(LAST + 1) if covers(merged, number)] == sorted(numbers(of))


@settings(deadline=None, max_examples=100)
@given(st.lists(ranges, max_size=70))
def test_an_index_names_the_items_that_cover_a_number(items: list[list[Range]]) -> None:
    rows = [(item, merge(of)) for item, of in enumerate(items)]
    index, sparse = RangeIndex(rows), SparseIndex(rows)
    for number in (*range(LAST + 2), 1000):
        wanted = [item for item, of in enumerate(items) if number in numbers(of)]
        assert list(bits(index.at(number))) == list(bits(sparse.at(number))) == wanted
        mask, first = sparse.sparse_at(number)
        assert [first + item for item in bits(mask)] == wanted
        assert mask & 1 or not mask


def test_complement_of_nothing_is_all_and_of_all_nothing() -> None:
    assert complement((), 5) == ((0, 5),)
    assert complement(((0, 5),), 5) == ()
