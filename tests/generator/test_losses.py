import numpy as np
import pytest
import torch

from pipeline.generator import losses
from pipeline.generator.losses import Mouth
from pipeline.generator.params import Weights

MOUTH = Mouth(upper=0, lower=1, closed_mm=2.0, softness_mm=0.5)
GAMMA = 0.5


def brute_soft_dtw(x, y, gamma):
    total = np.full((len(x) + 1, len(y) + 1), np.inf)
    total[0, 0] = 0
    for i in range(1, len(x) + 1):
        for j in range(1, len(y) + 1):
            options = np.array([total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]])
            least = options.min()
            soft = least - gamma * np.log(np.exp(-(options - least) / gamma).sum())
            total[i, j] = (x[i - 1] - y[j - 1]) ** 2 + soft
    return total[-1, -1]


def test_squared_error_counts_valid_frames_alone():
    predicted, true = torch.zeros(1, 3, 2), torch.zeros(1, 3, 2)
    predicted[0, 0] = torch.tensor([1.0, 3.0])  # mean of 1 and 9
    predicted[0, 2] = 1e6
    valid = torch.tensor([[True, True, False]])
    assert losses.squared(predicted, true, valid).item() == pytest.approx(5.0 / 2)


def test_vertices_are_squared_distances():
    predicted = torch.zeros(1, 2, 2, 3)
    predicted[0, 0, 0] = torch.tensor([1.0, 2.0, 2.0])
    true, valid = torch.zeros_like(predicted), torch.ones(1, 2, dtype=torch.bool)
    assert losses.vertices(predicted, true, valid).item() == pytest.approx(9 / 4)


def test_a_blunt_distance_is_a_square_near_and_a_distance_far():
    true, valid = torch.zeros(1, 3, 3), torch.tensor([[True, True, False]])
    near, far = torch.zeros(1, 3, 3), torch.zeros(1, 3, 3)
    near[0, :, 1], far[0, :, 1] = 0.01, 100.0
    assert losses.blunt(near, true, valid).item() == pytest.approx(0.5e-4, rel=0.01)
    assert losses.blunt(far, true, valid).item() == pytest.approx(99.0, rel=1e-3)


def test_a_blunt_distance_is_least_where_mouths_mostly_are():
    mostly_shut = torch.full((1, 20, 3), 0.0)
    mostly_shut[0, :3] = 8.0
    valid = torch.ones(1, 20, dtype=torch.bool)
    guesses = torch.linspace(0.0, 3.0, 61)
    costs = [losses.blunt(torch.full((1, 20, 3), g.item()), mostly_shut, valid) for g in guesses]
    assert guesses[int(torch.stack(costs).argmin())] < 0.3
    assert mostly_shut.mean() > 1.0


def test_change_spans_no_gap():
    valid = torch.tensor([[True, True, False, True, True]])
    assert losses.steps(valid).tolist() == [[True, False, False, True]]
    x = torch.tensor([[1.0, 4.0, 9.0]])
    assert losses.change(x).tolist() == [[3.0, 5.0]]


def test_aperture_is_the_distance_of_the_pair():
    lips = torch.tensor([[0.0, 3.0, 4.0], [0.0, 0.0, 0.0], [9.0, 9.0, 9.0]])
    assert losses.aperture(lips, MOUTH).item() == pytest.approx(5.0, abs=1e-4)


def test_aperture_of_a_closed_mouth_has_a_gradient():
    lips = torch.zeros(2, 3, requires_grad=True)
    losses.aperture(lips, MOUTH).backward()
    assert torch.isfinite(lips.grad).all()


def test_mouth_closed_by_hand():
    predicted, true = torch.tensor([[1.0, 4.0]]), torch.tensor([[1.0, 1.0]])
    valid = torch.ones(1, 2, dtype=torch.bool)
    # Logits 2 and -4, both truly closed: log(1 + e^-2) and log(1 + e^4).
    wanted = (np.log1p(np.exp(-2)) + np.log1p(np.exp(4))) / 2
    assert losses.mouth_closed(predicted, true, valid, MOUTH).item() == pytest.approx(wanted)


def test_soft_dtw_is_the_brute_forces_for_every_length():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(4, 9)), random.normal(size=(4, 9))
    lengths = [9, 5, 1, 0]
    found = losses.soft_dtw(torch.tensor(x), torch.tensor(y), torch.tensor(lengths), GAMMA)
    wanted = [
        brute_soft_dtw(a[:n], b[:n], GAMMA) if n else 0.0
        for a, b, n in zip(x, y, lengths, strict=True)
    ]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-6)


