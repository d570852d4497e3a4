import copy
import dataclasses

import pytest
import torch

from pipeline.generator.diffusion import signal_at
from pipeline.generator.model import Conditions, Denoiser, Layout, banded, rotation
from pipeline.generator.params import Network

BACK, AHEAD = 3, 2
FRAMES = 20


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    torch.manual_seed(0)
    network = Network(
        layers=3, width=32, heads=2, look_back_frames=BACK, look_ahead_frames=AHEAD, dropout=0.0
    )
    model = Denoiser(Layout(audio=7, vocalizations=3), network).eval()
    # Fresh weights output zero and leave gates half open: neither would show a leak.
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def given(batch: int = 2, frames: int = FRAMES) -> Conditions:
    return Conditions(
        audio=torch.randn(batch, frames, 7),
        heard=torch.ones(batch, frames, dtype=torch.bool),
        vocalization=torch.tensor([0, 2])[:batch],
        identity=torch.randn(batch, 32),
        age=torch.randn(batch, 1),
        keep_audio=torch.ones(batch, dtype=torch.bool),
        keep_identity=torch.ones(batch, dtype=torch.bool),
    )


def ask(model, noisy, told, valid=None, level=0.5):
    valid = torch.ones(noisy.shape[:2], dtype=torch.bool) if valid is None else valid
    with torch.no_grad():
        return model(noisy, torch.full((len(noisy),), level), valid, told)[0]


def changed(a: torch.Tensor, b: torch.Tensor) -> list[int]:
    return (a - b).abs().amax((0, 2)).gt(1e-6).nonzero()[:, 0].tolist()


def test_future_latents_do_not_alter_the_past(denoiser):
    noisy, told = torch.randn(2, FRAMES, 64), given()
    other = noisy.clone()
    other[:, 12:] += 1
    assert changed(ask(denoiser, noisy, told), ask(denoiser, other, told)) == list(
        range(12, FRAMES)
    )


def test_a_network_that_is_not_causal_sees_as_far_ahead_as_back(denoiser, monkeypatch):
    monkeypatch.setattr(denoiser, "future", 4)
    noisy, told = torch.randn(2, FRAMES, 64), given()
    other = noisy.clone()
    other[:, 19:] += 1
    # Three layers, each of them four frames.
    assert changed(ask(denoiser, noisy, told), ask(denoiser, other, told)) == list(range(7, FRAMES))
    assert Denoiser(Layout(7, 3), Network(memory_frames=5, causal=False)).future == 4
    assert Denoiser(Layout(7, 3), Network(memory_frames=5)).future == 0


def test_sound_is_heard_within_the_band_of_each_layer_and_not_beyond(denoiser):
    noisy, told = torch.randn(2, FRAMES, 64), given()
    audio = told.audio.clone()
    audio[:, 10] += 1
    moved = changed(
        ask(denoiser, noisy, told), ask(denoiser, noisy, dataclasses.replace(told, audio=audio))
    )
    # No frame more than `ahead` before it; those after hear it through their own past as well.
    assert moved == list(range(10 - AHEAD, FRAMES))


def test_one_layer_of_cross_attention_reaches_exactly_the_band():
    place = torch.arange(9)
    allowed = banded(place, place, torch.ones(1, 9, dtype=torch.bool), BACK, AHEAD)[0, 0]
    assert allowed[5].nonzero()[:, 0].tolist() == [2, 3, 4, 5, 6, 7]
    assert allowed[0].nonzero()[:, 0].tolist() == [0, 1, 2]


def test_padding_never_leaks(denoiser):
    noisy, told = torch.randn(2, FRAMES, 64), given()
    real = torch.arange(FRAMES) < 13
    heard = real.expand(2, -1)
    cut = dataclasses.replace(told, audio=told.audio[:, :13], heard=heard[:, :13])
    short = ask(denoiser, noisy[:, :13], cut)
    for filler in (0.0, 1e3):
        padded = noisy.clone()
        padded[:, 13:] = filler
        audio = told.audio.clone()
        audio[:, 13:] = -filler
        long = ask(
            denoiser, padded, dataclasses.replace(told, audio=audio, heard=heard), valid=heard
        )
        torch.testing.assert_close(long[:, :13], short, atol=2e-5, rtol=1e-4)


def test_a_frame_without_latents_is_seen_by_no_other(denoiser):
    noisy, told = torch.randn(2, FRAMES, 64), given()
    valid = torch.ones(2, FRAMES, dtype=torch.bool)
    valid[:, 5] = False
    other = noisy.clone()
    other[:, 5] = 50
    assert changed(ask(denoiser, noisy, told, valid), ask(denoiser, other, told, valid)) == [5]


def test_nothing_masked_out_entirely():
    none = torch.zeros(1, 6, dtype=torch.bool)
    place = torch.arange(6)
    for back, ahead in ((5, 0), (2, 2), (0, 0)):
        assert banded(place, place, none, back, ahead).any(-1).all()


def test_memory_is_as_long_as_asked():
    place, real = torch.arange(9), torch.ones(1, 9, dtype=torch.bool)
    network = Network(layers=1, width=32, heads=2, memory_frames=3, look_back_frames=0)
    allowed = banded(place, place, real, Denoiser(Layout(7, 3), network).memory - 1, 0)[0, 0]
    assert allowed[5].nonzero()[:, 0].tolist() == [3, 4, 5]
    assert allowed[0].nonzero()[:, 0].tolist() == [0]


