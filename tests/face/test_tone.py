"""The angle of a skin's colour: known colours, what is not skin, and what cannot be told."""

import numpy as np
import pytest

from pipeline.face import tone
from pipeline.face.mesh import POINTS, canonical
from pipeline.face.swatches import CHANNELS, SWATCHES, layout
from pipeline.morph.appearance import SKIN_TONES, Appearance


def face(*colours):
    """Swatches (F, 852, 4), a frame of one colour each."""
    swatches = np.zeros((len(colours), SWATCHES, CHANNELS), np.uint8)
    swatches[..., :3] = np.array(colours, np.uint8)[:, None]
    return swatches


def all_seen(frames=1):
    return np.ones((frames, POINTS), np.float16)


# The two skins of the ColorChecker chart, L*a*b* (D50) 38.0 13.6 14.1 and 65.7 18.1 17.8.
@pytest.mark.parametrize(("colour", "angle_deg"), [((115, 82, 68), -40.5), ((194, 150, 130), 41.4)])
def test_the_chart_s_skins_have_their_angle(colour, angle_deg):
    assert tone.ita_deg(face(colour), all_seen())[0] == pytest.approx(angle_deg, abs=3.0)


def test_what_is_no_skin_or_not_seen_has_no_say():
    swatches = face((194, 150, 130))
    plain = tone.ita_deg(swatches, all_seen())[0]
    swatches[:, ~layout().upper, :3] = (10, 20, 200)
    hand = layout().upper & (layout().middle[:, 0] > 0)
    swatches[:, hand, :3] = (60, 40, 30)
    visible = all_seen()
    visible[:, np.unique(canonical().triangles[hand])] = 0.1
    assert tone.ita_deg(swatches, visible)[0] == plain


@pytest.mark.parametrize(
    "colour",
    [(0, 0, 0), (30, 22, 18), (255, 240, 230), (150, 150, 150), (120, 130, 190)],
    ids=["black", "in the dark", "burnt out", "grey", "in blue light"],
)
def test_without_light_or_colour_nothing_is_said(colour):
    assert np.isnan(tone.ita_deg(face(colour), all_seen())[0])


def test_a_hidden_face_and_no_frame():
    hidden = np.zeros((2, POINTS), np.float16)
    assert np.isnan(tone.ita_deg(face((194, 150, 130), (115, 82, 68)), hidden)).all()
    assert tone.ita_deg(np.zeros((0, SWATCHES, CHANNELS), np.uint8), all_seen(0)).shape == (0,)


def test_frames_are_told_by_themselves_however_many_there_are():
    colours = [(194, 150, 130), (115, 82, 68)] * tone.BLOCK
    angles = tone.ita_deg(face(*colours), all_seen(len(colours)))
    assert len(set(angles[::2])) == len(set(angles[1::2])) == 1
    assert angles[0] > angles[1]


def test_rendered_skins_stand_in_the_order_of_their_tones(see, studio):
    skins = [SKIN_TONES[number] for number in (0, 4, 8)]
    frames = [see([studio.picture(looks=Appearance(skin=skin))]).frames.iloc[0] for skin in skins]
    angles = [frame["ita_deg"] for frame in frames]
    assert np.isfinite(angles).all()
    assert angles[0] > angles[1] + 10 > angles[2] + 20