def test_soft_dtw_gradient_is_the_finite_differences():
    torch.manual_seed(0)
    x = torch.randn(3, 6, dtype=torch.double, requires_grad=True)
    y = torch.randn(3, 6, dtype=torch.double, requires_grad=True)
    lengths = torch.tensor([6, 3, 0])
    assert torch.autograd.gradcheck(lambda a, b: losses.soft_dtw(a, b, lengths, GAMMA), (x, y))


def test_divergence_is_nothing_for_equals_and_positive_otherwise():
    torch.manual_seed(0)
    x, valid = torch.randn(5, 12, dtype=torch.double), torch.ones(5, 12, dtype=torch.bool)
    assert losses.dtw_divergence(x, x, valid, GAMMA).item() == pytest.approx(0.0, abs=1e-9)
    for _ in range(20):
        y = x + 0.3 * torch.randn_like(x)
        assert losses.dtw_divergence(x, y, valid, GAMMA).item() > 0


def test_divergence_forgives_a_shift_that_squared_error_does_not():
    time = torch.arange(60.0)
    burst = torch.exp(-((time - 25) ** 2) / 20)[None] * 8
    late = torch.exp(-((time - 29) ** 2) / 20)[None] * 8
    valid = torch.ones(1, 60, dtype=torch.bool)
    warped = losses.dtw_divergence(burst, late, valid, GAMMA)
    assert warped < 0.1 * ((burst - late) ** 2).mean()


def test_divergence_does_not_depend_on_length():
    x = torch.zeros(1, 10)
    short = losses.dtw_divergence(x, x + 2, torch.ones(1, 10, dtype=torch.bool), 0.01)
    x = torch.zeros(1, 40)
    long = losses.dtw_divergence(x, x + 2, torch.ones(1, 40, dtype=torch.bool), 0.01)
    assert short.item() == pytest.approx(4.0, rel=1e-2)
    assert long.item() == pytest.approx(short.item(), rel=1e-2)


def toy_terms(predicted, true, valid):
    def decode(latents):
        return latents[..., :6].unflatten(-1, (2, 3)) * 3

    return losses.terms(predicted, predicted, true, valid, lambda x: x + 0.5, decode, MOUTH, GAMMA)


def test_no_term_feels_what_is_masked():
    torch.manual_seed(1)
    predicted, true = torch.randn(2, 10, 64), torch.randn(2, 10, 64)
    valid = torch.ones(2, 10, dtype=torch.bool)
    valid[0, 4:6] = False
    valid[1, 7:] = False
    other, truth = predicted.clone(), true.clone()
    other[~valid], truth[~valid] = 77.0, -5.0
    before, after = toy_terms(predicted, true, valid), toy_terms(other, truth, valid)
    for name, term in before.items():
        torch.testing.assert_close(after[name], term, msg=name)
        assert term.item() > 0, name


def test_no_gradient_flows_from_what_is_masked():
    torch.manual_seed(2)
    predicted = torch.randn(1, 8, 64, requires_grad=True)
    valid = torch.arange(8)[None] < 5
    losses.weighted(toy_terms(predicted, torch.randn(1, 8, 64), valid), Weights()).backward()
    assert (predicted.grad[:, 5:] == 0).all()
    assert (predicted.grad[:, :5] != 0).any()


def test_nothing_valid_costs_nothing():
    parts = toy_terms(torch.randn(2, 6, 64), torch.randn(2, 6, 64), torch.zeros(2, 6).bool())
    assert all(term.item() == 0 for term in parts.values())


def test_the_truth_costs_nothing_but_the_entropy_of_closed():
    true = torch.randn(2, 6, 64, generator=torch.Generator().manual_seed(0))
    parts = toy_terms(true, true, torch.ones(2, 6).bool())
    for name, term in parts.items():
        if name != "mouth_closed":
            assert term.item() == pytest.approx(0, abs=1e-4), name


def test_every_term_has_a_weight_and_every_weight_a_term():
    parts = toy_terms(torch.randn(1, 6, 64), torch.randn(1, 6, 64), torch.ones(1, 6).bool())
    assert set(parts) == set(Weights.model_fields)
    for name in parts:
        alone = Weights(**{key: float(key == name) for key in parts})
        torch.testing.assert_close(losses.weighted(parts, alone), parts[name])
