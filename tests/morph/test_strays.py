"""Errors that landmarks make together: learned where the truth is known, and fitted beside."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.core.errors import CradleError
from pipeline.morph import embedding, model, strays
from pipeline.morph.fit import fit_clip
from pipeline.morph.fit_face import embedded
from pipeline.morph.fit_system import Face
from pipeline.morph.params import Fit
from tests.morph.fit_faces import SIZE, Truth, clip, linear_face

FRAMES = 24
PARAMS = Fit(noise_mm=0.6, opening_noise_mm=0.6, identity_prior=0.25, expression_prior=1.0)


@pytest.fixture(scope="module")
def face() -> Face:
    return linear_face()


@pytest.fixture(scope="module")
def ways(face: Face) -> np.ndarray:
    """(2, 200, 2) mm, smooth over the face: alike in shape to expressions."""
    x, y, _ = (face.mean.numpy() / 60).T
    ways = np.stack([np.stack([np.sin(3 * y), x * y], 1), np.stack([y**2, np.cos(4 * x)], 1)])
    return 2.0 * ways


def strayed(truth: Truth, face: Face, ways: np.ndarray) -> np.ndarray:
    """Points (F, L, 3) mm of a clip, strays among them in the plane of the face."""
    amount = np.random.default_rng(3).normal(size=(len(truth.expression), len(ways)))
    return np.einsum("fk,kld->fld", amount, ways)


def test_the_ways_in_which_landmarks_stray_are_found(face: Face, ways: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    clips = []
    for seed in range(6):
        truth = clip(face, FRAMES, seed)
        off = strayed(truth, face, ways) + rng.normal(0, 2.0, (FRAMES, 200, 2)) + [0.3, 0.0]
        off[..., 0] += 0.02 * face.mean[:, 0].numpy() ** 2 / 60
        clips.append((off, truth.heads(face).numpy()))
    found = strays.learn(clips, directions=2)
    assert np.allclose(found.noise_mm, 2.0, atol=0.5)
    spanned = np.linalg.qr(found.directions_mm.reshape(2, -1).T)[0]
    unposed = strays._unposed(ways, np.repeat(face.mean.numpy()[None], 2, 0)).reshape(2, -1)
    kept = np.linalg.norm(unposed @ spanned, axis=1) / np.linalg.norm(unposed, axis=1)
    assert (kept > 0.9).all()
    middle = found.mean_mm[:, 0]
    bent = face.mean[:, 0].numpy() ** 2
    assert np.corrcoef(middle, bent)[0, 1] > 0.5


def test_strays_that_are_known_do_not_pass_for_expressions(face: Face, ways: np.ndarray) -> None:
    truth = clip(face, FRAMES, noise_px=1.0)
    off = np.pad(strayed(truth, face, ways), ((0, 0), (0, 0), (0, 1)))
    surface = face.surface
    moved = replace(
        surface, expression=torch.cat([surface.expression, torch.zeros(FRAMES, 200, 3)])
    )
    moved.expression[-FRAMES:] = torch.from_numpy(off)
    eye = torch.cat([truth.expression, torch.eye(FRAMES).double()], 1)
    from pipeline.morph import camera

    points = camera.project(
        moved.at(truth.shared, eye), truth.rotation, truth.translation, truth.focal_px, SIZE
    ).numpy()
    points += np.random.default_rng(1).normal(size=points.shape)
    known = strays.Strays(np.zeros((200, 2)), ways, np.full(200, 0.6))
    loose = replace(face, loose=strays.loosened(face, surface, known))
    seen = np.ones(points.shape[:2])
    plain, beside = (fit_clip(points, seen, SIZE, f, PARAMS) for f in (face, loose))
    error = [np.abs(f.expression - truth.expression.numpy()).mean() for f in (plain, beside)]
    assert beside.expression.shape == plain.expression.shape
    assert beside.expression_std.shape == plain.expression.shape
    assert error[1] < 0.8 * error[0]
    # What strays is no part of the face, and is still a residual.
    assert np.median(beside.residual_px) > 1.2


def test_the_embedded_face_knows_its_strays() -> None:
    face, landmark = embedded("procedural", Fit())
    assert face.loose is not None
    known = strays.read("procedural", model.load().digest, landmark)
    assert known is not None
    count = len(known.directions_mm)
    assert face.loose.surface.expression_count == face.surface.expression_count + count


def test_strays_of_another_model_are_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(embedding, "FOLDER", tmp_path)
    landmark = np.arange(5)
    made = strays.Strays(np.zeros((5, 2)), np.zeros((1, 5, 2)), np.ones(5))
    assert strays.read("mine", "abc", landmark) is None
    made.save(strays.path_of("mine"), "abc", landmark)
    again = strays.read("mine", "abc", landmark)
    assert again is not None
    assert np.array_equal(again.noise_mm, made.noise_mm)
    with pytest.raises(CradleError, match=r"make it again with `python -m models\.morph\.strays`"):
        strays.read("mine", "abd", landmark)
