"""An infant's own manner is told from other spans of it, and trusted as far as it repeats."""

import dataclasses

import numpy as np
import pytest
import torch

from pipeline.core.errors import WeightsError
from pipeline.generator import card, checkpoint, manner, spans, train
from pipeline.generator.judge import EXPECTED, FAMILIAR, OURS, OWN, Judge, methods
from pipeline.generator.live import BLOCK_FRAMES, Sampling, Stream, manners
from pipeline.generator.manner import Known
from pipeline.generator.params import Evaluate, Peers
from tests.generator.world import OPEN

SIZE = 0.5
"""How much further, or less far, an infant of this world opens its mouth."""


def expected_of(frames: int, seed: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(1, frames, 64, generator=random)


def seen_in(frames: int, own=(0.2, 0.3, 1.5)) -> Known:
    basis = manners(expected_of(frames, frames))[0].double().numpy()
    off = basis @ np.array(own)
    return Known(np.einsum("tdi,tdj->dij", basis, basis), np.einsum("tdi,td->di", basis, off))


def test_rest_size_and_lead_are_told_of_much_and_hardly_of_little():
    told = seen_in(20_000).manner
    np.testing.assert_allclose(np.median(told, 0), (0.2, 0.3, 1.5), rtol=0.05)
    assert (np.median(seen_in(3).manner, 0) < 0.6 * np.median(told, 0)).all()
    nothing = Known(np.zeros((64, 3, 3)), np.zeros((64, 3)))
    assert not nothing.manner.any()


def test_what_was_seen_adds_up_and_a_manner_gains_what_it_explains():
    one, other = seen_in(400), seen_in(300)
    np.testing.assert_allclose((one + other - other).gram, one.gram)
    assert one.gained(one.manner) > 0
    assert one.gained(np.zeros((64, 3))) == 0
    assert one.gained(-one.manner) < 0


def in_families(pack: spans.Pack, repeats: bool) -> spans.Pack:
    """Two spans an infant; how far its mouth opens is its own, in both the same or in neither."""
    random = np.random.default_rng(7)

    def own(number: int, span: spans.Span) -> spans.Span:
        infant = np.random.default_rng(number // 2) if repeats else random
        latents = span.expression.copy()
        latents[:, OPEN] *= 1 + SIZE * infant.choice([-1, 1])
        return dataclasses.replace(span, expression=latents, source=f"infant{number // 2}")

    found = {
        split: [
            own(number, span) for number, span in enumerate(some * (1 if split != "val" else 2))
        ]
        for split, some in pack.spans.items()
    }
    return dataclasses.replace(pack, spans=found)


@pytest.fixture(scope="module")
def generator(trained) -> checkpoint.Generator:
    return checkpoint.load(trained.root / train.MODEL)


@pytest.fixture(scope="module")
def pack(trained) -> spans.Pack:
    return spans.read(trained.root / "data/pack")


def error(generator, span, told) -> float:
    batch = spans.whole(span, generator.vocalizations)
    made = generator.samples(batch, Sampling(steps=0), told)[0, 0]
    return float(((made - batch.expression[0])[:, OPEN][batch.valid[0]] ** 2).mean())


def test_a_manner_that_repeats_is_trusted_and_makes_a_further_span_nearer(generator, pack):
    families = in_families(pack, repeats=True)
    knowing = manner.learned(generator, families)
    assert 0.5 < knowing.trust[OPEN, 1] < 1.5
    assert knowing.about["manner"]["infants"] == 3
    assert knowing.about["manner"]["error_less"] > 0
    assert "an infant's own manner" in card.text(knowing.about)
    for first, second in zip(
        families.spans["test"][::2], families.spans["test"][1::2], strict=True
    ):
        told = manner.told(knowing, [first])
        assert error(knowing, second, told) < 0.8 * error(knowing, second, None)


def test_a_manner_that_does_not_repeat_is_not_trusted(generator, pack):
    families = in_families(pack, repeats=False)
    same = manner.learned(generator, families)
    assert same.trust is None
    assert "manner" not in same.about
    assert manner.told(same, families.spans["test"]) is None


def test_where_every_infant_has_one_span_there_is_nothing_to_learn(generator, pack):
    assert generator.trust is None
    assert manner.learned(generator, pack).trust is None


@pytest.fixture(scope="module")
def knowing(generator) -> checkpoint.Generator:
    return dataclasses.replace(generator, trust=torch.full((64, 3), 0.5))


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("piece", [1, 7])
def test_pieces_in_a_manner_are_the_whole(knowing, pack, steps, piece):
    span, other = pack.spans["test"][:2]
    batch, how = spans.whole(span, knowing.vocalizations), Sampling(steps=steps, samples=2)
    told = manner.told(knowing, [other])
    assert told.abs().max() > 0.01
    every = torch.ones(1, dtype=torch.bool)
    given = knowing.conditions(batch, every, every, every)
    stream = Stream(knowing, given, how, told)
    pieces = [stream.push(part) for part in batch.audio.split(piece, 1)]
    streamed = torch.cat([*pieces, stream.finish()], 2)
    assert span.frames < BLOCK_FRAMES
    whole = knowing.samples(batch, how, told)
    torch.testing.assert_close(streamed, whole, atol=1e-5, rtol=0)
    assert (whole - knowing.samples(batch, how)).abs().max() > 0.01


def test_trust_is_kept_with_the_weights(knowing, tmp_path):
    checkpoint.save(knowing, tmp_path / "model.safetensors")
    torch.testing.assert_close(checkpoint.load(tmp_path / "model.safetensors").trust, knowing.trust)
    wrong = dataclasses.replace(knowing, trust=torch.zeros(64, 2))
    checkpoint.save(wrong, tmp_path / "wrong.safetensors")
    with pytest.raises(WeightsError, match=r"trust in manners is \(64, 2\)"):
        checkpoint.load(tmp_path / "wrong.safetensors")


def court(generator, pack, face, **changes) -> Judge:
    params = Evaluate(seeds=[0], samples=2, sample_steps=1, **changes)
    return Judge(params, pack, generator, face, "cpu")


def test_the_familiar_have_seen_other_spans_of_the_infant_and_never_the_span_itself(
    knowing, pack, trained
):
    families = in_families(pack, repeats=True)
    judge = court(knowing, families, trained.face, known_s=1.0)
    span, other = families.spans["test"][:2]
    (known,) = judge.known(span)
    assert known.frames == 30
    np.testing.assert_array_equal(known.expression, other.expression[:30])
    latents = judge.predict(span, 0).latents
    for name in (OURS, EXPECTED):
        assert np.abs(latents[name + FAMILIAR, 0] - latents[name, 0]).max() > 1e-3
    assert set(latents) == {(name, 0) for name in methods(judge.params)}
    alone = court(knowing, pack, trained.face).predict(pack.spans["test"][0], 0).latents
    for name in (OURS, EXPECTED):
        np.testing.assert_array_equal(alone[name + FAMILIAR, 0], alone[name, 0])


def test_nobody_is_familiar_where_nothing_is_to_be_known(knowing, generator, pack, trained):
    span = pack.spans["test"][0]
    unknowing = court(generator, pack, trained.face).predict(span, 0).latents
    assert {name for name, _ in unknowing} == set(methods(Evaluate(), knows=False))
    judge = court(knowing, pack, trained.face, known_s=0.0)
    assert {name for name, _ in judge.predict(span, 0).latents} == {name for name, _ in unknowing}
    peers = Peers(methods=["faceformer", "imitator"])
    assert not [name for name in methods(Evaluate(known_s=0.0, peers=peers)) if FAMILIAR in name]
    familiar = [name for name in methods(Evaluate(peers=peers)) if FAMILIAR in name]
    assert familiar == [*OWN[2:], "imitator_familiar"]
