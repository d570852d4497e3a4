"""Every gate provoked, every span rule, every word of a reviewer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.core.errors import CradleError
from pipeline.core.reasons import Reason, State
from pipeline.dataset.decide import decide
from pipeline.dataset.params import Select
from tests.dataset import world

# So that no default of a scale that another stage owns decides here.
THRESHOLDS = Select(
    min_brightness=1000,
    min_sharpness=1000,
    min_face_px=100,
    max_gap_frames=3,
    min_span_s=1.0,
    min_face_visible=0.8,
    min_mouth_visible=0.75,
    min_mouth_of_usual=0.9,
    max_yaw_deg=40,
    max_pitch_deg=30,
    min_snr_db=8,
    max_decay_s=0.5,
    max_adult_overlap=0.25,
    min_infant_s=0.5,
    max_clipped_share=0.01,
    min_infant_likeness=0.5,
    min_mouth_inside=0.9,
    min_stirs_mm=0.36,
)

BAD_FRAMES = [
    (Reason.NO_FACE, {"found": False}, "face_score"),
    (Reason.NO_FACE, {"face_score": 0.1}, "face_score"),
    (Reason.UNSURE, {"infant_likeness": 0.55}, "surety"),
    (Reason.UNSURE, {"infant_likeness": 0.45}, "surety"),
    (Reason.ADULT_ONLY, {"infant_likeness": 0.2}, "infant_likeness"),
    (Reason.FACE_SMALL, {"face_px": 40.0}, "face_px"),
    (Reason.STILL, {"stirs_mm": 0.2}, "stirs_mm"),
    (Reason.OUT_OF_FRAME, {"mouth_inside": 0.5}, "mouth_inside"),
    (Reason.DARK, {"brightness": 10.0}, "brightness"),
    (Reason.BLURRED, {"sharpness": 10.0}, "sharpness"),
    (Reason.TURNED_AWAY, {"yaw_deg": -55.0}, "yaw_abs_deg"),
    (Reason.TURNED_AWAY, {"yaw_deg": 55.0}, "yaw_abs_deg"),
    (Reason.TURNED_AWAY, {"pitch_deg": 35.0}, "pitch_abs_deg"),
    (Reason.FACE_HIDDEN, {"face_visible": 0.5}, "face_visible"),
    (Reason.MOUTH_HIDDEN, {"mouth_visible": 0.61}, "mouth_visible"),
    (Reason.MOUTH_HIDDEN, {"mouth_visible": np.nan}, "mouth_visible"),
    (Reason.MOUTH_HIDDEN, {"mouth_of_usual": 0.8}, "mouth_of_usual"),
]
BAD_VOICES = [
    (Reason.NO_INFANT_VOICE, {"infant_s": 0.1}, "infant_s"),
    (Reason.CLIPPED, {"clipped_share": 0.2}, "clipped_share"),
    (Reason.ADULT_TALKS_OVER, {"adult_overlap": 0.7}, "adult_overlap"),
    (Reason.TOO_NOISY, {"snr_db": 2.0}, "snr_db"),
    (Reason.ECHOING, {"decay_s": 1.4}, "decay_s"),
]


def only(rows):
    (row,) = rows
    return row


@pytest.mark.parametrize(("reason", "values", "measure"), BAD_FRAMES)
def test_a_frame_gate_drops_its_frames_and_their_clip_for_its_own_reason(reason, values, measure):
    decided = decide(world.tables(spoil_frames=[("a", slice(None), values)]), THRESHOLDS)
    assert set(decided.frames["reason"]) == {str(reason)}
    assert set(decided.frames["measure"]) == {measure}
    row = only(decided.clips)
    assert (row.reason, row.state) == (reason, State.REJECTED)
    assert measure in row.detail
    assert len(decided.spans) == 0


@pytest.mark.parametrize(("reason", "values", "measure"), BAD_VOICES)
def test_a_voice_gate_drops_the_whole_clip_for_its_own_reason(reason, values, measure):
    decided = decide(world.tables(spoil_voice={"a": values}), THRESHOLDS)
    assert set(decided.frames["reason"]) == {str(reason)}
    row = only(decided.clips)
    assert row.reason is reason
    assert row.measured == values[measure]
    assert row.detail == measure


def test_a_clip_that_sounds_otherwise_than_it_claims_is_dropped():
    row = only(
        decide(
            world.tables(spoil_voice={"a": {"type_cry": 0.2, "type_laugh": 0.9}}), THRESHOLDS
        ).clips
    )
    assert (row.reason, row.measured) == (Reason.WRONG_VOCALIZATION, 0.2)


def test_a_vocalization_that_the_backend_cannot_tell_is_not_called_wrong():
    table = world.clips(["a"], vocalization="sneeze")
    seen, sounds, heard = world.faces(table), world.voice(table), world.events(table)
    tables = world.gather(table, sounds, seen, heard, {"sneeze": 0.1})
    assert only(decide(tables, THRESHOLDS).clips).reason is Reason.KEPT


def test_what_could_not_be_measured_of_a_voice_does_not_speak_against_it():
    spoilt = {"a": {"decay_s": np.nan, "clipped_share": np.nan, "cry": np.nan}}
    decided = decide(world.tables(spoil_voice=spoilt), THRESHOLDS)
    assert only(decided.clips).reason is Reason.KEPT


def test_a_good_clip_is_one_span_and_says_what_was_closest():
    decided = decide(world.tables(spoil_frames=[("a", slice(7, 8), {"yaw_deg": 39.0})]), THRESHOLDS)
    span = only(decided.spans.to_dict("records"))
    assert (span["start_frame"], span["end_frame"], span["bridged"]) == (0, world.FRAMES, 0)
    assert only(decided.clips).reason is Reason.KEPT
    seventh = decided.frames.iloc[7]
    assert (seventh["measure"], seventh["measured"], seventh["threshold"]) == (
        "yaw_abs_deg",
        39,
        40,
    )


def test_the_first_gate_in_order_gives_the_reason():
    values = {"mouth_visible": 0.1, "yaw_deg": 80.0, "brightness": 0.0}
    decided = decide(world.tables(spoil_frames=[("a", slice(None), values)]), THRESHOLDS)
    assert only(decided.clips).reason is Reason.DARK


def test_the_voice_comes_before_the_frames_in_the_account_of_a_clip():
    tables = world.tables(
        spoil_frames=[("a", slice(0, 60), {"yaw_deg": 80.0})], spoil_voice={"a": {"snr_db": 0.0}}
    )
    decided = decide(tables, THRESHOLDS)
    assert only(decided.clips).reason is Reason.TOO_NOISY
    assert decided.frames["reason"].value_counts()[:2].to_dict() == {
        "turned_away": 60,
        "too_noisy": 30,
    }


def test_the_clip_takes_the_reason_that_dropped_most_of_its_frames():
    hidden, turned = {"mouth_visible": 0.6}, {"yaw_deg": 45.0}
    spoilt = [("a", slice(0, 50), hidden), ("a", slice(50, 90), turned)]
    row = only(decide(world.tables(spoil_frames=spoilt), THRESHOLDS).clips)
    assert (row.reason, row.measured, row.threshold) == (Reason.MOUTH_HIDDEN, 0.6, 0.75)


def test_two_ways_of_being_turned_away_count_as_one_reason():
    spoilt = [
        ("a", slice(0, 30), {"yaw_deg": 60.0}),
        ("a", slice(30, 50), {"pitch_deg": 60.0}),
        ("a", slice(50, 90), {"mouth_visible": 0.0}),
    ]
    row = only(decide(world.tables(spoil_frames=spoilt), THRESHOLDS).clips)
    assert row.reason is Reason.TURNED_AWAY
    assert row.detail.startswith("yaw_abs_deg, 50 of 90")


def test_no_span_goes_on_beyond_a_cut():
    spoilt = [("a", slice(40, 41), {"cut": True})]
    decided = decide(world.tables(["a", "b"], spoil_frames=spoilt), THRESHOLDS)
    assert decided.spans[["clip", "start_frame", "end_frame"]].to_numpy().tolist() == [
        ["a", 0, 40],
        ["a", 40, 90],
        ["b", 0, 90],
    ]
    alone = decide(world.tables(["a"], spoil_frames=spoilt).alone("a"), THRESHOLDS)
    assert len(alone.spans) == 2


def test_a_gap_with_a_cut_in_it_is_not_bridged():
    spoilt = [
        ("a", slice(40, 42), {"mouth_visible": 0.2}),
        ("a", slice(41, 42), {"cut": True}),
    ]
    decided = decide(world.tables(spoil_frames=spoilt), THRESHOLDS)
    assert decided.spans[["start_frame", "end_frame"]].to_numpy().tolist() == [[0, 40], [42, 90]]
    assert not (decided.frames["reason"] == "bridged").any()


@pytest.mark.parametrize(("gap", "spans"), [(1, 1), (3, 1), (4, 2)])
def test_gaps_are_bridged_up_to_the_limit_and_marked(gap, spans):
    spoilt = [("a", slice(40, 40 + gap), {"mouth_visible": 0.2})]
    decided = decide(world.tables(spoil_frames=spoilt), THRESHOLDS)
    assert len(decided.spans) == spans
    bridged = decided.frames["reason"] == "bridged"
    assert bridged.sum() == (gap if spans == 1 else 0) == decided.spans["bridged"].sum()
    assert set(decided.frames.loc[bridged, "measured"]) <= {0.2}


def test_a_gap_at_the_edge_of_a_clip_is_not_bridged_into_the_next_clip():
    spoilt = [("a", slice(88, 90), {"yaw_deg": 80.0})]
    decided = decide(world.tables(["a", "b"], spoil_frames=spoilt), THRESHOLDS)
    assert decided.spans[["clip", "start_frame", "end_frame"]].to_numpy().tolist() == [
        ["a", 0, 88],
        ["b", 0, 90],
    ]


def test_short_runs_are_dropped_with_their_length_and_blame_what_cut_them():
    spoilt = [("a", slice(20, 70), {"yaw_deg": 80.0})]
    decided = decide(world.tables(spoil_frames=spoilt), THRESHOLDS)
    short = decided.frames[decided.frames["reason"] == "span_too_short"]
    assert len(short) == 40
    assert set(short["measured"]) == {20 / 30}
    assert only(decided.clips).reason is Reason.TURNED_AWAY


def test_a_clip_shorter_than_a_span_is_too_short():
    row = only(decide(world.tables(frames=20), THRESHOLDS).clips)
    assert (row.reason, row.threshold) == (Reason.SPAN_TOO_SHORT, 1.0)
    assert row.measured == pytest.approx(20 / 30)


def test_a_span_exactly_as_long_as_asked_is_kept():
    assert only(decide(world.tables(frames=30), THRESHOLDS).clips).reason is Reason.KEPT


def test_a_span_without_an_event_long_enough_inside_is_dropped():
    heard = world.events(world.clips(["a"])).assign(start_s=0.0, end_s=1.2)
    spoilt = [("a", slice(30, 40), {"mouth_visible": 0.0})]
    decided = decide(world.tables(heard=heard, spoil_frames=spoilt), THRESHOLDS)
    assert decided.spans[["start_frame", "end_frame"]].to_numpy().tolist() == [[0, 30]]
    silent = decided.frames[decided.frames["reason"] == "no_infant_voice"]
    assert set(silent["frame"]) == set(range(40, 90))
    assert set(silent["threshold"]) == {world.MINIMUM_S["cry"]}
    assert set(silent["measured"]) == {0.0}


def test_a_voice_shorter_than_its_kind_lasts_is_too_short():
    heard = world.events(world.clips(["a"])).assign(start_s=1.0, end_s=1.2)
    row = only(decide(world.tables(heard=heard), THRESHOLDS).clips)
    assert (row.reason, row.threshold) == (Reason.TOO_SHORT, world.MINIMUM_S["cry"])
    assert row.measured == pytest.approx(0.2)


def test_an_adults_voice_is_no_voice_for_a_span():
    heard = world.events(world.clips(["a"])).assign(who="adult")
    row = only(decide(world.tables(heard=heard), THRESHOLDS).clips)
    assert (row.reason, row.measured) == (Reason.NO_INFANT_VOICE, 0.0)


def test_a_reviewer_drops_a_clip_that_passes_everything():
    said = (world.override("a", "drop"),)
    row = only(decide(world.tables(said=said), THRESHOLDS).clips)
    assert row.reason is Reason.OVERRULED
    assert "mk on 2026-11-02: looked at it" in row.detail


def test_a_reviewer_keeps_what_every_gate_would_drop():
    spoilt = [("a", slice(None), {"mouth_visible": 0.0, "yaw_deg": 90.0})]
    tables = world.tables(
        spoil_frames=spoilt,
        spoil_voice={"a": {"snr_db": -20.0, "infant_s": 0.0}},
        heard=world.events(world.clips(["a"])).iloc[:0],
        said=(world.override("a", "keep"),),
    )
    decided = decide(tables, THRESHOLDS)
    assert only(decided.clips).reason is Reason.KEPT
    assert set(decided.frames["reason"]) == {"kept"}
    assert decided.frames["measured"].isna().all()


def test_a_reviewers_word_holds_for_the_frames_that_it_names():
    said = (world.override("a", "keep", 30, 90),)
    spoilt = [("a", slice(None), {"mouth_visible": 0.0})]
    decided = decide(world.tables(spoil_frames=spoilt, said=said), THRESHOLDS)
    assert decided.spans[["start_frame", "end_frame"]].to_numpy().tolist() == [[30, 90]]


def test_a_reviewer_keeps_part_of_a_clip_whose_voice_fails():
    decided = decide(
        world.tables(
            spoil_voice={"a": {"snr_db": -20.0}}, said=(world.override("a", "keep", 10, 60),)
        ),
        THRESHOLDS,
    )
    assert decided.spans[["start_frame", "end_frame"]].to_numpy().tolist() == [[10, 60]]
    assert only(decided.clips).reason is Reason.KEPT


def test_a_dropped_frame_is_never_bridged():
    decided = decide(world.tables(said=(world.override("a", "drop", 45, 46),)), THRESHOLDS)
    assert decided.spans[["start_frame", "end_frame"]].to_numpy().tolist() == [[0, 45], [46, 90]]
    assert decided.frames["reason"].iloc[45] == "overruled"


def test_the_last_of_two_contradicting_words_holds():
    said = (world.override("a", "drop"), world.override("a", "keep", 0, 45))
    decided = decide(world.tables(said=said), THRESHOLDS)
    assert decided.spans[["start_frame", "end_frame"]].to_numpy().tolist() == [[0, 45]]


def test_an_override_of_a_clip_that_never_came_here_changes_nothing():
    said = (world.override("withdrawn_clip", "keep"),)
    with_it, without = (
        decide(world.tables(said=said), THRESHOLDS),
        decide(world.tables(), THRESHOLDS),
    )
    pd.testing.assert_frame_equal(with_it.frames, without.frames)
    assert with_it.clips == without.clips


def test_a_vocalization_that_params_do_not_list_is_named():
    table = world.clips(["a"], vocalization="sneeze")
    with pytest.raises(CradleError, match=r"sneeze.*cry, laugh, babble"):
        world.gather(
            table, world.voice(table), world.faces(table), world.events(table), world.MINIMUM_S
        )


def test_the_order_of_rows_in_the_tables_does_not_matter():
    names = ["b", "a", "c"]
    table = world.clips(names)
    seen, heard = world.faces(table), world.events(table)
    shuffled = seen.sample(frac=1.0, random_state=3)
    one = world.gather(table, world.voice(table), seen, heard, world.MINIMUM_S)
    other = world.gather(
        table.iloc[::-1], world.voice(table), shuffled, heard.iloc[::-1], world.MINIMUM_S
    )
    pd.testing.assert_frame_equal(decide(one, THRESHOLDS).frames, decide(other, THRESHOLDS).frames)


def test_frames_missing_from_the_landmarks_have_no_face():
    table = world.clips(["a"])
    seen = world.faces(table).iloc[:45]
    tables = world.gather(table, world.voice(table), seen, world.events(table), world.MINIMUM_S)
    decided = decide(tables, THRESHOLDS)
    assert (decided.frames["reason"].iloc[45:] == "no_face").all()
    assert set(decided.frames["measured"].iloc[45:]) == {0.0}


def test_no_clips_at_all_are_no_error():
    table = world.clips(["a"])
    tables = world.gather(
        table.iloc[:0], world.voice(table), world.faces(table), world.events(table), world.MINIMUM_S
    )
    decided = decide(tables, THRESHOLDS)
    assert (len(decided.clips), len(decided.frames), len(decided.spans)) == (0, 0, 0)
