import itertools
import math

import pytest
import torch

from pipeline.generator.diffusion import (
    add_noise,
    cosine,
    ddim,
    guided,
    sample,
    sampling_levels,
)


def oracle(schedule, mean: float, spread: float):
    """The best guess of the clean where it is known to be Gaussian."""

    def denoise(noisy, level):
        signal = schedule.signal[level][:, None].double()
        noise = schedule.noise[level][:, None].double()
        gain = signal * spread**2 / (signal**2 * spread**2 + noise**2)
        return mean + gain * (noisy - signal * mean)

    return denoise


def test_the_schedule_goes_from_clean_to_noise():
    schedule = cosine(1000)
    assert schedule.signal[0] > 0.9999
    assert schedule.signal[-1] < 2e-4
    assert (schedule.signal.diff() < 0).all()
    torch.testing.assert_close(schedule.signal**2 + schedule.noise**2, torch.ones(1000))


def test_half_way_matches_the_paper():
    # Nichol & Dhariwal: cos((t + 0.008) / 1.008 * pi / 2) over its value at 0.
    wanted = math.cos(0.508 / 1.008 * math.pi / 2) / math.cos(0.008 / 1.008 * math.pi / 2)
    assert cosine(1000).signal[499].item() == pytest.approx(wanted, rel=1e-5)


def test_noise_is_added_at_each_items_own_level():
    schedule = cosine(10)
    clean, noise = torch.ones(2, 3, 4), torch.full((2, 3, 4), 2.0)
    mixed = add_noise(schedule, clean, noise, torch.tensor([0, 9]))
    for item, level in ((0, 0), (1, 9)):
        wanted = schedule.signal[level] + 2 * schedule.noise[level]
        torch.testing.assert_close(mixed[item], wanted.expand(3, 4))


@pytest.mark.parametrize("last", [0, 500, 990])
@pytest.mark.parametrize("steps", [1, 2, 8, 1000, 5000])
def test_sampling_falls_from_the_noisiest_level_to_the_last(steps, last):
    path = sampling_levels(cosine(1000, last), steps)
    assert path[0] == 999
    assert steps == 1 or path[-1] == last
    assert len(path) == min(steps, 1000 - last)
    assert all(a > b for a, b in itertools.pairwise(path))


@pytest.mark.parametrize("last", [0, 333])
@pytest.mark.parametrize("steps", [2, 3, 5, 8])
def test_between_the_levels_of_few_steps_are_those_of_twice_as_many_ways(steps, last):
    schedule = cosine(1000, last)
    assert sampling_levels(schedule, 2 * steps - 1)[::2] == sampling_levels(schedule, steps)


