"""INFACE's and INCRAN's files: evaluated as their authors do, or refused for what is wrong."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from pipeline.core.errors import WeightsError
from pipeline.morph import inface
from pipeline.morph.skew import unskewed
from tests.morph import model_files as files


@pytest.fixture(scope="module")
def content() -> dict:
    return files.autoencoder()


@pytest.fixture(scope="module")
def head(content: dict, tmp_path_factory: pytest.TempPathFactory) -> inface.Inface:
    return inface.read(files.write(tmp_path_factory.mktemp("inface") / "disent.h5", content))


def latents(content: dict, count: int = 4) -> np.ndarray:
    rng = np.random.default_rng(3)
    return content["latent_mean"] + content["latent_std"] * rng.normal(
        size=(count, len(content["latent_mean"]))
    )


def test_a_decoder_is_exact(head: inface.Inface, content: dict) -> None:
    z = latents(content).astype(np.float32)
    mean = content["mean_vertices"].astype(np.float32)
    for raw, found in zip(z, head.decode_raw(z).numpy(), strict=True):
        true = files.evaluated(content, "decoder", raw.astype(float), False).reshape(-1, 3) + mean
        assert np.abs(found - true).max() < 1e-4


def test_encoders_are_exact_and_in_their_order(head: inface.Inface, content: dict) -> None:
    vertices = content["mean_vertices"] + np.random.default_rng(1).normal(size=(files.VERTICES, 3))
    away = (vertices - content["mean_vertices"]).flatten()
    names = ("id_encoder", "exp_encoder", "age_encoder")
    true = np.concatenate([files.evaluated(content, name, away, True) for name in names])
    assert np.allclose(head.encode_raw(vertices[None])[0], true, atol=1e-4)
    assert [part.shape[1] for part in head.encode(vertices[None])] == [
        files.IDENTITY,
        files.EXPRESSION,
        files.AGE,
    ]


def test_white_latents_go_to_raw_ones_and_back(head: inface.Inface, content: dict) -> None:
    z = torch.from_numpy(latents(content)).float()
    assert torch.allclose(head.raw(head.whitened(z)), z, rtol=1e-5, atol=1e-5)
    white = head.whitened(z).split(list(head.layout.values()), 1)
    assert torch.allclose(head.decode(*white), head.decode_raw(z), atol=1e-3)


@pytest.mark.parametrize("slope", [0.2, 1.0])
def test_the_skew_of_a_leaky_relu_is_undone(slope: float) -> None:
    rng = np.random.default_rng(0)
    mean, std = np.array([-2.0, -0.3, 0.0, 1.5, 8.0]), np.array([1.0, 4.0, 2.0, 1.0, 0.5])
    u = mean + std * rng.normal(size=(200_000, 5))
    raw = np.where(u < 0, slope * u, u)
    found_mean, found_std = unskewed(raw.mean(0), raw.std(0), slope)
    assert np.allclose(found_mean, mean, atol=0.05)
    assert np.allclose(found_std, std, rtol=0.02)


def test_rows_are_decoded_alone_and_one_identity_serves_all(head: inface.Inface) -> None:
    rng = np.random.default_rng(2)
    who, what, old = (rng.normal(size=shape) for shape in ((1, 6), (5, 9), (1, 1)))
    rows = [7, 0, files.VERTICES - 1]
    some = head.decode(who, what, old, rows=rows)
    assert torch.allclose(some, head.decode(who, what, old)[:, rows], atol=1e-4)


def test_decoding_is_differentiable(head: inface.Inface) -> None:
    z = torch.zeros(2, files.EXPRESSION, requires_grad=True)
    head.decode(np.zeros((1, 6)), z, np.zeros((1, 1))).square().sum().backward()
    assert z.grad is not None
    assert (z.grad != 0).all()


@pytest.mark.parametrize("kind", ["kinked", "one_layer", "straight", "pca", "entangled"])
def test_a_surface_is_the_decoder_with_its_derivative(kind: str, tmp_path: Path) -> None:
    made = {
        "kinked": lambda: files.autoencoder(),
        "one_layer": lambda: (
            files.autoencoder()
            | {"decoder": files.stack(np.random.default_rng(1), 16, 3 * files.VERTICES)}
        ),
        "straight": lambda: files.autoencoder((8, 32, 16), relu_factor=1.0),
        "pca": lambda: files.pca(),
        "entangled": lambda: files.autoencoder((20,)),
    }[kind]()
    head = inface.read(files.write(tmp_path / "model.h5", made))
    rng = np.random.default_rng(4)
    corners, share = head.triangles[rng.integers(0, 200, 7)], rng.dirichlet(np.ones(3), 7)
    surface = head.surface(corners, share)
    who, E, old = head.layout.values()
    shared, expression = (
        torch.from_numpy(rng.normal(size=who + old)),
        torch.from_numpy(rng.normal(size=(3, E))),
    )
    whole = head.decode(shared[None, :who], expression, shared[None, who:]).double()
    placed = (whole[:, corners] * torch.from_numpy(share)[..., None]).sum(2)
    assert torch.allclose(surface.at(shared, expression), placed, atol=1e-3)

    small = 1e-6
    found = surface.moves(shared, expression, True).whole(3)
    for column in (0, E - 1, *([E, E + who + old - 1] if who else [])):
        s, e = shared.clone(), expression.clone()
        if column < E:
            e[:, column] += small
        else:
            s[column - E] += small
        step = (surface.at(s, e) - surface.at(shared, expression)) / small
        assert torch.allclose(found[..., column], step, atol=1e-3)
    alone = surface.moves(shared, expression, False).whole(3)
    assert torch.allclose(alone, found[..., :E])


def test_incran_and_pca_have_their_own_sizes(tmp_path: Path) -> None:
    heads = files.autoencoder((8, 32, 16), relu_factor=1.0)
    incran = inface.read(files.write(tmp_path / "incran.h5", heads))
    assert incran.layout == {"identity": 8, "expression": 32, "age": 16}
    assert np.allclose(incran.latent_std["age"], heads["latent_std"][-16:], rtol=1e-6)
    made = files.pca()
    pca = inface.read(files.write(tmp_path / "pca.h5", made))
    assert pca.layout == {"identity": 0, "expression": 12, "age": 0}
    assert np.allclose(pca.latent_std["expression"] ** 2, made["eigenvalues"])
    z = np.random.default_rng(0).normal(size=12) * np.sqrt(made["eigenvalues"])
    true = (z @ made["components"]).reshape(-1, 3) + made["mean_vertices"]
    assert np.abs(pca.decode_raw(z[None])[0].numpy() - true).max() < 1e-4
    assert np.allclose(pca.encode_raw(true[None])[0], z, atol=1e-3)


def drop(content: dict, *path: str) -> None:
    for name in path[:-1]:
        content = content[name]
    del content[path[-1]]


BROKEN = {
    "a group is missing": (
        lambda c: drop(c, "age_encoder"),
        "age_encoder/matrix_mults: missing; the file holds decoder",
    ),
    "a list has a hole": (
        lambda c: c["decoder"].update(biases={"item_1": c["decoder"]["biases"][0]}),
        "decoder/biases: should be a list stored under item_0",
    ),
    "a bias is too short": (
        lambda c: c["decoder"]["biases"].__setitem__(0, np.zeros(3)),
        rf"decoder/biases/item_0: shape \(3,\), should be \({files.HIDDEN}\)",
    ),
    "layers do not fit": (
        lambda c: c["decoder"]["matrix_mults"].__setitem__(0, np.zeros((4, 5))),
        r"decoder/matrix_mults/item_0: shape \(4, 5\), should be \(any, 16\)",
    ),
    "another mesh": (
        lambda c: c.update(mean_vertices=c["mean_vertices"][:-1]),
        "triangles: names vertices beyond the 239",
    ),
    "flat vertices": (
        lambda c: c.update(mean_vertices=c["mean_vertices"].flatten()),
        r"mean_vertices: shape \(720,\), should be \(any, 3\)",
    ),
    "no numbers": (lambda c: c.update(latent_std=["a", "b"]), "latent_std: a group where an array"),
    "not finite": (
        lambda c: c["latent_mean"].__setitem__(0, np.nan),
        "latent_mean: holds numbers that are not finite",
    ),
    "no spread": (
        lambda c: c["latent_std"].__setitem__(0, 0.0),
        "latent_std: should all be above 0",
    ),
    "a dead unit": (
        lambda c: c["exp_encoder"].update(relu_factor=0.0),
        "exp_encoder/relu_factor: is 0, should be above 0",
    ),
    "somebody else's": (lambda c: drop(c, "decoder"), "decoder: neither it nor `components`"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_of_another_layout_is_refused_by_name(what: str, tmp_path: Path) -> None:
    spoil, said = BROKEN[what]
    content = files.autoencoder()
    spoil(content)
    with pytest.raises(WeightsError, match=said):
        inface.read(files.write(tmp_path / "broken.h5", content))


def test_what_is_no_file_of_the_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there is no such file"):
        inface.read(tmp_path / "nothing.h5")
    (tmp_path / "text.h5").write_text("not a model")
    with pytest.raises(WeightsError, match="no HDF5 file"):
        inface.read(tmp_path / "text.h5")
    whole = files.write(tmp_path / "whole.h5", files.autoencoder()).read_bytes()
    (tmp_path / "half.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match=r"half\.h5"):
        inface.read(tmp_path / "half.h5")


def test_links_out_of_the_file_are_not_followed(tmp_path: Path) -> None:
    files.write(tmp_path / "other.h5", files.autoencoder())
    path = files.write(tmp_path / "linked.h5", files.autoencoder())
    with h5py.File(path, "a") as file:
        del file["latent_mean"]
        file["latent_mean"] = h5py.ExternalLink("other.h5", "latent_mean")
    with pytest.raises(WeightsError, match="latent_mean: a link, which is not followed"):
        inface.read(path)


def test_a_model_that_the_lock_does_not_name_says_what_to_add() -> None:
    with pytest.raises(WeightsError, match="no 'inface'; add path, sha256, licence and origin"):
        inface.load()
