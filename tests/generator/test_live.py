"""A stream gives what the whole sequence gives, whatever the pieces it comes in."""

import dataclasses
import math
import tracemalloc

import pytest
import torch

from pipeline.generator import checkpoint, diffusion, live, spans
from pipeline.generator.checkpoint import Generator
from pipeline.generator.diffusion import guided
from pipeline.generator.live import Sampling, Stream
from pipeline.generator.noise import Drawing
from pipeline.generator.params import Network
from pipeline.generator.trainer import untrained
from tests.generator.conftest import SMALL
from tests.generator.world import ToyFace, make_pack

MEMORY, BACK, AHEAD = 12, 5, 3
WIDTH = 44
"""Of the world's audio features."""


@pytest.fixture(scope="module")
def generator(tmp_path_factory) -> Generator:
    """Random weights, large enough that every path through the network shows."""
    folder = tmp_path_factory.mktemp("live") / "pack"
    pack = spans.read(make_pack(folder, {"train": 2, "val": 0, "test": 0}, frames=40))
    network = Network(
        layers=3,
        width=32,
        heads=2,
        look_back_frames=BACK,
        look_ahead_frames=AHEAD,
        memory_frames=MEMORY,
    )
    torch.manual_seed(1)
    made = untrained(SMALL.model_copy(update={"network": network}), pack, ToyFace())
    made.denoiser.eval()
    for parameter in made.denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return made


def batch_of(generator, frames: int, sounds: int = 2, seed: int = 0) -> spans.Batch:
    layout, random = generator.denoiser.layout, torch.Generator().manual_seed(seed)
    heard = torch.ones(sounds, frames, dtype=torch.bool)
    return spans.Batch(
        expression=torch.zeros(sounds, frames, layout.expression),
        valid=heard,
        heard=heard,
        audio=generator.audio.undo(torch.randn(sounds, frames, layout.audio, generator=random)),
        identity=torch.randn(sounds, layout.identity, generator=random),
        age=torch.randn(sounds, layout.age, generator=random),
        vocalization=torch.arange(sounds) % layout.vocalizations,
    )


def told(generator, batch):
    every = torch.ones(len(batch.heard), dtype=torch.bool)
    return generator.conditions(batch, every, every, every)


@torch.no_grad()
def whole(generator, batch, how: Sampling) -> torch.Tensor:
    """The plain way, without anything kept: every step sees the whole sequence at once."""
    given = told(generator, batch)

    def asking(told):
        def ask(x, t):
            share = (t + 1) / generator.schedule.levels
            return generator.denoiser(x, share, batch.heard, told)[0]

        return ask

    denoise = guided(asking(given), asking(given.without_audio()), how.guidance)
    made = []
    sounds, frames = batch.heard.shape
    spacing = generator.noise_spacing
    assert len(spacing) > 1
    for noise in Drawing(how.seed, how.samples, sounds, 64, spacing).frames(0, frames):
        begin = how.temperature * torch.from_numpy(noise)
        clean = diffusion.sample(generator.schedule, denoise, begin, how.steps, how.sampler)
        made.append(generator.expression.undo(clean))
    return torch.stack(made)


def in_pieces(generator, batch, how: Sampling, sizes) -> torch.Tensor:
    stream = Stream(generator, told(generator, batch), how)
    made, start, turn = [], 0, 0
    while start < batch.audio.shape[1]:
        stop = start + sizes[turn % len(sizes)]
        made.append(stream.push(batch.audio[:, start:stop], batch.heard[:, start:stop]))
        start, turn = stop, turn + 1
    return torch.cat([*made, stream.finish()], 2)


