"""What is heard around a frame: how far, on which side, and by whose ear."""

import pytest
import torch

from pipeline.generator.listener import Following, Listener, reaches

WIDTH, FRAMES = 16, 60


def made(back, ahead):
    torch.manual_seed(0)
    listener = Listener(WIDTH, back, ahead).eval()
    for parameter in listener.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return listener


@pytest.mark.parametrize(
    ("back", "ahead"), [(24, 5), (8, 5), (0, 0), (1, 0), (0, 1), (0, 13), (40, 0), (20, 10)]
)
def test_a_frame_hears_its_band_and_no_more(back, ahead):
    listener, who = made(back, ahead), torch.randn(1, WIDTH)
    sound = torch.randn(1, FRAMES + back + ahead, WIDTH)
    heard = listener(sound, who)
    assert heard.shape == (1, FRAMES, WIDTH)
    at = back + 20
    other = sound.clone()
    other[:, at] += torch.randn(WIDTH)
    moved = (listener(other, who) - heard).abs().amax((0, 2)).gt(1e-7).nonzero()[:, 0].tolist()
    assert moved == list(range(max(0, at - back - ahead), min(FRAMES, at + 1)))


@pytest.mark.parametrize(("back", "ahead"), [(24, 5), (0, 0), (1, 0), (0, 13)])
@pytest.mark.parametrize("pieces", [[60], [1] * 60, [7, 0, 40, 13]])
def test_a_sound_in_pieces_is_heard_as_the_whole(back, ahead, pieces):
    listener, who = made(back, ahead), torch.randn(2, WIDTH)
    sound = torch.randn(2, FRAMES, WIDTH)
    following = Following(listener, who)
    known = [following.push(piece) for piece in sound.split(pieces, 1)]
    torch.testing.assert_close(torch.cat(known, 1), listener(sound, who), atol=1e-5, rtol=1e-5)
    heard = [sum(part.shape[1] for part in known[:n]) for n in range(1, len(known) + 1)]
    assert heard == [max(0, sum(pieces[:n]) - back - ahead) for n in range(1, len(known) + 1)]


@pytest.mark.parametrize(("back", "ahead"), [(24, 5), (0, 0), (0, 13), (300, 300)])
def test_the_band_is_parted_among_layers(back, ahead):
    layers, later = reaches(back, ahead)
    assert sum((taps - 1) * dilation for taps, dilation in layers) == back + ahead
    assert sum(later) == ahead
    assert all(0 <= a <= (taps - 1) * d for (taps, d), a in zip(layers, later, strict=True))


def test_who_listens_matters():
    listener, sound = made(4, 2), torch.randn(1, 30, WIDTH)
    one, other = (listener(sound, torch.randn(1, WIDTH)) for _ in range(2))
    assert (one - other).abs().amax(-1).gt(1e-4).all()


def test_a_fresh_one_hears_every_infant_alike():
    listener, sound = Listener(WIDTH, 4, 2), torch.randn(1, 30, WIDTH)
    torch.testing.assert_close(*(listener(sound, torch.randn(1, WIDTH)) for _ in range(2)))
