from dataclasses import replace

import numpy as np
import pytest

from pipeline.morph import embedding, sheet, views
from pipeline.morph.appearance import SKIN_TONES, Appearance, Light, draw_appearance, draw_light
from pipeline.morph.model import Morphable, load
from pipeline.morph.openness import openness
from pipeline.morph.render import Camera, Painter, shade


@pytest.fixture(scope="module")
def model() -> Morphable:
    return load("procedural")


def region_colour(model: Morphable, picture, camera: Camera, region: str) -> np.ndarray:
    px = camera.project(model.mean[model.regions[region]])[:, :2].astype(int)
    return picture.rgb[px[:, 1], px[:, 0]].mean(axis=0)


def test_a_picture_holds_an_infant_before_a_background(model: Morphable) -> None:
    camera = Camera.facing((192, 160))
    picture = shade(model, model.mean, camera)
    assert picture.rgb.shape == (192, 160, 3)
    assert picture.rgb.dtype == np.uint8
    assert picture.alpha[96, 80] == 1.0
    assert picture.alpha[2, 2] == 0.0
    assert np.isinf(picture.depth[2, 2])
    assert abs(picture.depth[96, 80] - 640) < 30
    over = picture.over((10, 200, 30))
    assert (over[2, 2] == [10, 200, 30]).all()


def test_drawing_is_repeatable(model: Morphable) -> None:
    rng = np.random.default_rng(4)
    looks, light = draw_appearance(rng), draw_light(rng)
    camera = Camera.facing((128, 128), (20, 5, -10))
    first = Painter(model, 2).draw(model.mean, camera, looks, light)
    again = Painter(model, 2).draw(model.mean, camera, looks, light)
    assert np.array_equal(first.rgb, again.rgb)
    assert np.array_equal(first.alpha, again.alpha)


def test_skin_lips_and_light_have_their_colours(model: Morphable) -> None:
    camera = Camera.facing((256, 256))
    light = Light(direction=(0.0, 0.3, 0.9))
    pale = shade(model, model.mean, camera, Appearance(skin=SKIN_TONES[0]), light)
    dark = shade(model, model.mean, camera, Appearance(skin=SKIN_TONES[-1]), light)
    skin = region_colour(model, pale, camera, "forehead")
    assert skin.mean() > region_colour(model, dark, camera, "forehead").mean() + 60
    lips = region_colour(model, pale, camera, "lips")
    assert lips[0] / lips[1] > skin[0] / skin[1] + 0.05
    flushed = Appearance(skin=SKIN_TONES[0], flush=0.8)
    crying = region_colour(model, shade(model, model.mean, camera, flushed, light), camera, "face")
    calm = region_colour(model, pale, camera, "face")
    assert crying[0] / crying[1] > calm[0] / calm[1] + 0.03
    night = shade(model, model.mean, camera, Appearance(skin=SKIN_TONES[0]), light.dimmed(0.1))
    assert region_colour(model, night, camera, "face").mean() < 0.5 * calm.mean()


def test_the_lamp_lights_its_own_side(model: Morphable) -> None:
    camera = Camera.facing((256, 256))
    picture = shade(model, model.mean, camera, light=Light(direction=(1.0, 0.2, 0.3)))
    right_of_image = region_colour(model, picture, camera, "cheek_left").mean()
    assert right_of_image > region_colour(model, picture, camera, "cheek_right").mean() + 20


def test_an_open_mouth_is_dark_and_a_gaze_moves_the_iris(model: Morphable) -> None:
    camera = Camera.facing((256, 256))
    painter = Painter(model)
    wide = model.shape(expression=model.action_vector({"jaw_drop": 1.0}))
    upper, lower = model.aperture_pair
    spot = camera.project(0.5 * (wide[[upper]] + wide[[lower]]))[0].astype(int)
    shut = painter.draw(model.mean, camera).rgb[spot[1], spot[0]].mean()
    assert painter.draw(wide, camera).rgb[spot[1], spot[0]].mean() < 0.6 * shut
    ahead = painter.draw(model.mean, camera).rgb.astype(int)
    aside = painter.draw(model.mean, camera, light=replace(Light(), gaze_deg=(20.0, 0.0))).rgb
    changed = np.abs(ahead - aside).sum(axis=2) > 60
    eyes = camera.project(model.mean[model.regions["eyes"]])[:, :2]
    rows, columns = np.nonzero(changed)
    assert len(rows) > 20
    assert columns.min() > eyes[:, 0].min() - 2
    assert columns.max() < eyes[:, 0].max() + 2


def test_supersampling_softens_the_outline(model: Morphable) -> None:
    camera = Camera.facing((96, 96))
    soft = Painter(model, 2).draw(model.mean, camera).alpha
    hard = Painter(model, 1).draw(model.mean, camera).alpha
    assert set(np.unique(hard)) == {0.0, 1.0}
    assert ((soft > 0) & (soft < 1)).sum() > 50
    assert abs(soft.sum() - hard.sum()) < 0.02 * hard.sum()


def test_hidden_places_are_darker_than_open_ones(model: Morphable) -> None:
    light = openness(model)
    assert light[model.regions["forehead"]].mean() > 0.95
    assert light[model.regions["mouth_inside"]].mean() < 0.6
    assert (light >= 0).all()
    assert (light <= 1.001).all()


def test_a_sheet_shows_as_many_infants_as_asked(model: Morphable) -> None:
    picture = sheet.draw_sheet(model, count=4, columns=2, side_px=48)
    assert picture.shape == (96, 96, 3)
    assert picture.std() > 20


def test_mediapipe_finds_drawn_infants_where_they_are(model: Morphable) -> None:
    placed = embedding.load(model.name)
    found, errors = 0, []
    with views.face_mesh() as finder:
        for view in views.draw_views(model, 24, 17, views.Range()):
            seen = views.find(finder, view.rgb)
            if seen is None:
                continue
            truth = view.camera.project(placed.place(view.vertices))[:, :2]
            errors.append(np.median(np.linalg.norm(seen[placed.landmark] - truth, axis=1)))
            found += 1
    assert found >= 23
    assert np.median(errors) < 5.0


def test_mediapipe_follows_the_mouth(model: Morphable) -> None:
    painter, camera = Painter(model, 2), Camera.facing(pose_deg=(10, 5, 0))
    upper, lower = model.aperture_pair
    table = []
    with views.face_mesh() as finder:
        for opening in np.linspace(0, 1, 12):
            head = model.shape(expression=model.action_vector({"jaw_drop": opening}))
            found = views.find(finder, painter.draw(head, camera).over((128, 128, 128)))
            assert found is not None
            px = camera.project(head)
            table.append((px[lower, 1] - px[upper, 1], found[14, 1] - found[13, 1]))
    assert np.corrcoef(np.array(table).T)[0, 1] > 0.95
