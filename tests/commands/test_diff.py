"""What `cradle diff` prints of clips and frames that flipped."""

import json
from dataclasses import replace

from pipeline.commands import diff
from pipeline.core import ledger
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.dataset.differ import Difference, State
from pipeline.dataset.params import Select
from tests.dataset import world

HIDDEN = ("b", slice(0, 90), {"mouth_visible": 0.72})
LAX, STRICT = Select(min_mouth_visible=0.7), Select(min_mouth_visible=0.75)


def test_clips_and_frames_are_told_with_what_did_it():
    tables = world.tables(["a", "b"], spoil_frames=[HIDDEN])
    found = Difference(State(tables, STRICT), State(tables, LAX))
    words = diff._words(found.clips(), found.frames())
    assert (
        "1 clips differ (thresholds 1), 90 frames flipped; minutes entering 0.05, leaving 0.00"
        in words
    )
    cause = "thresholds: select.min_mouth_visible 0.75 -> 0.7"
    assert f"b 0-89: mouth_hidden -> kept, by {cause}" in words
    (row,) = json.loads(diff._json(found.clips(), found.frames()))
    assert (row["clip"], row["frames"][0]["end_frame"]) == ("b", 90)


def test_a_reviewers_words_cannot_move_the_terminals_cursor():
    said = replace(world.override("a", "drop"), reason="no\x1b[2J\u202egnp")
    plain, judged = world.tables(["a"]), world.tables(["a"], said=(said,))
    found = Difference(State(plain, LAX), State(judged, LAX))
    words = diff._words(found.clips(), found.frames())
    assert "override by mk on 2026-11-02: no" in words
    assert all(letter.isprintable() for letter in words.replace("\n", ""))


def test_where_nothing_differs_it_says_so():
    state = State(world.tables(["a"]), LAX)
    found = Difference(state, state)
    assert diff._words(found.clips(), found.frames()) == "no clip flipped"
    assert json.loads(diff._json(found.clips(), found.frames())) == []


def test_measurements_of_another_backend_say_which(tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    for data, tracker in ((before, "old"), (after, "new")):
        for stage, backend in (("isolate", f"separator+{tracker}"), ("landmarks", "mediapipe")):
            (data / stage).mkdir(parents=True)
            rows = [ClipRow("b", Reason.KEPT, backend=backend, backend_digest=f"of {backend}")]
            ledger.write_clips(data / stage / "ledger.parquet", stage, rows, ["b"])
    tables = [world.tables(["a", "b"]), world.tables(["a", "b"], spoil_frames=[HIDDEN])]
    found = Difference(*(State(it, STRICT) for it in tables))
    clips, frames = found.clips(), found.frames()
    told = diff._backends(before, after, clips, frames)
    assert told == {"b": "isolate by separator+new"}
