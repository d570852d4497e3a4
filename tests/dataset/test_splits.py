"""No source in two splits, enough in each, the same every time."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dataset.splits import split

sources = st.text(min_size=1, max_size=12)
pairs = st.lists(st.tuples(sources, st.sampled_from(["cry", "laugh", "babble"])), max_size=60)
shares = st.sampled_from([0.0, 0.1, 0.15, 0.3, 0.45])


@settings(max_examples=200, deadline=None)
@given(pairs, shares, shares)
def test_every_source_has_one_split_and_something_is_left_to_train_on(spans, val, test):
    assigned = split(spans, val, test)
    assert set(assigned) == {source for source, _ in spans}
    assert set(assigned.values()) <= {"train", "val", "test"}
    if spans:
        assert "train" in assigned.values()


@settings(max_examples=100, deadline=None)
@given(pairs, st.randoms(use_true_random=False))
def test_the_order_of_spans_does_not_matter(spans, random):
    shuffled = list(spans)
    random.shuffle(shuffled)
    assert split(spans, 0.15, 0.15) == split(shuffled, 0.15, 0.15)


@pytest.mark.parametrize("kind", ["cry", "laugh", "babble"])
def test_three_sources_of_a_vocalization_reach_all_three_splits(kind):
    assert sorted(split([(f"s{i}", kind) for i in range(3)], 0.15, 0.15).values()) == [
        "test",
        "train",
        "val",
    ]


def test_two_sources_reach_train_and_test_and_one_reaches_train():
    assert sorted(split([("a", "cry"), ("b", "cry")], 0.2, 0.2).values()) == ["test", "train"]
    assert split([("a", "cry")], 0.4, 0.4) == {"a": "train"}


def test_shares_are_met_where_there_are_many():
    counts = Counter(split([(f"s{i}", "cry") for i in range(200)], 0.1, 0.2).values())
    assert counts == {"train": 140, "val": 20, "test": 40}


def test_one_more_source_moves_at_most_two_others():
    names = [f"s{i}" for i in range(50)]
    before = split([(name, "cry") for name in names], 0.15, 0.15)
    after = split([(name, "cry") for name in [*names, "new"]], 0.15, 0.15)
    assert sum(before[name] != after[name] for name in names) <= 2


def test_a_source_of_two_vocalizations_counts_as_the_more_frequent():
    both = [("x", "cry"), ("x", "laugh"), ("x", "laugh")]
    assigned = split([*both, ("y", "laugh"), ("z", "laugh")], 0.3, 0.3)
    assert sorted(assigned.values()) == ["test", "train", "val"]
