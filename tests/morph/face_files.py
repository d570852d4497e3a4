"""Files of others' layouts that hold a face, so that a landmarker finds one on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from pipeline.morph import embedding
from pipeline.morph.model import load
from pipeline.morph.named import MEDIAPIPE
from tests.morph import model_files

IDENTITY = 32


def directions() -> np.ndarray:
    """Our own head's identity and expression, (96, V, 3) mm."""
    arrays = load().arrays
    return np.concatenate([arrays.identity, arrays.expression])


def flame(path: Path, scale: float = 1.0) -> Path:
    """Our head in FLAME's layout, in metres."""
    head = load()
    np.savez(
        path,
        v_template=scale * head.mean / 1000,
        shapedirs=scale * np.moveaxis(directions(), 0, 2) / 1000,
        faces=head.triangles,
        identity_count=IDENTITY,
    )
    return path


def named(mirrored: bool = False) -> dict[str, np.ndarray]:
    """INFACE's names of landmarks and our head's vertices there, or on the other side of it."""
    head, where = load(), embedding.load()
    place = where.place(head.mean) * [-1 if mirrored else 1, 1, 1]
    rows = {int(mark): n for n, mark in enumerate(where.landmark)}
    tree = cKDTree(head.mean)
    # Its authors list more than one vertex for some, of which the last counts.
    return {
        name: np.array([0, tree.query(place[rows[mark]])[1]])
        for name, mark in MEDIAPIPE.items()
        if mark in rows
    }


def inface(path: Path, shift_mm: float = 0.0, indices: dict | None = None) -> Path:
    """Our head in the layout of INFACE's PCA, its origin `shift_mm` lower."""
    head = load()
    flat = directions().reshape(96, -1).astype(float)
    _, size, basis = np.linalg.svd(flat, full_matrices=False)
    content = {
        "components": basis[:40],
        "eigenvalues": size[:40] ** 2 / 4,
        "mean_vertices": head.mean + np.array([0, shift_mm, 0]),
        "triangles": head.triangles,
        **({"indices": indices} if indices else {}),
    }
    return model_files.write(path, content)


def autoencoder(path: Path, hidden: int = 128) -> Path:
    """Our head in the layout of INFACE's autoencoder: identity 32, expression 64, age 1."""
    head, rng = load(), np.random.default_rng(0)
    moves = np.concatenate([directions(), head.arrays.age]).reshape(97, -1).astype(float)
    inward = rng.normal(size=(hidden, 97)) / np.sqrt(97)
    # Units that few faces bend, about latents that are seldom negative.
    bias, middle = rng.uniform(0, 4, hidden), np.full(97, 3.0)
    outward = moves.T @ np.linalg.pinv(inward)
    content = model_files.autoencoder((IDENTITY, 64, 1), len(head.mean), hidden=4)
    content |= {
        "decoder": {
            "matrix_mults": [inward, outward],
            "biases": [bias - inward @ middle, -outward @ bias],
        },
        "latent_mean": middle,
        "latent_std": np.ones(97),
        "mean_vertices": head.mean,
        "triangles": head.triangles,
    }
    return model_files.write(path, content)
