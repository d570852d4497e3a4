"""FLAME's arrays from a user's file, and where our lips lie on another mesh."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from pipeline.core.errors import CradleError, WeightsError
from pipeline.morph import embedding, flame, model
from pipeline.morph.correspondence import on_other
from pipeline.morph.embedding import Embedding
from tests.morph.model_files import heads


def arrays(directions: int = 150) -> dict[str, np.ndarray]:
    mean, triangles = heads(50)
    rng = np.random.default_rng(0)
    return {
        "v_template": (mean / 1000).astype(np.float32),
        "shapedirs": rng.normal(0, 1e-3, (50, 3, directions)).astype(np.float32),
        "faces": triangles.astype(np.int32),
    }


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_blendshapes_are_read_in_mm(suffix: str, tmp_path: Path) -> None:
    path, made = tmp_path / f"flame{suffix}", arrays()
    if suffix == ".npz":
        np.savez(path, **made)
    else:
        save_file(made, path)
    head = flame.read(path)
    assert head.layout == {"identity": 100, "expression": 50, "age": 0}
    rng = np.random.default_rng(1)
    who, what = rng.normal(size=(1, 100)), rng.normal(size=(2, 50))
    found = head.decode(who, what, np.zeros((1, 0))).numpy()
    both = np.concatenate([np.repeat(who, 2, 0), what], 1)
    true = 1000 * (made["v_template"] + np.einsum("vdk,nk->nvd", made["shapedirs"], both))
    assert np.abs(found - true).max() < 1e-3
    with pytest.raises(CradleError, match="'flame' has no encoder"):
        head.encode(found)


def test_a_split_that_nobody_knows_has_to_be_said(tmp_path: Path) -> None:
    np.savez(tmp_path / "odd.npz", **arrays(30))
    with pytest.raises(WeightsError, match="30 directions, should be 400 or 150"):
        flame.read(tmp_path / "odd.npz")
    np.savez(tmp_path / "said.npz", **arrays(30), identity_count=20)
    assert flame.read(tmp_path / "said.npz").layout["expression"] == 10


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "flame.pkl").write_bytes(b"\x80\x04N.")
    with pytest.raises(WeightsError, match="can run code and is not read"):
        flame.read(tmp_path / "flame.pkl")
    np.savez(tmp_path / "objects.npz", **arrays() | {"v_template": np.array([{}], object)})
    with pytest.raises(WeightsError, match="plain arrays"):
        flame.read(tmp_path / "objects.npz")
    (tmp_path / "torn.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(WeightsError, match="plain arrays"):
        flame.read(tmp_path / "torn.safetensors")
    np.savez(tmp_path / "short.npz", **arrays() | {"shapedirs": np.zeros((49, 3, 150))})
    with pytest.raises(WeightsError, match=r"shapedirs: shape \(49, 3, 150\), should be \(50, 3"):
        flame.read(tmp_path / "short.npz")
    with pytest.raises(WeightsError, match="no 'flame'; add path"):
        flame.load()


def retopologised() -> tuple[model.Morphable, Embedding, np.ndarray]:
    """Our head, larger and turned, every triangle cut in three, its vertices shuffled."""
    head, placed = model.load(), embedding.load()
    order = np.random.default_rng(0).permutation(head.vertices)
    middle = head.mean[head.triangles].mean(1)
    mean = np.concatenate([head.mean[np.argsort(order)], middle])
    corners = order[head.triangles]
    centre = head.vertices + np.arange(len(corners))[:, None]
    triangles = np.concatenate(
        [np.hstack([corners[:, [a, b]], centre]) for a, b in ((0, 1), (1, 2), (2, 0))]
    )
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    mean = (1.3 * mean @ turn.T).astype(np.float32)
    other = replace(head, triangles=triangles, arrays=head.arrays._replace(mean=mean))
    return other, replace(placed, corners=order[placed.corners]), order


def test_lips_are_found_again_on_another_mesh() -> None:
    head, placed = model.load(), embedding.load()
    other, other_placed, order = retopologised()
    laid = on_other((head, placed), (other, other_placed), head.lips)
    off = np.linalg.norm(laid.place(other.mean) - other.mean[order[head.lips]], axis=1)
    assert off.max() < 0.5
    assert laid.gap_mm.max() < 0.5
    assert np.allclose(laid.share.sum(1), 1)
    few = replace(placed, landmark=placed.landmark[:5], corners=placed.corners[:5],
                  barycentric=placed.barycentric[:5])  # fmt: skip
    with pytest.raises(CradleError, match="share 5 landmarks"):
        on_other((head, few), (other, other_placed), head.lips)
