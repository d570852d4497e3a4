"""Clips fitted on models of others' layouts, from files to latents, and on other machines."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.morph import embedding, fit_solve
from pipeline.morph.fit import Fitted, fit_clip
from pipeline.morph.fit_face import openings
from pipeline.morph.fit_system import Face
from pipeline.morph.model import opened
from pipeline.morph.params import Fit
from tests.morph import face_files
from tests.morph.fit_faces import SIZE, Truth, aligned_error_mm, clip, linear_face

PARAMS = Fit(
    noise_mm=0.6, opening_noise_mm=0.6, identity_prior=1.0, expression_prior=1.0,
    independent_frames=1000.0,
)  # fmt: skip
FILES = {
    "inface": lambda folder: face_files.autoencoder(folder / "ae_model_disent.h5"),
    "pca": lambda folder: face_files.inface(folder / "pca_model.h5"),
    "flame": lambda folder: face_files.flame(folder / "flame.npz"),
}


def fit(truth: Truth, face: Face, device: str = "cpu", **params: str) -> Fitted:
    seen = np.ones(truth.points_px.shape[:2])
    update = PARAMS.model_copy(update=params)
    return fit_clip(truth.points_px, seen, SIZE, face, update, device)


def placed(fitted: Fitted, face: Face) -> np.ndarray:
    """Landmarks (F, L, 3) mm on the fitted heads."""
    shared = torch.from_numpy(np.r_[fitted.identity, fitted.age]).double()
    return face.surface.at(shared, torch.from_numpy(fitted.expression).double()).numpy()


@pytest.mark.parametrize("layout", list(FILES))
def test_a_clip_is_fitted_on_a_model_of_every_layout(layout: str, tmp_path: Path) -> None:
    head, lies = opened(str(FILES[layout](tmp_path))), embedding.load("procedural")
    surface = head.surface(lies.corners, np.asarray(lies.barycentric, np.float64))
    noise_mm = torch.full((len(lies.landmark),), PARAMS.noise_mm, dtype=torch.float64)
    face = Face(surface, noise_mm, openings(np.asarray(lies.landmark)), PARAMS.opening_noise_mm)
    truth = clip(face, 12, noise_px=1.0)
    fitted = fit(truth, face)
    assert fitted.valid.all()
    off_mm = np.median(aligned_error_mm(placed(fitted, face), truth.heads(face).numpy(), True))
    still = np.repeat(face.mean.numpy()[None], 12, 0)
    unfitted_mm = np.median(aligned_error_mm(still, truth.heads(face).numpy(), True))
    assert off_mm < 0.8
    assert off_mm < unfitted_mm / 2


def test_how_frames_are_batched_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    face = linear_face()
    truth = clip(face, 30, noise_px=1.0)
    whole = placed(fit(truth, face), face)
    monkeypatch.setitem(fit_solve._BATCH, "cpu", 7)
    assert np.abs(placed(fit(truth, face), face) - whole).max() < 1e-3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU to compare with")
def test_a_gpu_gives_the_same_to_a_thousandth_of_a_millimetre() -> None:
    face = linear_face()
    truth = clip(face, 30, noise_px=1.0)
    here, there = (
        placed(fit(truth, face, device, precision="float64"), face) for device in ("cpu", "cuda")
    )
    assert np.abs(there - here).max() < 1e-3
