"""What holds of every decision, whatever was measured."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core import ledger, tables
from pipeline.core.reasons import State
from pipeline.dataset import select_tables
from pipeline.dataset.decide import decide
from pipeline.dataset.measures import FPS, Tables
from pipeline.dataset.params import Select
from tests.dataset import world

KEPT = ("kept", "bridged")
runs = st.lists(st.tuples(st.booleans(), st.integers(1, 25)), min_size=1, max_size=12)
ranges = st.tuples(st.integers(0, 80), st.integers(1, 60))
words = st.lists(st.tuples(st.sampled_from(["keep", "drop"]), ranges), max_size=3)
events = st.lists(st.tuples(st.floats(0, 3), st.floats(0.05, 3)), max_size=4)
thresholds = st.builds(
    Select,
    max_gap_frames=st.integers(0, 8),
    min_span_s=st.sampled_from([0.1, 0.5, 1.0, 2.0]),
    min_snr_db=st.sampled_from([5.0, 20.0]),
)


@st.composite
def measured(draw) -> Tables:
    names = [f"clip_{number}" for number in range(draw(st.integers(1, 4)))]
    patterns = [
        np.concatenate([np.full(length, good) for good, length in draw(runs)]) for _ in names
    ]
    table = world.clips(names).assign(frames=[len(pattern) for pattern in patterns])
    seen, sounds = world.faces(table), world.voice(table)
    seen["mouth_visible"] = np.where(np.concatenate(patterns), 0.95, 0.3)
    sounds["snr_db"] = draw(
        st.lists(st.sampled_from([10.0, 30.0]), min_size=len(names), max_size=len(names))
    )
    heard = pd.DataFrame(
        [
            {"clip": name, "start_s": s, "end_s": s + d, "who": "infant", "type": "cry"}
            for name in names
            for s, d in draw(events)
        ],
        columns=["clip", "start_s", "end_s", "who", "type"],
    ).astype({"start_s": float, "end_s": float})
    said = tuple(
        world.override(name, verdict, start, start + length)
        for name in names
        for verdict, (start, length) in draw(words)
    )
    return world.gather(table, sounds, seen, heard, world.MINIMUM_S, said)


@settings(max_examples=40, deadline=None)
@given(measured(), thresholds)
def test_spans_are_apart_in_bounds_long_enough_and_add_up(grid, limits):
    decided = decide(grid, limits)
    frames = dict(zip(grid.clips["clip"], grid.clips["frames"], strict=True))
    by_clip = {str(name): rows for name, rows in decided.frames.groupby("clip", observed=True)}
    for name, spans in decided.spans.groupby("clip"):
        starts, ends = spans["start_frame"].to_numpy(), spans["end_frame"].to_numpy()
        assert starts[0] >= 0
        assert ends[-1] <= frames[name]
        assert (starts[1:] - ends[:-1] >= 1).all()
        assert ((ends - starts) / FPS >= limits.min_span_s - 1e-6).all()
        assert list(spans["span"]) == list(range(len(spans)))
        reasons = by_clip[name]["reason"].to_numpy(object)
        inside = np.zeros(frames[name], bool)
        for start, end in zip(starts, ends, strict=True):
            inside[start:end] = True
            assert reasons[start] == reasons[end - 1] == "kept"
        assert (np.isin(reasons, KEPT) == inside).all()
        assert (reasons == "bridged").sum() == spans["bridged"].sum()


@settings(max_examples=40, deadline=None)
@given(measured(), thresholds)
def test_nothing_vanishes_and_the_ledger_accepts_every_decision(tmp_path_factory, grid, limits):
    decided = decide(grid, limits)
    out = tmp_path_factory.mktemp("select")
    select_tables.write(out, decided, list(grid.clips["clip"]))
    rows = ledger.read_clips(out / "ledger.parquet")
    assert list(rows["clip"]) == sorted(grid.clips["clip"])
    assert Counter(rows["state"])["kept"] == decided.spans["clip"].nunique()
    frames = tables.read(out / "frames.parquet")
    assert len(frames) == grid.clips["frames"].sum()
    kept_frames = (decided.spans["end_frame"] - decided.spans["start_frame"]).sum()
    assert (frames["state"] == State.KEPT).sum() == kept_frames


@settings(max_examples=40, deadline=None)
@given(measured(), thresholds)
def test_what_a_reviewer_dropped_is_in_no_span(grid, limits):
    decided = decide(grid, limits)
    for name, rows in decided.frames.groupby("clip", observed=True):
        last: dict[int, str] = {}
        for word in (w for w in grid.overrides if w.clip == name):
            last.update(dict.fromkeys(range(word.start_frame, word.end_frame), word.verdict))
        dropped = rows["frame"].isin([frame for frame, word in last.items() if word == "drop"])
        assert (rows.loc[dropped, "reason"] == "overruled").all()
        assert not (rows.loc[~dropped, "reason"] == "overruled").any()


@settings(max_examples=40, deadline=None)
@given(measured(), thresholds)
def test_a_clip_decides_alone(grid, limits):
    decided = decide(grid, limits)
    for number, name in enumerate(grid.clips["clip"]):
        assert decide(grid.alone(name), limits).clips == [decided.clips[number]]


def test_a_thousand_clips_are_decided_in_a_moment():
    count, frames = 1_000, 300
    names = [f"c{number:05d}" for number in range(count)]
    spoilt = world.tables(names, frames)
    random = np.random.default_rng(0)
    spoilt.frames["mouth_visible"][:] = random.uniform(0.5, 1.0, count * frames) ** 0.3
    began = time.perf_counter()
    decided = decide(spoilt, Select(min_brightness=0))
    assert time.perf_counter() - began < 3.0
    assert len(decided.frames) == count * frames


@pytest.mark.parametrize("limit", [0.5, 0.75, 0.9])
def test_a_laxer_threshold_never_keeps_less(limit):
    random = np.random.default_rng(4)
    grid = world.tables(["a", "b"])
    grid.frames["mouth_visible"][:] = random.uniform(0.4, 1.0, 180)
    strict = decide(grid, Select(min_mouth_visible=limit, min_span_s=0.1))
    lax = decide(grid, Select(min_mouth_visible=limit - 0.1, min_span_s=0.1))
    kept = strict.frames["reason"].isin(KEPT)
    assert lax.frames.loc[kept, "reason"].isin(KEPT).all()
    assert lax.frames["reason"].isin(KEPT).sum() > kept.sum()
