import numpy as np
import pytest
import torch

from pipeline.core.errors import CradleError
from pipeline.morph import procedural_frozen
from pipeline.morph.model import Morphable, load
from pipeline.morph.procedural_mesh import build
from tests.morph.proportions import MEASURED, Ruler


@pytest.fixture(scope="module")
def model() -> Morphable:
    return load("procedural")


def moved(model: Morphable, **actions: float) -> np.ndarray:
    return model.shape(expression=model.action_vector(actions))


def aperture(model: Morphable, head: np.ndarray) -> float:
    upper, lower = model.aperture_pair
    return float(head[upper, 1] - head[lower, 1])


def corners(model: Morphable) -> tuple[int, int]:
    ring, turn = model.tags["mouth_ring"], model.tags["turn"]
    found = np.flatnonzero((ring == 0) & (np.abs(turn) < 1e-5))
    left, right = sorted(found, key=lambda i: -model.mean[i, 0])
    return int(left), int(right)


def test_the_latents_are_laid_out_as_the_dataset_expects(model: Morphable) -> None:
    assert model.layout == {"identity": 32, "expression": 64, "age": 1}
    assert model.vertices >= 2000
    mean, identity, expression, age = model.basis()
    assert mean.shape == (model.vertices, 3)
    assert identity.shape == (32, model.vertices, 3)
    assert expression.shape == (64, model.vertices, 3)
    assert age.shape == (1, model.vertices, 3)
    for part, count in model.layout.items():
        assert model.latent_mean[part].shape == (count,)
        assert (model.latent_std[part] > 0).all()
    assert model.action_scale.shape == (64,)


def test_no_direction_repeats_the_others(model: Morphable) -> None:
    _, identity, expression, age = model.basis()
    for basis in (expression, np.concatenate([identity, age])):
        flat = basis.reshape(len(basis), -1).astype(float)
        unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
        singular = np.linalg.svd(unit, compute_uv=False)
        assert singular[-1] > 0.03


def test_decoding_is_linear_and_agrees_with_numpy(model: Morphable) -> None:
    rng = np.random.default_rng(0)
    i, e, a = (rng.normal(size=(3, n)).astype(np.float32) for n in (32, 64, 1))
    heads = model.decode(i, e, a)
    assert heads.dtype == torch.float32
    assert heads.shape == (3, model.vertices, 3)
    rest = model.decode(0 * i, 0 * e, 0 * a)
    apart = (
        model.decode(i, 0 * e, 0 * a)
        + model.decode(0 * i, e, 0 * a)
        + model.decode(0 * i, 0 * e, a)
    )
    assert torch.allclose(heads - rest, apart - 3 * rest, atol=1e-3)
    assert np.allclose(heads[1].numpy(), model.shape(i[1], e[1], float(a[1, 0])), atol=1e-3)


def test_rows_and_one_identity_for_many_frames(model: Morphable) -> None:
    rng = np.random.default_rng(1)
    i, e, a = rng.normal(size=(1, 32)), rng.normal(size=(5, 64)), np.array([[0.5]])
    rows = [7, 0, model.vertices - 1]
    whole = model.decode(i, e, a)
    assert torch.allclose(model.decode(i, e, a, rows=rows), whole[:, rows])
    assert whole.shape[0] == 5


def test_decoding_can_be_differentiated(model: Morphable) -> None:
    z = torch.zeros((1, 64), requires_grad=True)
    model.decode(torch.zeros((1, 32)), z, torch.zeros((1, 1))).square().sum().backward()
    assert z.grad is not None
    assert (z.grad.abs() > 0).all()


def test_the_mesh_is_symmetric_and_closed_but_for_neck_and_parts(model: Morphable) -> None:
    assert np.allclose(model.mean[model.mirror] * [-1, 1, 1], model.mean, atol=1e-3)
    t = model.triangles
    edges = np.sort(np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]]), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    assert count.max() == 2
    open_edges = model.mean[unique[count == 1]].mean(axis=1)
    hidden = np.isin(model.tags["part"][unique[count == 1]], [4, 5, 6, 3]).all(axis=1)
    assert (hidden | (open_edges[:, 1] < -100)).all()


def test_frozen_mesh_is_what_the_recipe_builds() -> None:
    made, kept = build(), procedural_frozen.load()
    assert np.array_equal(made.triangles, kept.triangles)
    assert np.abs(made.vertices - kept.vertices).max() < 0.002


def test_regions_lie_where_their_names_say(model: Morphable) -> None:
    assert all(len(rows) > 5 for rows in model.regions.values())
    middle = {name: model.mean[rows].mean(axis=0) for name, rows in model.regions.items()}
    for name in ("cheek", "eye", "brow", "ear"):
        assert (model.mean[model.regions[f"{name}_left"], 0] > 0).all()
        assert (model.mean[model.regions[f"{name}_right"], 0] < 0).all()
    assert middle["forehead"][1] > middle["brow_left"][1] > middle["eye_left"][1]
    assert middle["eyes"][1] > middle["nose"][1] > middle["mouth"][1] > middle["chin"][1]
    assert middle["nose"][2] > middle["cheek_left"][2] > middle["ear_left"][2]
    assert set(model.lips) <= set(model.regions["mouth"])


