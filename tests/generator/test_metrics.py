import numpy as np
import pytest

from pipeline.generator import metrics
from pipeline.generator.metrics import rhythm


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


RATE = 30.0


def judged(made, true, energy=None, kind="cry"):
    regions = metrics.Regions(np.arange(4), (0, 2), np.arange(6, 8), np.arange(6))
    energy = np.zeros(len(true)) if energy is None else energy
    row = metrics.judge(made, true, np.zeros(true.shape[1:]), regions, 2.0, energy, RATE)
    return {"vocalization": kind, **row}


def random_faces(frames, seed):
    random = np.random.default_rng(seed)
    true = random.normal(0, 3, (frames, 8, 3))
    return true + random.normal(0, 1, true.shape), true


def test_overall_pools_errors_by_frame_and_f1_by_count():
    (first, true_first), (second, true_second) = random_faces(10, 0), random_faces(30, 1)
    a, b = judged(first, true_first), judged(second, true_second)
    found = metrics.overall([a, b])
    joined = judged(np.concatenate([first, second]), np.concatenate([true_first, true_second]))
    for name in (*metrics.CONVENTIONS, "mve_mm"):
        assert found[name] == pytest.approx(joined[name]), name
    assert found["l_ccc"] == pytest.approx((a["l_ccc"] + b["l_ccc"]) / 2)
    hit, false, missed = (joined[f"closed_{what}"] for what in ("hit", "false", "missed"))
    assert found["mouth_closed_f1"] == pytest.approx(2 * hit / (2 * hit + false + missed))
    spread = (a["upper_spread_mm"] + b["upper_spread_mm"]) / (
        a["upper_spread_true_mm"] + b["upper_spread_true_mm"]
    )
    assert found["upper_spread"] == pytest.approx(spread)


def test_a_mouth_never_closed_has_no_f1():
    row = judged(*random_faces(5, 0)) | {"closed_hit": 0, "closed_false": 0, "closed_missed": 0}
    assert "mouth_closed_f1" not in metrics.overall([row])


def test_the_truth_itself_is_perfect():
    _, true = random_faces(20, 3)
    found = metrics.overall([judged(true, true)])
    for name in metrics.LOWER_IS_BETTER:
        assert found[name] == 0, name
    for name in metrics.HIGHER_IS_BETTER:
        assert found[name] == pytest.approx(1), name
    assert found["fdd_mm2"] == 0
    assert found["upper_spread"] == found["lower_spread"] == pytest.approx(1)
    assert found["jerk"] == pytest.approx(1)


def test_the_published_conventions_are_in_the_order_that_squares_demand():
    made, true = random_faces(50, 2)
    found = metrics.lip_errors(made[:, :4], true[:, :4])
    # A mean of distances is never above the root of the mean square.
    assert found["lve_l2_mm"] <= found["lve_rms_mm"] == pytest.approx(found["lve_mm2"] ** 0.5)
    # Of three axes one holds at least a third of the largest square, and none more than it.
    assert found["lve_mm2"] / 3 <= found["lve_xyz_mm2"] <= found["lve_mm2"]
    assert metrics.squared_lve(made[:, :4], true[:, :4]) == found["lve_mm2"]


def test_fdd_by_hand():
    rest = np.zeros((1, 3))
    # Squared distances from rest: 0, 4 (deviation 2) against 0, 1 (deviation 1/2).
    true, made = path([0.0, 2]), path([0.0, 1])
    assert metrics.dynamics(made, true, rest) == {"fdd_mm2": 1.5, "fdd_abs_mm2": 1.5}
    assert metrics.dynamics(true, made, rest) == {"fdd_mm2": -1.5, "fdd_abs_mm2": 1.5}


def test_signed_fdd_cancels_over_spans_and_absolute_does_not():
    still, lively = np.zeros((4, 8, 3)), np.zeros((4, 8, 3))
    lively[::2, 6:] = 2.0
    rows = [judged(still, lively), judged(lively, still)]
    found = metrics.overall(rows)
    assert found["fdd_mm2"] == 0
    # Squared distances 12, 0, 12, 0: a deviation of 6.
    assert found["fdd_abs_mm2"] == pytest.approx(6)


def test_spread_by_hand():
    # Along x -1, 1 and along y -2, 2: variances 1 and 4.
    paths = np.zeros((2, 1, 3))
    paths[:, 0, 0], paths[:, 0, 1] = [-1, 1], [-2, 2]
    assert metrics.spread(paths) == pytest.approx(5**0.5)


def test_jerk_by_hand():
    # t^3 has the third difference 6 everywhere: at 10 frames a second 6 mm / 0.001 s3.
    paths = np.zeros((9, 2, 3))
    paths[:, 0, 0] = np.arange(9.0) ** 3
    assert metrics.jerk(paths, 10) == pytest.approx((6 + 0) / 2)
    assert metrics.jerk(paths[:3], 10) == 0


def test_jerk_is_of_trembling_and_not_of_moving():
    time_s = np.arange(200) / RATE
    slow = path(10 * np.sin(2 * np.pi * 0.5 * time_s))
    trembling = slow + path(0.3 * np.sin(2 * np.pi * 10 * time_s))
    assert metrics.jerk(trembling, RATE) > 20 * metrics.jerk(slow, RATE)


