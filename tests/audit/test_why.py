"""What a story says is what the ledgers hold, and what it says would turn a frame does."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audit import read, words
from pipeline.audit.why import Rule, explain
from pipeline.core import ledger, tables
from pipeline.core.code import PROJECT
from pipeline.core.errors import CradleError
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.dataset.decide import decide
from pipeline.dataset.turning import Change
from tests.audit import fake
from tests.dataset import world


def test_a_dropped_clip_says_where_and_why(account):
    story = explain(account, "hidden")
    assert (story.stage, story.state, story.reason) == ("select", "rejected", "mouth_hidden")
    assert [step.stage for step in story.steps] == ["download", "isolate", "landmarks", "select"]
    text = words.in_words(story)
    assert "hidden: rejected at select, mouth_hidden" in text
    assert "Too much of the mouth is covered." in text
    assert "landmarks  kept" in text
    assert "mediapipe abababab" in text
    assert (
        "frames 10-79 (0.33-2.67 s) select: mouth_hidden, mouth_visible 0.3 to 0.61 < 0.75; "
        "this rule passes at <= 0.3" in text
    )


def test_what_it_says_would_turn_it_does(finished, account):
    runs = [run for run in explain(account, "hidden").runs if run.reason == "mouth_hidden"]
    (run,) = runs
    data = finished / "data"
    clips = tables.read(data / "download" / "clips.parquet")
    measured = world.gather(
        clips[clips["clip"] == "hidden"],
        tables.read(data / "isolate" / "clips.parquet"),
        tables.read(data / "landmarks" / "frames.parquet"),
        tables.read(data / "isolate" / "events.parquet"),
        world.MINIMUM_S,
    )
    laxer = fake.LIMITS.model_copy(update={"min_mouth_visible": run.kept_at})
    assert decide(measured, fake.LIMITS).clips[0].reason == "mouth_hidden"
    assert decide(measured, laxer).clips[0].reason == "kept"


def test_what_would_have_kept_frames_is_told_with_them(account):
    change = Change("select.min_mouth_visible", 0.75, 0.3, "<=")
    story = explain(account, "hidden", mend=lambda run: [change] if run.stage == "select" else None)
    text = words.in_words(story)
    assert "mouth_visible 0.3 to 0.61 < 0.75; kept at select.min_mouth_visible <= 0.3" in text
    told = [run for run in story.as_json()["runs"] if run["reason"] == "mouth_hidden"]
    assert told[0]["changes"][0]["to"] == 0.3
    moment = words.at_frame(account, "hidden", 20, lambda run: [change])
    assert "in frames 10-79" in words.of_moment(moment)
    assert "kept at select.min_mouth_visible <= 0.3" in words.of_moment(moment)


def test_a_clip_dropped_for_its_voice_names_the_measure(account):
    text = words.in_words(explain(account, "noisy"))
    assert "too_noisy, snr_db 2.5 < 8, short of it by 5.5" in text


def test_a_kept_clip_says_what_was_closest_and_what_was_bridged(account):
    story = explain(account, "good")
    text = words.in_words(story)
    assert text.startswith("good: kept as cry\n")
    assert story.spans == [(0, fake.FRAMES)]
    assert "frames 0-89 (0.00-3.00 s)" in text
    assert "select: bridged" in text
    assert "what came closest to dropping a frame:" in text
    assert story.closest[0].holds
    assert story.closest[0].margin > 0


def test_fit_has_the_last_word_on_a_clip_that_select_kept(account):
    story = explain(account, "poor_fit")
    assert (story.stage, story.reason) == ("fit", "fit_poor")
    assert "fit_poor, residual_mm 5 > 3, short of it by 2" in words.in_words(story)


def test_a_reviewers_word_is_told(account):
    assert "mk on 2026-11-02: looked at it" in words.in_words(explain(account, "overruled"))


@pytest.mark.parametrize(
    ("clip", "words_said"),
    [
        ("gone", "unavailable at download, unreachable"),
        ("taken_back", "withdrawn at download, withdrawn"),
        ("crashed", "errored at isolate, worker_crashed"),
        ("long", "rejected at download, too_long"),
    ],
)
def test_every_state_is_told_apart(account, clip, words_said):
    assert f"{clip}: {words_said}" in words.in_words(explain(account, clip))


def test_details_in_words_are_not_taken_for_a_measure(account):
    text = words.in_words(explain(account, "long"))
    assert "too_long, 700 > 600, short of it by 100 [lasts too long, in seconds]" in text


def test_a_sites_answer_cannot_move_the_terminals_cursor(tmp_path):
    rows = [ClipRow("gone", Reason.UNREACHABLE, detail="no\x1b[2J\x07\u202egnp\r")]
    folder = tmp_path / "data" / "download"
    folder.mkdir(parents=True)
    ledger.write_clips(folder / "ledger.parquet", "download", rows, ["gone"])
    text = words.in_words(explain(read.read(tmp_path / "data"), "gone"))
    assert all(letter.isprintable() for letter in text.replace("\n", ""))


def test_an_unknown_clip_suggests_one(account):
    with pytest.raises(CradleError, match="no clip named 'hiden' in this run; did you mean hidden"):
        explain(account, "hiden")


def test_a_folder_without_a_run_says_how_to_make_one(tmp_path):
    with pytest.raises(CradleError, match="make run"):
        read.read(tmp_path)


def test_one_frame_has_everything_that_was_measured_there(account):
    moment = words.at_frame(account, "hidden", 20)
    assert moment.measured["mouth_visible"] == pytest.approx(0.3 + 0.31 * 10 / 69)
    (run,) = moment.judged
    assert run.rule.measured == moment.measured["mouth_visible"]
    assert moment.measured["hidden_by"] == "hand"
    assert moment.measured["found"] == 1.0
    assert re.search("^  hidden_by +hand$", words.of_moment(moment), re.M)
    assert (run.start_frame, run.end_frame) == (10, 80)
    text = words.of_moment(moment)
    assert "hidden, frame 20 at 0.67 s" in text
    assert "mouth_visible    0.3449" in text
    assert "infant           0.9" in text


def test_a_frame_beyond_the_end_is_refused(account):
    with pytest.raises(CradleError, match="hidden has frames 0 to 89, not 90"):
        words.at_frame(account, "hidden", 90)


def test_turning_points_are_told_as_they_are_given(account):
    story = explain(account, "hidden", ["min_mouth_visible 0.75 -> 0.41: kept"])
    assert "min_mouth_visible 0.75 -> 0.41: kept" in words.in_words(story)


def test_what_is_needed_together_is_told_where_nothing_alone_suffices(account):
    story = explain(account, "hidden", together=["select.min_mouth_visible <= 0.4", "and more"])
    assert "these together would have kept a stretch:\n  select.min_mouth" in words.in_words(story)
    assert story.as_json()["together"] == ["select.min_mouth_visible <= 0.4", "and more"]


def test_that_no_threshold_would_have_kept_it_is_said_only_where_that_was_tried(account):
    tried, untried = explain(account, "hidden", []), explain(account, "hidden")
    assert words.in_words(tried).rstrip().endswith(words.HOPELESS)
    assert words.HOPELESS not in words.in_words(untried)
    kept = next(clip for clip in fake.CLIPS if account.fates[clip].kept)
    assert words.HOPELESS not in words.in_words(explain(account, kept, []))


@pytest.mark.parametrize("clip", [*fake.CLIPS, "gone"])
def test_every_story_and_moment_is_json(account, clip):
    story = json.loads(json.dumps(explain(account, clip).as_json()))
    assert story["clip"] == clip
    if clip in fake.CLIPS:
        json.loads(json.dumps(words.at_frame(account, clip, 3).as_json()))


def test_the_command_loads_no_more_than_it_needs(finished, tmp_path):
    """What it does not load is most of what a second is made of."""
    shutil.copytree(finished / "data", tmp_path / "data", ignore=lambda *_: [".store"])
    shutil.copy(PROJECT / "params.yaml", tmp_path)
    code = (
        "import sys; from pipeline.__main__ import main; code = main(['why', 'hidden']);"
        "heavy = {'pandas', 'pyarrow.compute', 'pipeline.params'} & set(sys.modules);"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)"
    )
    settings = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=settings, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("hidden: rejected at select, mouth_hidden")


@given(
    st.floats(-1e4, 1e4, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-6),
    st.sampled_from([">=", "<="]),
)
def test_the_threshold_that_is_printed_lets_the_value_pass(measured, op):
    strict = measured + (1.0 if op == ">=" else -1.0)
    rule = Rule("x", measured, strict, op)
    assert not rule.holds
    assert Rule("x", measured, float(f"{rule.turns_at:g}"), op).holds
