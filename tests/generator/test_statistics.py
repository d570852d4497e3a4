import numpy as np
import pytest

from pipeline.generator.metrics import holm, interval, sign_flip, spreads


def test_interval_holds_the_mean_and_narrows_with_sources():
    random = np.random.default_rng(0)
    few = {f"c{i}": v for i, v in enumerate(random.normal(1, 1, 5))}
    many = {f"c{i}": v for i, v in enumerate(random.normal(1, 1, 200))}
    for sample in (few, many):
        low, high = interval(sample)
        assert low < np.mean(list(sample.values())) < high
    assert np.subtract(*interval(many)) > np.subtract(*interval(few))
    assert interval(few) == interval(dict(reversed(few.items())))


def test_interval_of_many_is_the_textbooks():
    values = np.random.default_rng(1).normal(3, 2, 400)
    low, high = interval({str(i): v for i, v in enumerate(values)})
    half = 1.96 * values.std(ddof=1) / 20
    assert low == pytest.approx(values.mean() - half, abs=0.03)
    assert high == pytest.approx(values.mean() + half, abs=0.03)


def test_sign_flip_by_hand():
    # Of the four ways to sign 1 and 2, two (++ and --) reach 3.
    assert sign_flip([1.0, 2.0]) == pytest.approx(0.5)
    # Sums of +-1 +-1 +-1: two of eight reach 3; six of eight and more reach 1.
    assert sign_flip([1.0, 1.0, 1.0]) == pytest.approx(0.25)
    assert sign_flip([1.0, 1.0, -1.0]) == 1
    assert sign_flip([0.0, 0.0]) == 1


def test_sign_flip_of_many_by_chance():
    random = np.random.default_rng(2)
    assert sign_flip(list(random.normal(1, 1, 40))) < 0.001
    assert sign_flip(list(random.normal(0, 1, 40) * np.tile([1, -1], 20))) > 0.05


def test_holm_by_hand():
    # Sorted .01 .03 .04: times 3, 2, 1, never below the one before.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_seeds_are_told_apart_from_sources():
    values = {
        (seed, source): 10.0 * place + seed
        for seed in (0, 1, 2)
        for place, source in enumerate("ab")
    }
    seeds, sources = spreads(values)
    assert seeds == pytest.approx(1)
    assert sources == pytest.approx(np.std([0, 10], ddof=1))
    alone, _ = spreads({(0, "a"): 1.0, (0, "b"): 2.0})
    assert np.isnan(alone)
