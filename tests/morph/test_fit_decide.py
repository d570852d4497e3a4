"""What is cut out of spans where the fit is poor."""

import numpy as np
import pandas as pd
import pytest

from pipeline.core import ledger
from pipeline.core.reasons import Reason, State
from pipeline.morph.fit_decide import Decided, decide
from pipeline.morph.params import Fit

PARAMS = Fit(max_residual_mm=3.0, max_gap_frames=2, min_span_s=1.0)


def judge(
    residual_mm: list[float] | np.ndarray, spans: list[tuple[int, int]], bridged: tuple = ()
) -> Decided:
    poses = pd.DataFrame(
        {"clip": "one", "frame": np.arange(len(residual_mm)), "residual_mm": residual_mm}
    )
    table = pd.DataFrame(spans, columns=["start_frame", "end_frame"]).assign(
        clip="one", span=range(len(spans)), vocalization="cry", bridged=0
    )
    carried = pd.DataFrame({"clip": "one", "frame": pd.Series(bridged, dtype=int)})
    return decide(poses, table, carried, PARAMS)


def left(decided: Decided) -> list[tuple[int, int]]:
    return list(zip(decided.spans["start_frame"], decided.spans["end_frame"], strict=True))


def test_a_good_span_stays_whole() -> None:
    decided = judge(np.full(60, 1.0), [(10, 50)])
    assert left(decided) == [(10, 50)]
    assert list(decided.frames["frame"]) == list(range(10, 50))
    assert set(decided.frames["reason"]) == {"kept"}
    assert decided.clips[0].reason is Reason.KEPT
    assert decided.clips[0].measured == pytest.approx(40 / 30)


def test_poor_frames_cut_a_span_in_two() -> None:
    residual = np.full(100, 1.0)
    residual[45:50] = 8.0
    decided = judge(residual, [(0, 100)])
    assert left(decided) == [(0, 45), (50, 100)]
    assert list(decided.spans["span"]) == [0, 1]
    assert (decided.frames.set_index("frame")["reason"] == "fit_poor")[45:49].all()


def test_a_short_gap_is_carried_over_and_marked() -> None:
    residual = np.full(60, 1.0)
    residual[[30, 31]] = [8.0, np.nan]
    decided = judge(residual, [(0, 60)])
    assert left(decided) == [(0, 60)]
    assert list(decided.spans["bridged"]) == [2]
    reasons = decided.frames.set_index("frame")["reason"]
    assert list(reasons[29:33]) == ["kept", "fit_poor", "fit_poor", "kept"]


def test_what_is_left_too_short_is_said_to_be() -> None:
    residual = np.full(70, 1.0)
    residual[20:30] = np.inf
    decided = judge(residual, [(0, 70)])
    assert left(decided) == [(30, 70)]
    rows = decided.frames.set_index("frame")
    assert set(rows["reason"][:20]) == {"span_too_short"}
    assert rows["measured"][0] == pytest.approx(20 / 30)
    assert rows["op"][0] == ">="


def test_frames_that_select_bridged_are_not_judged_and_split_nothing() -> None:
    residual = np.full(60, 1.0)
    residual[28:33] = np.nan
    decided = judge(residual, [(0, 60)], bridged=(28, 29, 30, 31, 32))
    assert left(decided) == [(0, 60)]
    assert not set(decided.frames["frame"]) & set(range(28, 33))
    assert list(decided.spans["bridged"]) == [5]


def test_thirty_frames_are_one_second() -> None:
    assert left(judge(np.full(30, 3.0), [(0, 30)])) == [(0, 30)]
    assert left(judge(np.full(30, 3.0), [(0, 29)])) == []


def test_a_clip_of_which_nothing_is_left_is_rejected() -> None:
    decided = judge(np.full(60, 4.0), [(0, 60)])
    assert left(decided) == []
    row = decided.clips[0]
    assert (row.reason, row.state) == (Reason.FIT_POOR, State.REJECTED)
    assert "60 of 60 frames" in row.detail


def test_nothing_in_nothing_out() -> None:
    decided = judge([], [])
    assert (len(decided.spans), len(decided.frames), decided.clips) == (0, 0, [])


def test_the_ledger_accepts_every_verdict(tmp_path) -> None:
    rng = np.random.default_rng(0)
    for round_ in range(20):
        residual = rng.choice([1.0, 5.0, np.nan], 200, p=[0.93, 0.05, 0.02])
        decided = judge(residual, [(0, 90), (100, 200)], bridged=tuple(range(50, 53)))
        ledger.write_frames(tmp_path / f"{round_}.parquet", "fit", decided.frames)
        ledger.write_clips(tmp_path / f"c{round_}.parquet", "fit", decided.clips, ["one"])
        inside = sum(end - start for start, end in left(decided))
        kept = int((decided.frames["reason"] == "kept").sum())
        assert kept == inside - decided.spans["bridged"].sum()