def test_regions_are_found_on_a_face_of_any_place_and_size():
    brow, chin, nape = [0, 40, 50], [0, -70, 50], [0, 0, -60]
    rest = np.array([[-17, -40, 57], [17, -40, 57], [0, -38, 57], [0, -42, 57], brow, chin, nape])
    for scale, shift in ((1.0, 0.0), (0.5, 30.0)):
        found = metrics.regions(rest * scale + shift, np.arange(4), (2, 3))
        assert found.upper.tolist() == [4]
        assert found.lower.tolist() == [0, 1, 2, 3, 5]
    # Lips alone have neither.
    alone = metrics.regions(rest[:4], np.arange(4), (2, 3))
    assert alone.upper.tolist() == [0, 1, 2, 3]


def bursts(starts, frames=90, length=9, height=1.0):
    """Half sines of so many frames."""
    track = np.zeros(frames)
    for start in starts:
        track[start : start + length] = height * np.sin(np.pi * np.arange(length) / (length - 1))
    return track


def test_onsets_are_where_half_of_the_rise_is_done():
    # A half sine over 8 frames is at a half after a third of its rise of 4 frames.
    found = rhythm.onsets(bursts([10, 40], length=9), 0.2, RATE)
    np.testing.assert_allclose(found, [10 + 4 / 3, 40 + 4 / 3], atol=0.1)
    assert len(rhythm.onsets(np.zeros(30), 0.2, RATE)) == 0
    # One that begins within the span's first frame counts too.
    assert len(rhythm.onsets(bursts([0])[4:], 0.2, RATE)) == 1


def test_beat_alignment_by_hand():
    heard = np.array([10.0, 40.0])
    assert rhythm.beat_alignment(heard, heard, RATE) == 1
    # 1.5 frames are 50 ms, one deviation; the other onset is met.
    off = rhythm.beat_alignment(heard, np.array([11.5, 40.0]), RATE)
    assert off == pytest.approx((np.exp(-0.5) + 1) / 2)
    assert rhythm.beat_alignment(heard, np.array([]), RATE) == 0
    assert rhythm.beat_alignment(np.array([]), heard, RATE) is None


def test_loudness_counts_from_the_loudest_and_silence_below_it():
    energy = np.array([-80.0] * 50 + [-20.0] * 50)
    # 9 frames are 0.3 s, in which a mouth may open for what comes.
    assert rhythm.silent(energy, RATE).tolist() == [True] * 41 + [False] * 59
    # A whisper of a recording is no voice.
    assert rhythm.silent(np.full(9, -70.0), RATE).all()


def moving(aperture):
    """A face whose aperture, between vertices 0 and 2, is as given."""
    face = np.zeros((len(aperture), 8, 3))
    face[:, 0, 1] = aperture
    return face


def test_event_rates_are_of_the_mouth_for_those_of_the_sound():
    sound = 25 * bursts([5, 35, 65]) - 40
    true, made = moving(bursts([5, 35, 65], height=10)), moving(bursts([5, 65], height=10))
    rows = [judged(made, true, sound, "laugh"), judged(made, true, sound, "cry")]
    found = metrics.overall(rows)
    assert found["laugh_rate"] == pytest.approx(2 / 3)
    assert found["laugh_rate_true"] == 1
    assert "babble_rate" not in found
    assert found["beat_alignment_true"] == pytest.approx(1, abs=0.01)
    assert found["beat_alignment"] == pytest.approx(2 / 3, abs=0.01)


def test_a_mouth_closed_on_silence_is_counted_there_alone():
    sound = np.array([-80.0] * 4 + [-80.0] * 9 + [-20.0] * 4)
    true = moving(np.array([0.0, 0, 5, 5] + [0] * 13))
    made = moving(np.array([0.0, 5, 0, 5] + [5] * 13))
    row = judged(made, true, sound)
    assert [row[f"silence_{what}"] for what in ("hit", "false", "missed")] == [1, 1, 1]
    assert metrics.overall([row])["silence_closed_f1"] == pytest.approx(0.5)


def test_silence_throughout_leaves_rhythm_out():
    true = moving(bursts([5], height=10))
    found = metrics.overall([judged(true, true, np.full(90, -80.0), "laugh")])
    assert "beat_alignment" not in found
    assert "laugh_rate" not in found


def test_samples_by_hand():
    true = path([0.0, 0.0])
    lips = np.stack([path([1.0, 1.0]), path([-3.0, -3.0])])
    apertures = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    found = metrics.judge_samples(lips, apertures, true, np.array([1.0, 2.0, 3.0]))
    assert found["diversity_mm"] == pytest.approx(4)
    assert found["lve_mean_mm2"] == pytest.approx((1 + 9) / 2)
    assert found["lve_best_mm2"] == pytest.approx(1)
    assert found["lve_of_mean_mm2"] == pytest.approx(1)  # the mean stands at -1
    assert found["aperture_pcc_best"] == pytest.approx(1)
    assert found["aperture_pcc_mean"] == pytest.approx(0)
    assert found["aperture_ccc_best"] == pytest.approx(1)


def test_series_by_hand():
    pearson, lin = metrics.series(np.array([2.0, 4, 6]), np.array([1.0, 2, 3]))
    assert pearson == pytest.approx(1)
    assert lin == pytest.approx((2 * 4 / 3) / (2 / 3 + 8 / 3 + 4))
