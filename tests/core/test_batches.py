"""What goes through a device at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.batches import padded


@given(st.lists(st.integers(0, 50)), st.integers(0, 120))
def test_each_has_its_place_once_and_a_group_is_no_larger_than_there_is_room_for(
    sizes: list[int], most: int
) -> None:
    groups = [*padded(sizes, most)]
    assert sorted(place for group in groups for place in group) == list(range(len(sizes)))
    for group in groups:
        longest = sizes[group[0]]
        assert all(sizes[place] <= longest for place in group)
        assert len(group) == 1 or len(group) * longest <= most


@pytest.mark.parametrize(
    ("sizes", "groups"),
    [([], []), ([2, 4, 1, 4, 12, 3], [[4], [1, 3], [5, 0, 2]]), ([3, 3, 3], [[0, 1, 2]])],
)
def test_the_largest_come_first(sizes: list[int], groups: list[list[int]]) -> None:
    assert [*padded(sizes, 9)] == groups