@pytest.mark.parametrize("side", ["left", "right"])
def test_one_sided_actions_move_their_own_side(model: Morphable, side: str) -> None:
    sign = 1 if side == "left" else -1
    sided = [name for name in model.actions if name.endswith(side)]
    assert len(sided) >= 11
    for name in sided:
        size = np.linalg.norm(moved(model, **{name: 1.0}) - model.mean, axis=1)
        own = sign * model.mean[:, 0] > 5
        other = sign * model.mean[:, 0] < -5
        assert size[own].max() > 1.5, name
        assert size[other].max() < 0.35 * size[own].max(), name


def test_jaw_drop_opens_the_mouth_and_the_lips_seal_at_rest(model: Morphable) -> None:
    assert 0.0 <= aperture(model, model.mean) < 0.6
    assert 14 < aperture(model, moved(model, jaw_drop=1)) < 22
    half = aperture(model, moved(model, jaw_drop=0.5))
    assert 6 < half < 12
    chin = model.regions["chin"]
    assert (moved(model, jaw_drop=1) - model.mean)[chin, 1].mean() < -9
    above = model.mean[:, 1] > 0
    assert np.abs(moved(model, jaw_drop=1) - model.mean)[above].max() < 0.1


def test_a_cry_opens_wider_than_the_jaw_alone(model: Morphable) -> None:
    cry = moved(model, jaw_drop=0.8, mouth_stretch_vertical=0.8, mouth_stretch_horizontal=0.8)
    assert aperture(model, cry) > 20
    left, right = corners(model)
    assert cry[left, 0] - cry[right, 0] > model.mean[left, 0] - model.mean[right, 0]


def test_lip_corners_go_where_they_are_pulled(model: Morphable) -> None:
    left, right = corners(model)
    smile = moved(model, lip_corner_pull=1) - model.mean
    assert smile[left, 0] > 4
    assert smile[right, 0] < -4
    assert smile[[left, right], 1].min() > 3.5
    assert (moved(model, lip_corner_depress=1) - model.mean)[[left, right], 1].max() < -3.5
    assert (moved(model, lip_stretch=1) - model.mean)[left, 0] > 4
    assert (moved(model, lip_pucker=1) - model.mean)[left, 0] < -3.5


def test_lids_close_over_the_eyeball(model: Morphable) -> None:
    asleep = moved(model, lid_closure=1)
    for upper, lower in model.lid_pairs.values():
        assert model.mean[upper, 1] - model.mean[lower, 1] > 8
        assert asleep[upper, 1] - asleep[lower, 1] < 0.3
    edge = model.tags["eye_ring"] == 0
    middle = [25.4, 0.0, 42.0] * np.where(asleep[edge, :1] > 0, 1, [-1, 1, 1])
    for closing in (0.25, 0.5, 0.75, 1.0):
        head = moved(model, lid_closure=closing)
        assert np.linalg.norm(head[edge] - middle, axis=1).min() > 12.0


def test_other_actions_do_what_they_say(model: Morphable) -> None:
    def shift(region: str, axis: int, **actions: float) -> float:
        return float((moved(model, **actions) - model.mean)[model.regions[region], axis].mean())

    assert shift("brow_left", 1, brow_lower=1) < -1.5
    assert shift("brow_left", 1, brow_raise=1) > 1.5
    assert shift("cheek_left", 1, cheek_raise=1) > 1.0
    assert shift("cheek_left", 2, cheek_puff=1) > 1.0
    assert shift("tongue", 2, tongue=1) > 2
    assert shift("tongue", 1, tongue_raise=1) > 1
    assert shift("chin", 1, chin_raise=1) > 0.5
    upper, lower = model.aperture_pair
    raised = moved(model, upper_lip_raise=1) - model.mean
    assert raised[upper, 1] > 0.8 > abs(raised[lower, 1])
    press = moved(model, lip_press=1)
    red = model.tags["mouth_ring"] == 2
    assert np.ptp(press[red, 1]) < np.ptp(model.mean[red, 1]) - 2.5


def test_an_unknown_action_names_the_known_ones(model: Morphable) -> None:
    with pytest.raises(CradleError, match="jaw_drop"):
        model.action_vector({"jaw_dorp": 1.0})
    with pytest.raises(CradleError, match="procedural"):
        load("nonesuch")


def test_proportions_are_an_infants(model: Morphable) -> None:
    ruler = Ruler(model)
    for name, value in ruler.ratios(model.mean).items():
        mean, spread = MEASURED[name]
        assert abs(value - mean) < 0.5 * spread, name


def test_drawn_infants_spread_about_as_measured_ones(model: Morphable) -> None:
    ruler, rng = Ruler(model), np.random.default_rng(0)
    heads = [model.shape(rng.normal(size=32), None, float(rng.normal())) for _ in range(200)]
    drawn = [ruler.ratios(head) for head in heads]
    for name, (mean, spread) in MEASURED.items():
        values = np.array([d[name] for d in drawn])
        assert abs(values.mean() - mean) < spread, name
        assert 0.15 * spread < values.std() < 1.1 * spread, name
        assert np.mean(np.abs(values - mean) < spread) > 0.68, name


def test_growing_older_lengthens_the_lower_face(model: Morphable) -> None:
    ruler = Ruler(model)
    young, old = model.shape(age=-1.5), model.shape(age=1.5)
    assert np.ptp(old[:, 1]) > np.ptp(young[:, 1]) + 4
    assert ruler.ratios(old)["eye_to_chin"] > ruler.ratios(young)["eye_to_chin"]


def test_importing_the_model_does_not_import_torch() -> None:
    import subprocess
    import sys

    code = "import sys; import pipeline.morph.model; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
