"""The network that sees covers, and the grid on which it looks at a face."""

import numpy as np
import pytest
import torch

from pipeline.face import cover_features, cover_grid, covering
from pipeline.face.measure import note_all
from pipeline.face.mesh import EYES, MOUTH, canonical
from pipeline.face.params import Landmarks
from pipeline.face.swatches import SWATCHES, layout
from pipeline.face.tracks import Tracks
from pipeline.face.visibility import usable

LEFT_CHEEK, RIGHT_CHEEK = 352, 123
ALL_USABLE = np.ones((1, SWATCHES), bool)


@pytest.fixture(scope="module")
def noted(babbling, landmarker):
    tracks = Tracks()
    try:
        note_all(babbling, landmarker, Landmarks(), tracks)
        yield np.array(tracks.all[0].notes.read())
    finally:
        tracks.close()


def painted(notes, where, colour):
    """Swatches on which those at `where` have another colour, and no texture."""
    swatches = np.array(notes["swatches"])
    swatches[:, where] = (*colour, 4)
    return swatches


def test_what_is_even_stays_even():
    grid = cover_grid.lay(np.full((1, SWATCHES, 1), 0.7, np.float32), ALL_USABLE)
    filled = grid[0, 1] > 0.5
    assert grid[0, 0][filled] == pytest.approx(0.7, abs=1e-4)
    assert cover_grid.pick(np.full((1, 28, 32), 0.3, np.float32)) == pytest.approx(0.3)


def test_left_stays_left_and_chin_stays_below():
    right_of_picture = (layout().middle[:, 0] > 10).astype(np.float32)[None, :, None]
    picked = cover_grid.pick(cover_grid.lay(right_of_picture, ALL_USABLE)[:, 0])[0]
    sides = [picked[LEFT_CHEEK], picked[RIGHT_CHEEK]]
    assert sorted(sides) == pytest.approx([0, 1], abs=0.05)
    assert canonical().points[np.argmax(picked), 0] > 10
    low = (layout().middle[:, 1] < -30).astype(np.float32)[None, :, None]
    picked = cover_grid.pick(cover_grid.lay(low, ALL_USABLE)[:, 0])[0]
    assert picked[MOUTH].mean() > 0.7 > 0.1 > picked[EYES].mean()


def test_nothing_is_laid_where_nothing_can_be_used():
    grid = cover_grid.lay(np.ones((1, SWATCHES, 1), np.float32), ~ALL_USABLE)
    assert (grid == 0).all()


def test_features_do_not_mind_the_light(noted):
    bright = np.array(noted["swatches"])
    dim = bright.copy()
    dim[..., :3] = dim[..., :3] * 0.7
    there = usable(noted)
    grids = []
    for swatches in (bright, dim):
        looks = cover_features.look(swatches)
        usual = cover_features.usual(looks, there)
        grids.append(cover_features.features(looks, there, *usual)[:, [0, 1, 2, 4, 5, 6]])
    assert np.abs(grids[0] - grids[1]).mean() < 0.03


def test_a_clean_face_is_clean(noted):
    assert covering.hidden(noted["swatches"], usable(noted)).mean() < 0.15


@pytest.mark.parametrize("colour", [(70, 150, 210), (240, 240, 240), (25, 25, 30)])
@pytest.mark.parametrize("frames", [slice(0, 24), slice(8, 14)], ids=["throughout", "for a while"])
def test_a_plate_over_the_mouth_is_seen(noted, colour, frames):
    mouth = layout().lips | layout().around
    swatches = np.array(noted["swatches"])
    swatches[frames] = painted(noted, mouth, colour)[frames]
    covered = covering.hidden(swatches, usable(noted))
    assert covered[frames][:, MOUTH].mean() > 0.8
    assert covered[:, EYES].mean() < 0.3


