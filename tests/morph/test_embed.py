"""Landmarks embedded on models of users' files, whose truth our own head's embedding is."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from pipeline.__main__ import main
from pipeline.commands._hush import hushed
from pipeline.core import weights
from pipeline.core.backends import file_digest
from pipeline.core.errors import CradleError, WeightsError
from pipeline.morph import embed, embedding, fit_face, inface, model, named
from pipeline.morph.fit_landmarks import fit_landmarks
from pipeline.morph.fit_stage import origin
from pipeline.morph.named import MEDIAPIPE
from pipeline.morph.params import Fit
from tests.morph import face_files
from tests.morph.test_fit_stage import HEIGHT, WIDTH, landmarks
from tests.morph.test_flame import arrays

VIEWS = "14"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a head in FLAME's layout and what `cradle embed` wrote of it."""
    folder = tmp_path_factory.mktemp("embed")
    face_files.flame(folder / "head.npz", scale=1.3)
    out = folder / "flame.embedding.npz"
    assert main(["embed", str(folder / "head.npz"), "-o", str(out), "--views", VIEWS]) == 0
    return folder


def off_mm(found: embedding.Embedding) -> np.ndarray:
    """How far landmarks lie from where our own head, whose mesh it is, has them."""
    true, head = embedding.load(), model.load()
    _, a, b = np.intersect1d(found.landmark, true.landmark, return_indices=True)
    assert len(a) > 400
    return np.linalg.norm(found.place(head.mean)[a] - true.place(head.mean)[b], axis=1)


def test_a_model_of_flames_layout_is_embedded_where_its_landmarks_are(made: Path) -> None:
    found = embedding.read(made / "flame.embedding.npz")
    off = off_mm(found)
    assert np.median(off) < 2.2
    assert np.quantile(off, 0.9) < 4.5
    assert found.model_digest == file_digest(made / "head.npz")
    assert np.array_equal(found.corners, model.load().triangles[found.triangle])
    assert np.allclose(found.barycentric.sum(1), 1, atol=1e-5)
    assert 0 < np.median(found.scatter_mm) < 3