def test_a_hidden_sound_makes_no_difference(denoiser):
    noisy, told = torch.randn(2, FRAMES, 64), given()
    other = dataclasses.replace(told, audio=told.audio + 1)
    hidden = ask(denoiser, noisy, told.without_audio())
    torch.testing.assert_close(hidden, ask(denoiser, noisy, other.without_audio()))
    assert changed(hidden, ask(denoiser, noisy, told))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vocalization", torch.tensor([1, 1])),
        ("vocalization", torch.tensor([-1, -1])),
        ("identity", torch.zeros(2, 32)),
        ("age", torch.full((2, 1), 3.0)),
        ("keep_identity", torch.zeros(2, dtype=torch.bool)),
    ],
)
def test_every_condition_matters(denoiser, name, value):
    noisy, told = torch.randn(2, FRAMES, 64), given()
    other = dataclasses.replace(told, **{name: value})
    assert changed(ask(denoiser, noisy, told), ask(denoiser, noisy, other))


def test_a_guess_is_by_the_sound_within_the_band_and_the_infant_alone(denoiser):
    told = given()
    audio = told.audio.clone()
    audio[:, 10] += 1
    guessed = denoiser.guessed(told)
    moved = changed(guessed, denoiser.guessed(dataclasses.replace(told, audio=audio)))
    assert moved == list(range(10 - AHEAD, 10 + BACK + 1))
    other = dataclasses.replace(told, identity=torch.zeros(2, 32))
    assert len(changed(guessed, denoiser.guessed(other))) == FRAMES


def test_a_window_that_hears_around_itself_is_part_of_the_whole(denoiser, monkeypatch):
    monkeypatch.setattr(denoiser, "memory", 1)
    told, noisy, window = given(), torch.randn(2, FRAMES, 64), slice(7, 12)
    heard = slice(window.start - BACK, window.stop + AHEAD)
    cut = {"audio": told.audio[:, heard], "heard": told.heard[:, heard], "before": BACK}
    part = dataclasses.replace(told, **cut)
    guessed = denoiser.guessed(part, window.stop - window.start)
    torch.testing.assert_close(guessed, denoiser.guessed(told)[:, window])
    whole = ask(denoiser, noisy, told)[:, window]
    torch.testing.assert_close(ask(denoiser, noisy[:, window], part), whole, atol=1e-5, rtol=1e-4)


def test_noisy_latents_are_seen_by_how_much_they_differ_from_the_guess(denoiser):
    told, level, shown = given(), 0.4, []
    listening = denoiser.latents.register_forward_pre_hook(lambda _, given: shown.append(given[0]))
    guessed = signal_at(torch.tensor(level)) * denoiser.guessed(told).detach()
    noise = torch.randn(2, FRAMES, 64)
    ask(denoiser, guessed + noise, told, level=level)
    listening.remove()
    torch.testing.assert_close(shown[0], noise, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_what_is_heard_says_how_far_a_face_may_differ_from_the_guess(denoiser, share):
    told, noisy = given(), torch.randn(2, FRAMES, 64)
    bound, plain = copy.deepcopy(denoiser), copy.deepcopy(denoiser)
    for model, to in ((bound, share), (plain, 1.0)):
        torch.nn.init.zeros_(model.leeway.weight)
        torch.nn.init.constant_(model.leeway.bias, torch.logit(torch.tensor(to / 2)).item())
    guessed = denoiser.guessed(told).detach()
    free = ask(plain, noisy, told) - guessed
    torch.testing.assert_close(ask(bound, noisy, told) - guessed, share * free)
    assert (free != ask(denoiser, noisy, told) - guessed).all()


def test_fresh_weights_predict_nothing_but_their_guess():
    told = given()
    model = Denoiser(Layout(audio=7, vocalizations=3), Network(width=32, heads=2)).eval()
    torch.nn.init.normal_(model.guess.weight)
    made = ask(model, torch.randn(2, FRAMES, 64), told)
    torch.testing.assert_close(made, model.guessed(told))


def test_infants_of_the_same_habits_are_the_same(denoiser):
    """Identity and age reach the face through so many numbers as the network has habits."""
    assert denoiser.habits.out_features == Network().habits
    told = given()
    with torch.no_grad():
        null = torch.linalg.svd(denoiser.habits.weight)[2][-1]
    twin = dataclasses.replace(
        told, identity=told.identity + 5 * null[:32], age=told.age + 5 * null[32:]
    )
    noisy = torch.randn(2, FRAMES, 64)
    torch.testing.assert_close(
        ask(denoiser, noisy, twin), ask(denoiser, noisy, told), atol=1e-4, rtol=0
    )


def test_the_noise_level_matters(denoiser):
    noisy, told = torch.randn(2, FRAMES, 64), given()
    assert changed(ask(denoiser, noisy, told, level=0.1), ask(denoiser, noisy, told, level=0.9))


def test_positions_are_as_far_apart_after_ten_hours():
    """In single precision the angles at place 1,080,000 are off by up to 0.06."""
    now, later = (rotation(torch.arange(5) + start, 16).double() for start in (0, 1_080_000))

    def turned(by):  # what a query meets a key with: the difference of their angles
        return (by[0, :-1] * by[0, 1:] + by[1, :-1] * by[1, 1:])[:, :8]

    torch.testing.assert_close(turned(later), turned(now), atol=1e-6, rtol=0)


def test_there_is_no_longest_sequence(denoiser):
    assert torch.isfinite(ask(denoiser, torch.randn(1, 900, 64), given(1, 900))).all()
