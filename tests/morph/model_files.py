"""Model files of others' layouts, written by the tests, and an independent reading of them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np

IDENTITY, EXPRESSION, AGE = 6, 9, 1
VERTICES = 240
HIDDEN = 40


def heads(vertices: int = VERTICES, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A mean head (V, 3) mm and triangles."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(vertices, 3))
    points *= 60 / np.linalg.norm(points, axis=1, keepdims=True)
    start = np.arange(vertices - 2)
    return points, np.stack([start, start + 1, start + 2], 1)


def stack(rng: np.random.Generator, *sizes: int) -> dict:
    """Weights and biases of layers as wide as said."""
    pairs = list(pairwise(sizes))
    return {
        "matrix_mults": [rng.normal(0, 1 / np.sqrt(a), (b, a)) for a, b in pairs],
        "biases": [rng.normal(0, 0.3, b) for _, b in pairs],
    }


def autoencoder(
    parts: tuple[int, ...] = (IDENTITY, EXPRESSION, AGE),
    vertices: int = VERTICES,
    hidden: int = HIDDEN,
    relu_factor: float | None = None,
    seed: int = 0,
) -> dict:
    """What an autoencoder's file holds; one part makes an entangled one."""
    rng = np.random.default_rng(seed)
    mean, triangles = heads(vertices, seed)
    names = ["id_encoder", "exp_encoder", "age_encoder"] if len(parts) == 3 else ["encoder"]
    K = sum(parts)
    content: dict = {
        name: stack(rng, 3 * vertices, hidden, size)
        for name, size in zip(names, parts, strict=True)
    }
    content["decoder"] = stack(rng, K, hidden, 3 * vertices)
    if relu_factor is not None:
        for name in (*names, "decoder"):
            content[name]["relu_factor"] = relu_factor
    content |= {
        "latent_mean": rng.normal(0.8, 0.4, K),
        "latent_std": rng.uniform(0.5, 20, K),
        "mean_vertices": mean,
        "triangles": triangles,
    }
    return content


def pca(components: int = 12, vertices: int = VERTICES, seed: int = 0) -> dict:
    """What a PCA's file holds."""
    rng = np.random.default_rng(seed)
    mean, triangles = heads(vertices, seed)
    basis = np.linalg.qr(rng.normal(size=(3 * vertices, components)))[0].T
    return {
        "components": basis,
        "eigenvalues": np.linspace(400, 4, components),
        "mean_vertices": mean,
        "triangles": triangles,
    }


def write(path: Path, content: dict) -> Path:
    """Write a file of that layout: dictionaries are groups, lists are item_0, item_1, ..."""

    def put(group: h5py.Group, values: dict) -> None:
        for name, value in values.items():
            if isinstance(value, list):
                value = {f"item_{number}": one for number, one in enumerate(value)}
            if isinstance(value, dict):
                put(group.create_group(name), value)
            elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
                group[name] = value.astype(np.float32)
            else:
                group[name] = value

    with h5py.File(path, "w") as file:
        put(file, content)
    return path


def evaluated(content: dict, name: str, x: np.ndarray, last_active: bool) -> np.ndarray:
    """An encoder or decoder in float64, layer by layer, as the authors describe it."""
    weights, biases = content[name]["matrix_mults"], content[name]["biases"]
    slope = content[name].get("relu_factor", 0.2)
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        x = weight.astype(np.float32).astype(float) @ x + bias.astype(np.float32).astype(float)
        if last_active or number < len(weights) - 1:
            x = np.array([value if value >= 0 else slope * value for value in x])
    return x
