"""What the landmarker makes of a head: better foretold than by the surface alone."""

import numpy as np
import pytest
import torch

from pipeline.core.errors import CradleError
from pipeline.morph import embedding, model, response


def test_landmarks_of_heads_it_never_saw_are_foretold_better(monkeypatch) -> None:
    head, placed = model.load(), embedding.load()
    shift = response.read("procedural", head.digest, placed.landmark)
    assert shift is not None
    assert shift.shape == (1 + 33 + 64, len(placed.landmark), 2)
    monkeypatch.setattr(response, "_VIEWS", 10)
    seen = list(response._sightings(head, seed=7))
    true = np.stack([row for _, row in seen])
    told = np.stack([np.tensordot(latents, shift, 1) for latents, _ in seen])
    assert np.abs(true - told).mean() < 0.85 * np.abs(true).mean()


def test_a_corrected_surface_is_shifted_by_what_it_is_told() -> None:
    head, placed = model.load(), embedding.load()
    surface = head.surface(placed.corners, placed.barycentric.astype(float))
    rng = np.random.default_rng(0)
    shift = rng.normal(size=(98, len(placed.landmark), 2))
    shared, expression = rng.normal(size=33), rng.normal(size=(1, 64))
    latents = np.concatenate([[1.0], shared, expression[0]])
    both = torch.from_numpy(shared), torch.from_numpy(expression)
    moved = response.corrected(surface, shift).at(*both) - surface.at(*both)
    assert np.allclose(moved[0, :, :2], np.tensordot(latents, shift, 1))
    assert np.allclose(moved[0, :, 2], 0)


def test_what_was_made_for_another_model_is_refused() -> None:
    placed = embedding.load()
    with pytest.raises(CradleError, match="made for another model or embedding"):
        response.read("procedural", "0" * 64, placed.landmark)
    with pytest.raises(CradleError, match="make it again"):
        response.read("procedural", model.load().digest, placed.landmark[1:])
    assert response.read("inface", "", placed.landmark) is None
