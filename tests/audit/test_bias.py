"""Keep rates by group: figures known from the literature, planted bias, and none where none is."""

import numpy as np
import pandas as pd
import pytest

from pipeline.audit import bias
from pipeline.audit.bias import COLUMNS, UNKNOWN, holm, newcombe, retention, wilson
from pipeline.audit.groups import AGE, LIGHT, TONE


def clips(**groups):
    """A table in which `groups` names (kept, dropped) of each group of the trait `kind`."""
    rows = [
        {"kind": name, "kept": kept, "source": f"{name} {number % 7}"}
        for name, counts in groups.items()
        for kept, count in zip((True, False), counts, strict=True)
        for number in range(count)
    ]
    return pd.DataFrame(rows, columns=["kind", "kept", "source"])


def by_group(table):
    return table.set_index("group")


# Newcombe 1998, Statistics in Medicine 17, 857-872, table II (method 3), to four digits.
@pytest.mark.parametrize(
    ("kept", "count", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_s_interval_is_the_published_one(kept, count, low, high):
    assert wilson(kept, count) == pytest.approx((low, high), abs=6e-5)


# Newcombe 1998, Statistics in Medicine 17, 873-890, table II (method 10), to four digits.
@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_newcombe_s_interval_is_the_published_one(first, second, low, high):
    assert newcombe(*first, *second) == pytest.approx((low, high), abs=6e-5)


def test_holm_steps_down_and_never_beyond_one():
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, none below the one before.
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.9, 0.8])) == pytest.approx([1.0, 1.0])
    assert holm(np.array([])).shape == (0,)


def test_fisher_s_tea_has_its_p_value():
    row = by_group(retention(clips(milk=(3, 1), tea=(1, 3)), ["kind"])).loc["milk"]
    assert row["p"] == pytest.approx(34 / 70)
    assert not row["differs"]


def test_a_group_that_is_dropped_more_often_is_flagged():
    table = retention(clips(light=(70, 30), tan=(3, 1), brown=(35, 65)), ["kind"])
    assert tuple(table.columns) == COLUMNS
    found = by_group(table)
    row = found.loc["brown"]
    assert row["differs"]
    assert (row["clips"], row["kept"], row["sources"]) == (100, 35, 7)
    assert row["rest_rate"] == pytest.approx(73 / 104)
    assert row["difference"] == pytest.approx(0.35 - 73 / 104)
    assert row["difference_low"] < row["difference"] < row["difference_high"] < 0
    assert row["low"] < row["rate"] < row["high"] < row["rest_rate"]
    # Three clips of four are not enough to say so.
    assert not found.loc["tan", "differs"]


def test_what_would_be_flagged_alone_is_not_beside_many():
    many = clips(odd=(2, 10), **{f"g{n}": (8, 6) for n in range(10)})
    row = by_group(retention(many, ["kind"])).loc["odd"]
    assert row["p"] < 0.05 < row["p_holm"]
    assert not row["differs"]


def test_where_nothing_differs_it_is_seldom_said_that_something_does():
    rng = np.random.default_rng(3)
    flagged = 0
    for _ in range(30):
        table = pd.DataFrame({"kept": rng.random(600) < 0.6, "source": "one"})
        table["kind"] = rng.integers(0, 6, 600).astype(str)
        flagged += retention(table, ["kind"])["differs"].any()
    # At most 5% of such tables.
    assert flagged < 6


def test_what_is_not_known_is_counted_and_compared_with_nothing():
    found = by_group(retention(clips(a=(20, 0), b=(18, 2), **{UNKNOWN: (0, 40)}), ["kind"]))
    assert found.loc[UNKNOWN, "clips"] == 40
    assert np.isnan(found.loc[UNKNOWN, "p"])
    assert not found.loc[UNKNOWN, "differs"]
    assert found.loc["a", "rest_rate"] == pytest.approx(0.9)


def test_one_group_and_none_at_all():
    (row,) = retention(clips(only=(3, 2)), ["kind"]).to_dict("records")
    assert row["rate"] == 0.6
    assert np.isnan(row["rest_rate"])
    assert not row["differs"]
    assert len(retention(clips(), ["kind"])) == 0


def test_groups_of_a_scale_keep_their_order_and_names_come_by_size():
    table = clips(few=(1, 1), many=(5, 5))
    table["age"] = AGE.of(np.array([30.0, 2.0, np.nan] * 4))
    found = retention(table, ["kind", "age"])
    assert list(found.loc[found["trait"] == "kind", "group"]) == ["many", "few"]
    ages = list(found.loc[found["trait"] == "age", "group"])
    assert ages == ["to 3 months", "beyond 24 months", UNKNOWN]


@pytest.mark.parametrize(
    ("angle_deg", "name"),
    [
        (60, "very light"),
        (55, "light"),
        (41.1, "light"),
        (41, "intermediate"),
        (28, "tan"),
        (10, "brown"),
        (-29, "brown"),
        (-30, "dark"),
        (-80, "dark"),
        (np.nan, UNKNOWN),
    ],
)
def test_tones_are_told_by_the_published_edges(angle_deg, name):
    assert TONE.of(np.array([angle_deg]))[0] == name


def test_every_scale_has_one_name_more_than_edges():
    for bands in (AGE, TONE, LIGHT):
        assert len(bands.names) == len(bands.edges) + 1
        assert list(bands.edges) == sorted(bands.edges)


def test_the_interval_holds_the_rate_at_both_ends():
    for count in (1, 3, 1000):
        for kept in (0, count):
            low, high = wilson(kept, count)
            assert 0 <= low <= kept / count <= high <= 1
    assert bias.wilson(0, 0) == (0.0, 1.0)
