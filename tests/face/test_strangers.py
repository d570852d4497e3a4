"""A head that comes before the infant's and takes the mesh along."""

import time

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
    assert strangers.own([records], [nothing])[0].all()
    assert strangers.own([records], [~nothing])[0].sum() == 10
    assert len(strangers.own([records[:0]], [nothing[:0]])[0]) == 0


SKIN, HAIR = [200, 150, 120, 8], [60, 40, 30, 30]


def spells(*colours: list[list[int]]) -> np.ndarray:
    """Records of a mesh that leaps between runs of frames, each of one colour throughout."""
    rng = np.random.default_rng(2)
    each = [colour for run in colours for colour in run]
    records = np.zeros(len(each), RECORD)
    records["frame"] = np.arange(len(each))
    records["points"][:, :, 0] = np.linspace(0, 100, 478)
    records["swatches"] = np.array(each)[:, None] + rng.integers(0, 4, (len(each), 852, 4))
    places = np.repeat(500 * np.arange(len(colours)), [len(run) for run in colours])
    records["points"][:, :, 0] += places[:, None]
    return records


def test_a_face_is_known_again_when_what_lay_before_it_leaves():
    records = spells([SKIN] * 6 + [HAIR] * 14, [HAIR] * 6 + [SKIN] * 10)
    assert strangers.own([records], [np.ones((36, 852), bool)])[0].all()


def test_of_anothers_spell_the_frames_that_show_oneself_are_ones_own():
    other = [120, 130, 160, 8]
    records = spells([SKIN] * 20, [other] * 9 + [SKIN], [SKIN] * 5)
    (mine,) = strangers.own([records], [np.ones((35, 852), bool)])
    assert mine[[*range(20), *range(29, 35)]].all()
    assert not mine[20:29].any()


def test_what_takes_the_mesh_along_is_another_though_it_stays_for_longer():
    """The face itself comes back in a track of its own, beside what took the mesh along."""
    along = spells([SKIN] * 12, [[120, 130, 160, 8]] * 28)
    again = spells([SKIN] * 10)
    again["frame"] += 30
    usable = [np.ones((len(it), 852), bool) for it in (along, again)]
    taken, back = strangers.own([along, again], usable)
    assert taken[:12].all()
    assert not taken[12:].any()
    assert back.all()
    assert strangers.own([along], usable[:1])[0].sum() == 28, "of what is seen of it alone"


def test_spells_without_number_are_told_apart_in_time():
    """A mesh that leaps in every frame, onto as many colours."""
    colours = np.random.default_rng(1).integers(20, 250, (600, 3))
    others = ([[*colour, 8]] for colour in colours.tolist())
    records = spells([SKIN] * 30, *others, [SKIN] * 20)
    began = time.process_time()
    (mine,) = strangers.own([records], [np.ones((650, 852), bool)])
    assert time.process_time() - began < 10
    assert mine[[*range(30), *range(630, 650)]].all()
    assert mine.sum() < 100


def test_tracks_of_a_shot_are_of_whoever_is_there_over_the_longer_stretch():
    usable = np.ones((10, 852), bool)
    me, other = (
        strangers.look(spells([colour] * 10), usable) for colour in (SKIN, [120, 130, 160, 8])
    )
    early, between, late = np.arange(0, 10), np.arange(12, 40), np.arange(45, 60)
    assert strangers.of_one([me, other, me], [early, between, late], [False] * 3) == [0, 2]
    assert strangers.of_one([me, other, me], [early, between, late], [False, True, False]) == [1]
    assert strangers.of_one([me, me, me], [early, between, late], [False] * 3) == [0, 1, 2]


def test_who_comes_in_a_track_of_its_own_is_not_the_infant(see, studio, looks):
    """The face is lost before the other comes, so that a second track begins."""
    usual = studio.picture(filling=0.4)
    nobody = np.full_like(usual, WALL)
    other = studio.picture(looks=looks, filling=0.4)
    away = [nobody] * 20
    found = see([usual] * 20 + away + [other] * 12 + away + [usual] * 20)
    assert not found.frames["cut"].any()
    assert len(found.faces) == 3
    assert list(found.faces["chosen"]) == [True, False, True]
    assert not found.frames["found"][40:52].any()
    assert found.frames["found"][:20].all()


def test_who_is_in_another_shot_may_look_otherwise(see, studio, looks):
    """Light and camera are others there."""
    usual, nobody = studio.picture(), np.full_like(studio.picture(), WALL)
    found = see([usual] * 20 + [nobody] * 3 + [studio.picture(looks=looks)] * 12)
    assert found.frames["cut"].any()
    assert list(found.faces["chosen"]) == [True, True]
    assert found.frames["found"][23:].all()