def test_a_model_of_infaces_layout_is_embedded_wherever_its_origin_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = face_files.inface(tmp_path / "pca_model.h5", shift_mm=80.0)
    out = tmp_path / "inface.embedding.safetensors"
    assert main(["embed", str(path), "-o", str(out), "--views", VIEWS, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    found = embedding.read(out)
    assert np.median(off_mm(found)) < 2.2
    assert said["landmarks"] == len(found.landmark)
    assert (said["out"], said["views"], said["faces_found"]) == (str(out), 14, 14)
    assert said["model_digest"] == file_digest(path)


def test_an_embedding_is_held_against_the_landmarks_that_a_file_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = face_files.inface(tmp_path / "pca_model.h5", indices=face_files.named())
    out = tmp_path / "inface.embedding.npz"
    assert main(["embed", str(path), "-o", str(out), "--views", VIEWS, "--json"]) == 0
    checked = json.loads(capsys.readouterr().out)["named"]
    assert checked["count"] >= 24
    assert 0 < checked["median_mm"] < 4
    assert checked["farthest"] in MEDIAPIPE
    assert checked["farthest_mm"] >= checked["median_mm"]


def test_an_embedding_that_a_files_own_landmarks_gainsay_is_refused(tmp_path: Path) -> None:
    path = face_files.inface(tmp_path / "pca.h5", indices=face_files.named(mirrored=True))
    other = inface.read(path)
    with pytest.raises(CradleError, match=r"mm \(median of \d+\) from the landmarks"):
        named.compare(other, embedding.load())
    assert named.compare(model.load(), embedding.load()) is None
    assert named.compare(inface.read(face_files.inface(path)), embedding.load()) is None


@pytest.mark.parametrize("wrong", [[9_999_999], [-1], [0.5]])
def test_named_landmarks_off_the_mesh_are_refused(tmp_path: Path, wrong: list) -> None:
    path = face_files.inface(tmp_path / "pca.h5", indices={"nasion": np.array(wrong)})
    with pytest.raises(WeightsError, match="indices/nasion: should be vertices"):
        inface.read(path)


def test_the_picture_shows_a_dot_a_landmark(made: Path) -> None:
    import cv2

    shown = cv2.imread(str(made / "flame.embedding.png"))[..., ::-1].astype(int)
    assert shown.shape == (768, 768, 3)
    green = (shown[..., 1] > 140) & (shown[..., 0] < 100) & (shown[..., 2] < 120)
    red = (shown[..., 0] > 150) & (shown[..., 1] < 110) & (shown[..., 2] < 90)
    assert green.sum() + red.sum() > 100
    rows, columns = np.nonzero(green | red)
    assert 250 < columns.mean() < 518
    assert np.ptp(rows) > 300


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_an_embedding_comes_back_as_it_was(made: Path, tmp_path: Path, suffix: str) -> None:
    found, path = embedding.read(made / "flame.embedding.npz"), tmp_path / f"again{suffix}"
    embedding.write(path, found)
    again = embedding.read(path)
    for name, value in vars(found).items():
        assert np.array_equal(getattr(again, name), value), name
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.fixture(scope="module")
def seen() -> dict[str, np.ndarray]:
    """Landmarks of our own head."""
    return landmarks(1, frames=4)


@pytest.fixture
def known(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose lock names that head as `flame`; its folder of embeddings is empty."""
    row = {
        "path": str(made / "head.npz"),
        "sha256": file_digest(made / "head.npz"),
        "licence": "MIT",
        "origin": "tests",
    }
    (tmp_path / "weights.lock").write_text(yaml.safe_dump({"flame": row}))
    monkeypatch.setattr(weights, "LOCK", tmp_path / "weights.lock")
    monkeypatch.setattr(embedding, "FOLDER", tmp_path)
    caches = (model._loaded, embedding.load, fit_face._embedded)
    for cache in caches:
        cache.cache_clear()
    yield tmp_path
    for cache in caches:
        cache.cache_clear()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_clip_is_fitted_with_an_embedded_model(
    seen: dict[str, np.ndarray], made: Path, known: Path, suffix: str
) -> None:
    made_at = known / f"flame.embedding{suffix}"
    embedding.write(made_at, embedding.read(made / "flame.embedding.npz"))
    np.savez(known / "landmarks.npz", points=seen["points"], visibility=seen["visibility"])
    before = torch.get_num_threads()
    fitted = fit_landmarks(known / "landmarks.npz", HEIGHT, WIDTH, Fit(model="flame"))
    torch.set_num_threads(before)
    assert fitted.valid.all()
    assert np.median(fitted.residual_mm) < 2.5
    assert fitted.identity.shape == (32,)
    assert fitted.age.shape == (0,)


def test_another_embedding_is_another_backend(made: Path, known: Path) -> None:
    found = embedding.read(made / "flame.embedding.npz")
    embedding.write(known / "flame.embedding.safetensors", found)
    before = origin(Fit(model="flame")).digest
    found.scatter_mm[0] += 1
    embedding.write(known / "flame.embedding.safetensors", found)
    assert origin(Fit(model="flame")).digest != before


def test_a_model_without_embedding_says_how_to_make_one(known: Path) -> None:
    np.savez(known / "none.npz", points=np.zeros((1, 478, 3)), visibility=np.zeros((1, 478)))
    with pytest.raises(CradleError, match="make it with `cradle embed flame -o"):
        fit_landmarks(known / "none.npz", 10, 10, Fit(model="flame"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonesuch", "-o", "a.npz"], "no morphable model 'nonesuch'; known: procedural"),
        (["gone.h5", "-o", "a.npz"], "gone.h5: there is no such file"),
        (["head.obj", "-o", "a.npz"], "head.obj: no layout of a morphable model ends so; allowed"),
        (["procedural", "-o", "a.json"], "a.json: an embedding ends in .npz or .safetensors"),
        (["procedural", "-o", "no/a.npz"], "no/a.npz: there is no folder no"),
        (["procedural", "-o", "a.npz", "--views", "3"], "--views 3: from 12 to 2000 are allowed"),
        (["stone.npz", "-o", "a.npz"], "'flame': no face is seen on its mean head from the front"),
    ],
)
def test_what_cannot_be_embedded_is_named(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("head.obj").write_text("v 0 0 0\n")
    np.savez("stone.npz", **arrays())
    assert main(["embed", *words]) == 1
    assert said in capsys.readouterr().err
    assert not Path("a.npz").exists()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("corners", np.zeros((5, 2)), r"corners has shape \(5, 2\)"),
        ("landmark", np.full(450, 478), "mediapipe's numbers, 0 to 477"),
        ("scatter_mm", None, "scatter_mm"),
        ("model_digest", np.array({}, object), "allow_pickle"),
    ],
)
def test_a_file_that_is_no_embedding_is_refused(
    made: Path, tmp_path: Path, name: str, value: np.ndarray | None, said: str
) -> None:
    with np.load(made / "flame.embedding.npz") as stored:
        content = {key: stored[key] for key in stored.files}
    if name == "landmark":
        value = np.full(len(content["landmark"]), 478)
    content.pop(name)
    np.savez(tmp_path / "a.npz", **content if value is None else {**content, name: value})
    with pytest.raises(CradleError, match=rf"a\.npz: expected a landmark embedding.*{said}"):
        embedding.read(tmp_path / "a.npz")


def test_a_face_that_is_hardly_ever_found_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from itertools import count

    number = count()
    real = embed.find
    monkeypatch.setattr(
        embed, "find", lambda finder, rgb: real(finder, rgb) if next(number) % 4 == 0 else None
    )
    with hushed(), pytest.raises(CradleError, match="was found in 4 of 16 pictures of it, 12 are"):
        embed.compute(model.load(), 16)
