import numpy as np
import pytest

from pipeline.generator import metrics


def test_the_conventions_of_lve_by_hand():
    true = np.zeros((2, 2, 3))
    predicted = true.copy()
    predicted[0, 0] = [3, 0, 4]  # 5 mm off
    predicted[0, 1] = [0, 1, 0]
    predicted[1, 1] = [0, 0, 2]  # 2 mm off
    found = metrics.lip_errors(predicted, true)
    assert found["lve_mm2"] == pytest.approx((25 + 4) / 2)
    assert found["lve_l2_mm"] == pytest.approx((5 + 2) / 2)
    assert found["lve_rms_mm"] == pytest.approx(np.sqrt(14.5))
    # Frame 0: the lips' mean is off by (1.5, .5, 2), so both are off by |(1.5, -.5, 2)|.
    assert found["lve_centred_mm"] == pytest.approx((np.sqrt(6.5) + 1) / 2)
    # 3DiFACE: worst square an axis: 9, 1, 16 and 0, 0, 4.
    assert found["lve_xyz_mm2"] == pytest.approx((9 + 1 + 16 + 0 + 0 + 4) / 6)


def test_mean_vertex_error_by_hand():
    predicted = np.array([[[3.0, 0, 4], [0, 0, 0]]])
    assert metrics.mean_vertex_error(predicted, np.zeros((1, 2, 3))) == pytest.approx(2.5)


def brute_dtw(x, y):
    total = np.full((len(x) + 1, len(y) + 1), np.inf)
    total[0, 0] = 0
    for i in range(len(x)):
        for j in range(len(y)):
            step = min(total[i, j], total[i, j + 1], total[i + 1, j])
            total[i + 1, j + 1] = abs(x[i] - y[j]) + step
    return total[-1, -1] / len(y)


def test_dtw_is_the_brute_forces():
    random = np.random.default_rng(0)
    for n, m in ((1, 1), (1, 6), (7, 3), (20, 20), (31, 25)):
        x, y = random.normal(5, 2, n), random.normal(5, 2, m)
        assert metrics.aperture_dtw(x, y) == pytest.approx(brute_dtw(x, y))


def test_dtw_by_hand():
    assert metrics.aperture_dtw(np.array([0.0, 0, 5]), np.array([0.0, 5, 5])) == 0
    assert metrics.aperture_dtw(np.array([1.0, 1]), np.array([0.0, 0])) == pytest.approx(1)


def path(values):
    """One lip vertex moving along x."""
    lips = np.zeros((len(values), 1, 3))
    lips[:, 0, 0] = values
    return lips


def test_correlations_by_hand():
    true = path([1.0, 2, 3])
    assert metrics.correlations(true, true) == {
        "l_pcc": pytest.approx(1),
        "l_ccc": pytest.approx(1),
    }
    # Twice as far and 2 off: Pearson sees neither. 2 * (4/3) / (2/3 + 8/3 + 4).
    wide = metrics.correlations(path([2.0, 4, 6]), true)
    assert wide["l_pcc"] == pytest.approx(1)
    assert wide["l_ccc"] == pytest.approx((2 * 4 / 3) / (2 / 3 + 8 / 3 + 4))
    against = metrics.correlations(path([3.0, 2, 1]), true)
    assert against["l_pcc"] == pytest.approx(-1)
    assert against["l_ccc"] == pytest.approx(-1)


def test_a_face_that_does_not_move_correlates_with_nothing():
    assert metrics.correlations(path([2.0, 2, 2]), path([1.0, 2, 3])) == {"l_pcc": 0, "l_ccc": 0}
    assert metrics.correlations(path([1.0, 2, 3]), path([2.0, 2, 2])) == {"l_pcc": 0, "l_ccc": 0}


def test_correlation_is_over_all_axes_of_a_vertex():
    true = np.zeros((3, 1, 3))
    true[:, 0, 0], true[:, 0, 1] = [-1, 0, 1], [-1, 0, 1]
    predicted = true.copy()
    predicted[:, 0, 1] *= -1  # one axis right, the other reversed
    assert metrics.correlations(predicted, true)["l_pcc"] == pytest.approx(0, abs=1e-12)


def test_closed_by_hand():
    counts = metrics.closed_counts(np.array([1.0, 1, 3, 3]), np.array([1.0, 3, 1, 3]), 2.0)
    assert counts == {"closed_hit": 1, "closed_false": 1, "closed_missed": 1}


def random_rows(frames, seed):
    random = np.random.default_rng(seed)
    true = random.normal(0, 3, (frames, 8, 3))
    made = true + random.normal(0, 1, true.shape)
    return made, true, metrics.judge(made, true, np.arange(4), (0, 2), 2.0)


def test_overall_pools_errors_by_frame_and_f1_by_count():
    first, true_first, a = random_rows(10, 0)
    second, true_second, b = random_rows(30, 1)
    found = metrics.overall([a, b])
    joined = metrics.judge(
        np.concatenate([first, second]),
        np.concatenate([true_first, true_second]),
        np.arange(4),
        (0, 2),
        2.0,
    )
    for name in ("lve_mm2", "lve_l2_mm", "lve_rms_mm", "lve_centred_mm", "lve_xyz_mm2", "mve_mm"):
        assert found[name] == pytest.approx(joined[name]), name
    assert found["l_ccc"] == pytest.approx((a["l_ccc"] + b["l_ccc"]) / 2)
    hit, false, missed = (joined[f"closed_{what}"] for what in ("hit", "false", "missed"))
    assert found["mouth_closed_f1"] == pytest.approx(2 * hit / (2 * hit + false + missed))


def test_a_mouth_never_closed_has_no_f1():
    _, _, row = random_rows(5, 0)
    row |= {"closed_hit": 0, "closed_false": 0, "closed_missed": 0}
    assert "mouth_closed_f1" not in metrics.overall([row])


def test_interval_holds_the_mean_and_narrows_with_clips():
    random = np.random.default_rng(0)
    few = {f"c{i}": v for i, v in enumerate(random.normal(1, 1, 5))}
    many = {f"c{i}": v for i, v in enumerate(random.normal(1, 1, 200))}
    for sample in (few, many):
        low, high = metrics.interval(sample)
        assert low < np.mean(list(sample.values())) < high
    assert np.subtract(*metrics.interval(many)) > np.subtract(*metrics.interval(few))
    assert metrics.interval(few) == metrics.interval(dict(reversed(few.items())))