def test_noise_that_is_left_at_the_last_level_is_averaged_out_and_not_made_up():
    schedule = cosine(1000, 500)
    noise = torch.randn(4000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    made = ddim(schedule, oracle(schedule, 1.5, 0.4), noise, 250)
    signal, left = float(schedule.signal[500]), float(schedule.noise[500])
    # What is known of a Gaussian from a look at it through so much noise.
    known = 0.4**2 * signal / math.sqrt((0.4 * signal) ** 2 + left**2)
    assert made.std().item() == pytest.approx(known, rel=0.03)
    assert made.mean().item() == pytest.approx(1.5, abs=0.02)


def test_ddim_turns_noise_into_the_gaussian_that_the_oracle_knows():
    schedule = cosine(1000)
    noise = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    sample = ddim(schedule, oracle(schedule, 1.5, 0.4), noise, 250)
    assert sample.mean().item() == pytest.approx(1.5, abs=0.02)
    assert sample.std().item() == pytest.approx(0.4, rel=0.03)
    # Without noise on the way the map is monotone: the order of the noise is kept.
    assert (sample[:, 0].argsort() == noise[:, 0].argsort()).all()


def test_more_steps_come_closer():
    schedule = cosine(1000)
    noise = torch.randn(4000, 1, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    off = [
        abs(ddim(schedule, oracle(schedule, 0.0, 0.5), noise, steps).std().item() - 0.5)
        for steps in (2, 8, 64)
    ]
    assert off[0] > off[1] > off[2]


def test_one_step_is_the_denoisers_first_guess():
    schedule = cosine(100)
    noise = torch.randn(5, 2)
    torch.testing.assert_close(ddim(schedule, lambda x, t: x * 0 + 3, noise, 1), noise * 0 + 3)


def test_guidance_goes_through_the_condition_and_beyond():
    with_, without = (lambda x, t: x + 2.0), (lambda x, t: x + 1.0)
    x, level = torch.zeros(1, 1), torch.zeros(1, dtype=torch.long)
    for scale, wanted in ((0.0, 1.0), (1.0, 2.0), (2.0, 3.0)):
        assert guided(with_, without, scale)(x, level).item() == wanted


def test_guidance_one_asks_once():
    def never(x, t):
        raise AssertionError("asked without the condition")

    assert guided(lambda x, t: x, never, 1.0)(torch.ones(1), torch.zeros(1)).item() == 1


def exact(schedule, mean: float, spread: float, noise: torch.Tensor) -> torch.Tensor:
    """Where the flow of a Gaussian takes noise: it keeps its rank down to the last level."""

    def wide(at):
        return torch.sqrt(schedule.signal[at] ** 2 * spread**2 + schedule.noise[at] ** 2).double()

    left = spread**2 * schedule.signal[schedule.last] / wide(schedule.last)
    return mean + left * (noise - schedule.signal[-1] * mean) / wide(-1)


def test_both_samplers_come_to_where_the_flow_goes():
    schedule = cosine(1000)
    noise = torch.linspace(-2, 2, 9, dtype=torch.double)[:, None]
    wanted = exact(schedule, 1.0, 0.5, noise)
    for sampler in ("ddim", "dpm"):
        made = sample(schedule, oracle(schedule, 1.0, 0.5), noise, 250, sampler)
        torch.testing.assert_close(made, wanted, atol=0.01, rtol=0)


@pytest.mark.parametrize("steps", [8, 16, 50])
def test_dpm_solver_needs_fewer_steps_than_ddim(steps):
    schedule = cosine(1000, 100)
    noise = torch.linspace(-2, 2, 9, dtype=torch.double)[:, None]
    wanted = exact(schedule, 1.0, 0.5, noise)
    off = {
        name: (sample(schedule, oracle(schedule, 1.0, 0.5), noise, steps, name) - wanted)
        .abs()
        .max()
        .item()
        for name in ("ddim", "dpm")
    }
    assert off["dpm"] < 0.5 * off["ddim"]


@pytest.mark.parametrize("steps", [3, 8, 50])
def test_dpm_solver_does_not_overshoot_a_last_level_without_noise(steps):
    schedule = cosine(1000)
    noise = torch.linspace(-2, 2, 9, dtype=torch.double)[:, None]
    wanted = exact(schedule, 1.0, 0.5, noise)
    ddim_off, dpm_off = (
        (sample(schedule, oracle(schedule, 1.0, 0.5), noise, steps, name) - wanted).abs().max()
        for name in ("ddim", "dpm")
    )
    assert dpm_off < 1.01 * ddim_off


def test_dpm_solver_is_ddim_where_there_is_one_guess_alone():
    schedule, noise = cosine(1000), torch.randn(4, 3)

    def denoise(x, t):
        return 0.3 * x + 0.1 * schedule.noise[t][:, None]

    for steps in (1, 2):
        first, same = (sample(schedule, denoise, noise, steps, n) for n in ("ddim", "dpm"))
        torch.testing.assert_close(first, same)


@pytest.mark.parametrize("steps", [50, 8, 4, 2])
@pytest.mark.parametrize("sampler", ["ddim", "dpm"])
def test_the_network_is_asked_once_a_step(sampler, steps):
    schedule, asked = cosine(1000), []

    def denoise(x, t):
        asked.append(int(t[0]))
        return x * 0

    sample(schedule, denoise, torch.randn(1, 2), steps, sampler)
    assert asked == sampling_levels(schedule, steps)