def test_a_cover_is_there_from_its_first_frame_to_its_last(noted):
    swatches, where = np.array(noted["swatches"]), layout().lips | layout().around
    swatches[9:14] = painted(noted, where, (70, 150, 210))[9:14]
    covered = covering.hidden(swatches, usable(noted))[:, MOUTH].mean(axis=1)
    assert covered[9:14].min() > 0.8
    assert covered[[8, 14]].max() < 0.3


def test_a_face_that_stays_as_it_is_is_looked_at_now_and_then(noted):
    still = np.repeat(noted["swatches"][:1], 100, axis=0)
    assert covering._due(still).tolist() == [0, 16, 32, 48, 64, 80, 96, 99]


def test_it_is_looked_at_when_its_colours_change(noted):
    still = np.repeat(noted["swatches"][:1], 100, axis=0)
    still[21:42] = painted(noted, layout().lips | layout().around, (70, 150, 210))[0]
    due = covering._due(still)
    assert {24, 44} <= {*due}
    assert len(due) < 12


def test_light_that_changes_changes_nothing(noted):
    dimmer = np.repeat(noted["swatches"][:1], 100, axis=0)
    dimmer[50:, :, :3] = dimmer[50:, :, :3] * 0.6
    assert covering._due(dimmer).tolist() == [0, 16, 32, 48, 64, 80, 96, 99]


def test_blocks_leave_no_seam(noted, monkeypatch):
    whole = covering.hidden(noted["swatches"], usable(noted))
    monkeypatch.setattr(covering, "BLOCK", 5)
    assert covering.hidden(noted["swatches"], usable(noted)) == pytest.approx(whole, abs=1e-5)


def test_a_device_is_given_more_frames_at_a_time_and_says_the_same(noted, monkeypatch):
    many, given = np.tile(noted, 30), []
    plain = covering._cells

    def told(shown, device):
        given.append((len(shown), device))
        return plain(shown, device)

    monkeypatch.setattr(covering, "_cells", told)
    monkeypatch.setattr(covering, "SELDOM", 1)
    # One of 4 frames, after the few that are looked at first.
    by_core = covering.hidden(many["swatches"], usable(many))
    assert given == [(covering.FEW, "cpu"), (64, "cpu"), (64, "cpu"), (53, "cpu")]
    given.clear()
    # No core of this machine, but a device like any other.
    by_device = covering.hidden(many["swatches"], usable(many), "cpu:0")
    assert given == [(covering.FEW, "cpu:0"), (181, "cpu:0")]
    np.testing.assert_allclose(by_device, by_core, rtol=0, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU to compare with")
def test_a_gpu_sees_what_a_processor_sees(noted):
    here, there = (
        covering.hidden(noted["swatches"], usable(noted), device) for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(there, here, rtol=0, atol=1e-3)


def test_no_frames():
    nothing = covering.hidden(np.zeros((0, SWATCHES, 4), np.uint8), np.zeros((0, SWATCHES), bool))
    assert nothing.shape == (0, 478)


def test_a_face_without_light_and_shade_is_drawn_and_hides_all(noted):
    drawn = np.full_like(noted["swatches"], (200, 150, 120, 0))
    assert covering.hidden(drawn, usable(noted)).min() > 0.75
    for_a_while = np.array(noted["swatches"])
    for_a_while[10:16] = drawn[10:16]
    covered = covering.hidden(for_a_while, usable(noted))
    assert covered[12].min() > 0.75
    assert covered[[0, 23]].mean() < 0.15


def test_how_light_spreads_is_told_where_enough_is_seen():
    looks = np.zeros((2, SWATCHES, cover_features.LOOKS), np.float32)
    looks[..., 2] = np.linspace(0, 1, SWATCHES)
    few = np.zeros((2, SWATCHES), bool)
    few[0] = True
    told = cover_features.shading(looks, few)
    upper = np.flatnonzero(layout().upper)
    assert told[0] == pytest.approx(np.ptp(np.quantile(looks[0, upper, 2], [0.25, 0.75])), abs=0.01)
    assert np.isinf(told[1])
