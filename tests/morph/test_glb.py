"""An animated mesh file, read back as a viewer reads it."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.core.errors import CradleError
from pipeline.morph import glb, model
from pipeline.morph.fit import Fitted
from pipeline.morph.overlay import over
from pipeline.morph.plain import PlainPainter

FRAMES = 5
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}


@pytest.fixture
def fitted() -> Fitted:
    rng = np.random.default_rng(0)
    row = np.ones(FRAMES, np.float32)
    return Fitted(
        identity=rng.normal(size=32).astype(np.float32),
        age=np.zeros(1, np.float32),
        focal_px=500.0,
        expression=rng.normal(size=(FRAMES, 64)).astype(np.float32),
        rotation=rng.normal(0, 0.2, (FRAMES, 3)).astype(np.float32),
        translation=np.tile(np.float32([5, 10, 600]), (FRAMES, 1)),
        residual_px=row,
        residual_mm=row,
        valid=np.array([True, True, False, True, True]),
        identity_std=np.ones(32, np.float32),
        age_std=np.ones(1, np.float32),
        expression_std=np.ones((FRAMES, 64), np.float32),
        converged=np.ones(FRAMES, bool),
        iterations=1,
    )


def read(path: Path) -> tuple[dict, list[np.ndarray]]:
    """The document, and every accessor's array, by the letter of glTF 2.0."""
    content = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", content)
    assert (magic, version, length) == (b"glTF", 2, len(content))
    size, kind = struct.unpack_from("<I4s", content, 12)
    assert kind == b"JSON"
    document = json.loads(content[20 : 20 + size])
    rest, kind = struct.unpack_from("<I4s", content, 20 + size)
    assert kind == b"BIN\0"
    binary = content[28 + size : 28 + size + rest]
    assert document["buffers"][0]["byteLength"] <= len(binary)
    arrays = []
    for accessor in document["accessors"]:
        view = document["bufferViews"][accessor["bufferView"]]
        dtype = {5126: "<f4", 5125: "<u4"}[accessor["componentType"]]
        assert view["byteOffset"] % 4 == 0
        wide = WIDTHS[accessor["type"]]
        assert view["byteLength"] == accessor["count"] * wide * 4
        flat = np.frombuffer(binary, dtype, accessor["count"] * wide, view["byteOffset"])
        arrays.append(flat.reshape(-1, wide) if wide > 1 else flat)
        if "min" in accessor:
            assert np.allclose(np.atleast_2d(arrays[-1].T).min(1), accessor["min"])
    return document, arrays


def test_the_animation_is_the_fit(fitted: Fitted, tmp_path: Path) -> None:
    face, path = model.load(), tmp_path / "face.glb"
    glb.write(path, face, fitted)
    document, arrays = read(path)
    mesh = document["meshes"][0]["primitives"][0]
    assert np.array_equal(arrays[mesh["indices"]].reshape(-1, 3), face.triangles)
    targets = np.stack([arrays[t["POSITION"]] for t in mesh["targets"]])
    animation = document["animations"][0]
    tracks = {
        c["target"]["path"]: animation["samplers"][c["sampler"]] for c in animation["channels"]
    }
    rows = np.flatnonzero(fitted.valid)
    for track in tracks.values():
        assert np.allclose(arrays[track["input"]], rows / 30)
    weights = arrays[tracks["weights"]["output"]].reshape(len(rows), len(targets))
    assert len(document["meshes"][0]["weights"]) == len(targets)
    shown = arrays[mesh["attributes"]["POSITION"]] + np.einsum("fk,kvd->fvd", weights, targets)
    true = face.decode(fitted.identity[None], fitted.expression[rows], fitted.age[None]).numpy()
    assert np.abs(shown - true).max() < 0.02
    turned = Rotation.from_quat(arrays[tracks["rotation"]["output"]])
    assert np.allclose(turned.as_rotvec(), fitted.rotation[rows], atol=1e-5)
    assert np.allclose(arrays[tracks["translation"]["output"]], [0.005, -0.010, -0.6], atol=1e-6)


def test_one_frame_is_a_mesh_too_and_none_is_refused(fitted: Fitted, tmp_path: Path) -> None:
    one = replace(fitted, valid=np.arange(FRAMES) == 1)
    glb.write(tmp_path / "one.glb", model.load(), one)
    assert read(tmp_path / "one.glb")[0]["meshes"][0]["weights"] == [0.0]
    with pytest.raises(CradleError, match="no frame was fitted"):
        glb.write(
            tmp_path / "none.glb", model.load(), replace(fitted, valid=np.zeros(FRAMES, bool))
        )
    assert not (tmp_path / "none.glb").exists()


def test_the_mesh_lies_over_fitted_frames_alone(fitted: Fitted) -> None:
    face, picture = model.load(), np.full((120, 160, 3), 20, np.uint8)
    painter = PlainPainter(face)
    drawn = over(picture, painter, face, fitted, 0)
    changed = (drawn != picture).any(-1)
    assert changed[60:80, 75:95].all()
    assert not changed[:, :8].any()
    assert over(picture, painter, face, fitted, 2) is picture


def test_any_motion_moves_and_says_what_it_is(tmp_path: Path) -> None:
    triangles, path = np.array([[0, 1, 2], [1, 2, 3]]), tmp_path / "face.glb"
    vertices = np.random.default_rng(0).normal(size=(6, 4, 3)).astype(np.float32)
    glb.animate(path, triangles, vertices, np.arange(6) / 30, {"synthetic": True})
    document, _ = read(path)
    assert document["asset"]["extras"] == {"synthetic": True}
    assert [c["target"]["path"] for c in document["animations"][0]["channels"]] == ["weights"]
    mean, targets, weights = glb.modes(vertices)
    np.testing.assert_allclose(
        mean + np.einsum("fk,kvc->fvc", weights, targets), vertices, atol=1e-5
    )


def test_a_long_motion_is_described_by_a_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a face that moves in few ways, some frames say all, and no more are held at once."""
    monkeypatch.setattr(glb, "MAX_LEARNED", 7)
    rng = np.random.default_rng(0)
    every = (rng.normal(size=(40, 3)) @ rng.normal(size=(3, 30))).reshape(40, 10, 3)
    most = 0

    class Made:
        def __len__(self) -> int:
            return len(every)

        def __getitem__(self, rows: np.ndarray) -> np.ndarray:
            nonlocal most
            most = max(most, len(rows))
            return every[rows].astype(np.float32)

    mean, targets, weights = glb.modes(Made())
    assert most == 7
    np.testing.assert_allclose(mean + np.einsum("fk,kvc->fvc", weights, targets), every, atol=1e-4)
