"""Which optimizer moves what, and how fast."""

import pytest
import torch
from pytorch_optimizer.optimizer.utils import zero_power_via_newton_schulz_5

from pipeline.generator.model import Denoiser, Layout
from pipeline.generator.optimizer import optimizer_of, pace, set_pace
from tests.generator.conftest import SMALL


@pytest.fixture
def denoiser():
    torch.manual_seed(0)
    made = Denoiser(Layout(audio=6, vocalizations=3), SMALL.network)
    for weight in made.parameters():
        weight.grad = torch.randn_like(weight)
    return made


def moved(denoiser, params):
    """How far each weight goes in a step, by name."""
    before = {name: weight.detach().clone() for name, weight in denoiser.named_parameters()}
    optimizer_of(denoiser, params).step()
    return {name: before[name] - weight.detach() for name, weight in denoiser.named_parameters()}


def test_a_matrix_between_layers_goes_as_far_in_every_direction(denoiser):
    params = SMALL.model_copy(update={"weight_decay": 0.0, "matrix_learning_rate": 0.01})
    went = moved(denoiser, params)
    for name in ("listener.layers.1.near.weight", "blocks.0.self_attention.query.weight"):
        lengths = torch.linalg.svdvals(went[name].flatten(1)) / 0.01
        assert 0.5 < float(lengths.min()) < float(lengths.max()) < 1.3, name


def test_on_a_cpu_sums_are_as_exact_as_the_weights(denoiser):
    # bfloat16 is emulated by a CPU that has it not, and 19 times as slow.
    wide = denoiser.blocks[0].modulation.weight
    exact = zero_power_via_newton_schulz_5(wide.grad.double(), dtype=torch.float64)
    params = SMALL.model_copy(update={"weight_decay": 0.0, "matrix_learning_rate": 1.0})
    went = moved(denoiser, params)["blocks.0.modulation.weight"]
    scale = float((went * exact).sum() / (exact**2).sum())
    torch.testing.assert_close(went / scale, exact.float(), atol=1e-4, rtol=0)


def test_what_comes_in_and_goes_out_is_moved_by_adamw_alone(denoiser):
    hidden = {id(weight) for weight in denoiser.hidden}
    names = {name for name, weight in denoiser.named_parameters() if id(weight) in hidden}
    assert {name.split(".")[0] for name in names} == {"audio", "listener", "person", "blocks"}
    assert not any(name.endswith("bias") for name in names)
    went = moved(denoiser, SMALL.model_copy(update={"weight_decay": 0.0}))
    for name in ("latents.weight", "guess.weight", "vocalization.weight", "audio.0.bias"):
        # The first step of Adam is as long for every number.
        torch.testing.assert_close(went[name].abs(), torch.full_like(went[name], 2e-3))


def test_without_a_rate_for_matrices_adamw_moves_all_of_it(denoiser):
    params = SMALL.model_copy(update={"weight_decay": 0.0, "matrix_learning_rate": 0.0})
    went = moved(denoiser, params)
    for name, way in went.items():
        torch.testing.assert_close(way.abs(), torch.full_like(way, 2e-3), msg=name)


def test_every_group_of_weights_keeps_its_own_pace(denoiser):
    params = SMALL.model_copy(update={"warmup_steps": 10, "matrix_learning_rate": 0.05})
    optimizer = optimizer_of(denoiser, params)
    for step, share in ((5, 0.5), (10, 1.0), (5, 0.5)):
        set_pace(optimizer, step, params)
        rates = [group["lr"] for group in optimizer.param_groups]
        assert rates == pytest.approx([0.05 * share, 2e-3 * share])


def test_the_learning_rate_rises_and_falls():
    params = SMALL.model_copy(update={"warmup_steps": 10, "steps": 100})
    assert pace(5, params) == pytest.approx(0.5)
    assert pace(10, params) == pytest.approx(1.0)
    assert pace(55, params) == pytest.approx(0.51)
    assert pace(100, params) == pytest.approx(0.02)
