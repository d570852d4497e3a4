"""Angles for tables are those of the camera, and take no torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from pipeline.morph import camera
from pipeline.morph.angles import angles_deg


@pytest.mark.parametrize("size_rad", [0.0, 1e-6, 1e-3, 0.5, 3.1])
def test_they_are_the_cameras(size_rad: float) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(500, 3))
    vectors *= size_rad / np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.concatenate([vectors, np.full((1, 3), np.nan)]).astype(np.float32)
    expected = camera.angles_from_rotation(torch.from_numpy(vectors.astype(np.float64)))
    for found, wanted in zip(angles_deg(vectors), expected, strict=True):
        np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-6, atol=1e-6)


def test_tables_of_fits_are_made_without_torch() -> None:
    code = "from pipeline.morph import fit_judged, fit_tables; import sys; 'torch' in sys.modules"
    told = subprocess.run([sys.executable, "-c", f"{code} and sys.exit(1)"])
    assert told.returncode == 0
