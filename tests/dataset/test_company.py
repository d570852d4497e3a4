"""Who else is in the picture, and whose mouth goes with the voice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.core.reasons import Reason
from pipeline.dataset.company import together
from pipeline.dataset.decide import decide
from pipeline.dataset.params import Select
from tests.dataset import world

LIMITS = Select(min_brightness=0, min_span_s=1.0)
CLIPS = world.clips(["a"])
STILL = np.full(world.FRAMES, 3.0) + 0.01 * (np.arange(world.FRAMES) % 2)


def beside(**rival):
    """The infant of `world` and another face, spoilt as asked."""
    mine = world.tracks(CLIPS)
    other = mine.assign(track=1, chosen=False)
    for name, value in rival.items():
        other[name] = [value]
    return pd.concat([mine, other], ignore_index=True)


def judged(faces):
    said = world.described(faces, world.levels(CLIPS))
    tables = world.gather(
        CLIPS,
        world.voice(CLIPS),
        world.faces(CLIPS),
        world.events(CLIPS),
        world.MINIMUM_S,
        described=said,
    )
    return said.iloc[0], decide(tables, LIMITS).clips[0]


def test_an_infant_alone_has_no_rival():
    said, row = judged(world.tracks(CLIPS))
    assert said["moves_with_sound"] > 0.99
    assert said["rival_likeness"] == 0
    assert row.reason is Reason.KEPT


def test_two_infants_whose_mouths_move_alike_are_not_told_apart():
    said, row = judged(beside())
    assert row.reason is Reason.TWO_INFANTS
    assert (row.measured, row.threshold) == (pytest.approx(0.9), LIMITS.max_rival_likeness)
    assert said["rival_moves"] == pytest.approx(said["moves_with_sound"])


def test_the_infant_is_the_one_whose_mouth_goes_with_the_voice():
    said, row = judged(beside(aperture_mm=STILL))
    assert said["rival_likeness"] == 0
    assert row.reason is Reason.KEPT


def test_a_rival_whose_mouth_is_hidden_may_be_the_one_that_cries():
    _, row = judged(beside(aperture_mm=np.full(world.FRAMES, np.nan)))
    assert row.reason is Reason.TWO_INFANTS


def test_a_pattern_on_clothes_that_passes_for_a_small_face_is_no_rival():
    said, row = judged(beside(face_px=58.0))
    assert said["rival_likeness"] == 0
    assert row.reason is Reason.KEPT


def test_an_adult_beside_the_infant_is_no_rival():
    said, row = judged(beside(infant_likeness=0.1))
    assert said["rival_likeness"] == pytest.approx(0.1)
    assert row.reason is Reason.KEPT


def test_a_face_that_flickers_up_or_comes_later_is_no_rival():
    brief = np.arange(10, dtype=np.int32)
    said, _ = judged(beside(frame=brief, aperture_mm=STILL[:10]))
    assert said["rival_likeness"] == 0
    said, _ = judged(beside(frame=np.arange(90, 180, dtype=np.int32)))
    assert said["rival_likeness"] == 0


def test_a_clip_without_a_face_says_nothing():
    said = world.described(world.tracks(CLIPS).assign(chosen=False), world.levels(CLIPS)).iloc[0]
    assert said[["moves_with_sound", "rival_likeness", "rival_moves"]].isna().all()
    assert world.described(world.tracks(CLIPS).iloc[:0], world.levels(CLIPS)).empty


def test_mouth_and_voice_go_together_or_not():
    frames = np.arange(90)
    loud = -30.0 + 20.0 * np.sin(frames / 5)
    beyond = np.full(90, np.nan)
    for mouth, voice, expected in (
        (5 + np.sin(frames / 5), loud, pytest.approx(1.0)),
        (5 - np.sin(frames / 5), loud, pytest.approx(-1.0)),
        (np.random.default_rng(0).random(90), loud, pytest.approx(0.0, abs=0.3)),
        (np.full(90, 3.0), loud, pytest.approx(np.nan, nan_ok=True)),
        (5 + np.sin(frames), np.full(90, -np.inf), pytest.approx(np.nan, nan_ok=True)),
        (
            5 + np.sin(frames),
            np.where(frames < 20, loud, beyond),
            pytest.approx(np.nan, nan_ok=True),
        ),
    ):
        assert together(np.zeros(90, int), 1, mouth, voice)[0] == expected


def test_each_face_is_held_against_the_voice_by_itself():
    random = np.random.default_rng(1)
    mouths, voices = random.random((3, 90)), random.random((3, 90))
    shuffled = random.permutation(270)
    face = np.repeat(np.arange(3), 90)[shuffled]
    found = together(face, 4, mouths.ravel()[shuffled], voices.ravel()[shuffled])
    one_by_one = [np.corrcoef(mouths[i], voices[i])[0, 1] for i in range(3)]
    assert found[:3] == pytest.approx(one_by_one)
    assert np.isnan(found[3])


def test_many_clips_are_described_as_each_would_be_alone():
    clips = world.clips(["b", "a", "c"])
    faces = pd.concat([beside(infant_likeness=0.7, aperture_mm=STILL + 1), world.tracks(clips)])
    heard = world.levels(clips)
    every = world.described(faces, heard).set_index("clip")
    for clip in "abc":
        alone = world.described(faces[faces["clip"] == clip], heard[heard["clip"] == clip])
        assert every.loc[clip].equals(alone.iloc[0].drop("clip").rename(clip).astype(float))