@pytest.mark.parametrize("frames", [1, 3, 50, 131])
@pytest.mark.parametrize("sizes", [(1,), (2, 7, 1), (16,), (500,)])
def test_pieces_are_the_whole(generator, frames, sizes):
    batch, how = batch_of(generator, frames), Sampling(seed=3, steps=4)
    made, wanted = in_pieces(generator, batch, how, sizes), whole(generator, batch, how)
    assert made.shape == (1, 2, frames, 64)
    assert wanted.std() > 0.1
    torch.testing.assert_close(made, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "how",
    [
        Sampling(steps=8, sampler="dpm"),
        Sampling(steps=3, guidance=2.0),
        Sampling(steps=2, samples=3),
        Sampling(steps=2, temperature=0.5),
        Sampling(steps=1, guidance=0.0, samples=2, sampler="dpm"),
    ],
    ids=str,
)
def test_pieces_are_the_whole_however_it_is_sampled(generator, how):
    batch = batch_of(generator, 41)
    made, wanted = in_pieces(generator, batch, how, (4, 9)), whole(generator, batch, how)
    torch.testing.assert_close(made, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("memory", [1, 2, 1000])
def test_pieces_are_the_whole_whatever_the_memory(generator, memory, monkeypatch):
    monkeypatch.setattr(generator.denoiser, "memory", memory)
    batch, how = batch_of(generator, 40), Sampling(steps=3)
    made, wanted = in_pieces(generator, batch, how, (7,)), whole(generator, batch, how)
    torch.testing.assert_close(made, wanted, atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("guidance", [1.0, 1.5])
@pytest.mark.parametrize("sizes", [(1,), (2, 7, 1), (500,)])
def test_no_steps_give_what_is_expected_in_pieces_too(generator, sizes, guidance):
    batch, how = batch_of(generator, 60), Sampling(steps=0, guidance=guidance)
    given = told(generator, batch)
    heard, unheard = (generator.denoiser.guessed(g) for g in (given, given.without_audio()))
    wanted = generator.expression.undo(unheard + guidance * (heard - unheard))
    assert wanted.std() > 0.1
    made = in_pieces(generator, batch, how, sizes)[0]
    torch.testing.assert_close(made, wanted, atol=1e-5, rtol=0)
    other = dataclasses.replace(how, seed=7, temperature=0.3)
    torch.testing.assert_close(in_pieces(generator, batch, other, sizes)[0], made)


def test_a_network_that_sees_the_face_to_come_waits_for_all_of_it(generator, monkeypatch):
    monkeypatch.setattr(generator.denoiser, "future", MEMORY - 1)
    batch, how = batch_of(generator, 40), Sampling(steps=3)
    stream = Stream(generator, told(generator, batch), how)
    assert stream.look_ahead_frames == math.inf
    assert stream.push(batch.audio).shape[2] == 0
    made, wanted = stream.finish(), whole(generator, batch, how)
    torch.testing.assert_close(made, wanted, atol=1e-5, rtol=0)
    monkeypatch.undo()
    assert (made - whole(generator, batch, how)).abs().max() > 1e-3


def test_more_than_it_can_see_at_once_is_refused(generator, monkeypatch):
    monkeypatch.setattr(generator.denoiser, "future", MEMORY - 1)
    monkeypatch.setattr(live, "WHOLE_FRAMES", 39)
    batch = batch_of(generator, 40)
    stream = Stream(generator, told(generator, batch), Sampling(steps=1))
    stream.push(batch.audio)
    with pytest.raises(live.TooLongError, match=r"40 frames.*not causal and can take 39"):
        stream.finish()


def test_blocks_within_a_piece_do_not_show(generator, monkeypatch):
    batch, how = batch_of(generator, 60), Sampling(steps=2)
    monkeypatch.setattr(live, "BLOCK_FRAMES", 13)
    made = in_pieces(generator, batch, how, (60,))
    torch.testing.assert_close(made, whole(generator, batch, how), atol=1e-5, rtol=0)


def test_a_sound_that_is_over_sooner_is_as_if_alone(generator):
    batch, how = batch_of(generator, 40), Sampling(steps=3)
    heard = batch.heard.clone()
    heard[0, 25:] = False
    padded = dataclasses.replace(batch, heard=heard)
    alone = dataclasses.replace(
        batch, heard=batch.heard[:, :25], audio=batch.audio[:, :25], valid=batch.valid[:, :25]
    )
    made, wanted = in_pieces(generator, padded, how, (6,)), in_pieces(generator, alone, how, (6,))
    torch.testing.assert_close(made[:, 0, :25], wanted[:, 0], atol=1e-5, rtol=0)


def test_frames_come_as_soon_as_their_sound_is_known(generator):
    batch = batch_of(generator, 20)
    stream = Stream(generator, told(generator, batch), Sampling(steps=1))
    assert stream.look_ahead_frames == AHEAD
    assert stream.push(batch.audio[:, :AHEAD]).shape[2] == 0
    assert stream.push(batch.audio[:, AHEAD : AHEAD + 1]).shape[2] == 1
    assert stream.push(batch.audio[:, AHEAD + 1 : 10]).shape[2] == 10 - AHEAD - 1
    assert stream.finish().shape[2] == AHEAD
    assert stream.finish().shape[2] == 0


def test_many_samples_begin_with_the_one_that_is_drawn_alone(generator):
    batch = batch_of(generator, 20)
    many = generator.samples(batch, Sampling(seed=5, steps=2, samples=4))
    alone = generator.sample(batch, 5, 2, 1.0)
    assert many.shape == (4, 2, 20, 64)
    torch.testing.assert_close(many[0], alone, atol=1e-5, rtol=0)
    apart = (many[:, None] - many[None]).abs().amax((2, 3, 4)) + torch.eye(4)
    assert (apart > 0.1).all()


def test_what_is_kept_does_not_grow(generator):
    """Torch's own memory is counted by its tensors: none of them is longer after more frames."""
    batch = batch_of(generator, 1, sounds=1)
    stream = Stream(generator, told(generator, batch), Sampling(steps=2))

    def kept(frames: int) -> int:
        for _ in range(frames):
            stream.push(batch.audio)
        track = stream._tracks[0]
        layers = [*track._sound, *(seen for level in track._faces.values() for seen in level)]
        stored = [t.untyped_storage().nbytes() for seen in layers for t in (seen.key, seen.value)]
        own = (stream._real, track._listened, *track._listener._kept)
        return sum(stored) + sum(t.untyped_storage().nbytes() for t in own)

    first = kept(2 * MEMORY)
    tracemalloc.start()
    assert kept(50) == first
    before, _ = tracemalloc.get_traced_memory()
    assert kept(100) == first
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 20_000


def test_a_lower_temperature_draws_samples_together(generator):
    batch = batch_of(generator, 20)

    def spread(temperature):
        how = Sampling(steps=3, temperature=temperature, samples=4)
        return float(in_pieces(generator, batch, how, (20,)).std(0).mean())

    assert spread(1.0) > spread(0.5) > spread(0.0) == pytest.approx(0, abs=1e-6)


def test_a_checkpoint_streams_as_it_samples(trained):
    generator = checkpoint.load(trained.root / "models/generator/model.safetensors")
    span = spans.read(trained.root / "data/pack").spans["test"][0]
    batch, how = spans.whole(span, generator.vocalizations), Sampling(seed=2, steps=4)
    made = in_pieces(generator, batch, how, (1,))
    torch.testing.assert_close(made, whole(generator, batch, how), atol=1e-5, rtol=0)
