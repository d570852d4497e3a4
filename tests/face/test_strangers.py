"""A head that comes before the infant's and takes the mesh along."""

import numpy as np
import pytest

from pipeline.face import strangers
from pipeline.face.records import RECORD
from pipeline.morph.appearance import SKIN_TONES, Appearance
from tests.face.conftest import WALL

COMES, LEAVES, FRAMES = 6, 23, 28
"""Whoever comes stays for most of it."""


def moved(picture, right_px):
    """The picture with everything in it further to the right."""
    away = np.full_like(picture, WALL)
    away[:, right_px:] = picture[:, :-right_px]
    return away


@pytest.fixture(scope="module")
def looks():
    return Appearance(skin=SKIN_TONES[9], brow=1.0)


def seen(see, studio, looks):
    """An infant, and from `COMES` to `LEAVES` what stands 70 px to its right."""
    usual = studio.picture()
    other = moved(studio.picture(looks=looks), 70)
    return see([other if COMES <= f < LEAVES else usual for f in range(FRAMES)])


def test_a_face_that_is_anothers_is_not_seen(see, studio, looks):
    found = seen(see, studio, looks)
    frames = found.frames
    assert len(found.faces) == 1, "the mesh goes on as if it were the same face"
    during = frames["frame"].between(COMES, LEAVES - 1)
    assert frames["found"].all()
    assert (frames["face_visible"][during] == 0).all()
    assert (frames["hidden_by"][during] == "another").all()
    assert frames["mouth_visible"][~during].min() > 0.7
    assert not (frames["hidden_by"] == "another")[~during].any()


def test_the_same_infant_in_another_place_is_seen(see, studio):
    frames = seen(see, studio, None).frames
    assert frames["mouth_visible"].min() > 0.7
    assert not (frames["hidden_by"] == "another").any()


def test_whose_face_cannot_be_told_is_taken_for_the_tracks_own():
    records = np.zeros(20, RECORD)
    records["frame"] = np.arange(20)
    records["points"][:, :, 0] = np.linspace(0, 100, 478)
    records["points"][10:, :, 0] += 500
    records["swatches"][10:] = [200, 90, 60, 8]
    nothing = np.zeros((20, 852), bool)
    assert strangers.own(records, nothing).all()
    assert strangers.own(records, ~nothing).sum() == 10
    assert len(strangers.own(records[:0], nothing[:0])) == 0
