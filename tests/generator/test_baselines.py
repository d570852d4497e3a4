"""Every baseline finds a relation that is there to be found."""

import dataclasses

import numpy as np
import pytest
import torch

from pipeline.generator import spans
from pipeline.generator.baselines import (
    ADAPTED,
    PEERS,
    Adaptable,
    EnergyRidge,
    Imitator,
    MeanFace,
    Retrieval,
    Task,
    learned,
)
from pipeline.generator.baselines.codebook import Codebook
from pipeline.generator.baselines.codetalker import fit_prior
from pipeline.generator.baselines.decoder import DecoderLayer, Seen, places
from pipeline.generator.params import Network, Peers
from tests.bench._kept import Kept
from tests.generator.world import OPEN, ToyFace, make_pack

SMALL = Peers(steps=60, batch_spans=6, window_frames=14, width=32, learning_rate=1e-2)


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("baselines") / "pack"
    return spans.read(make_pack(folder, {"train": 12, "val": 0, "test": 3}, frames=60))


@pytest.fixture(scope="module")
def task(pack) -> Task:
    return Task.of(pack.spans["train"], pack.vocalizations, ToyFace(), SMALL, 2.0)


def likeness(baseline, tested):
    """Correlation of the latent that opens the mouth, mean over spans."""
    found = []
    for span in tested:
        made = baseline.predict(span)
        assert made.shape == (span.frames, 64)
        assert np.isfinite(made).all()
        truth = span.expression[span.valid, OPEN]
        found.append(np.corrcoef(made[span.valid, OPEN], truth)[0, 1])
    return float(np.mean(found))


def test_the_mean_face_is_the_mean(pack):
    known = pack.spans["train"]
    rows = np.concatenate([span.expression[span.valid] for span in known])
    made = MeanFace.fit(known).predict(pack.spans["test"][0])
    np.testing.assert_allclose(made, np.tile(rows.mean(0), (len(made), 1)), atol=1e-5)


def test_energy_finds_the_law(pack):
    ridge = EnergyRidge.fit(pack.spans["train"], reach=4, penalty=1.0)
    assert likeness(ridge, pack.spans["test"]) > 0.8


def test_retrieval_finds_its_own_windows_again(pack):
    known = Retrieval.fit(pack.spans["train"], 12)
    span = pack.spans["train"][0]
    whole = dataclasses.replace(
        span, expression=span.expression[24:60], valid=span.valid[24:60], audio=span.audio[24:60]
    )
    made = known.predict(whole)
    np.testing.assert_allclose(made[:12], whole.expression[:12], atol=0.7)
    assert np.corrcoef(made[:, OPEN], whole.expression[:, OPEN])[0, 1] > 0.95


def test_retrieval_remembers_every_frame_once_however_many_windows_it_is_in(pack):
    learned = pack.spans["train"]
    known = Retrieval.fit(learned, 12)
    assert len(known.faces) == sum(span.frames for span in learned)
    assert len(known.begins) * 12 > 3 * len(known.faces)


def test_retrieval_finds_the_law_and_takes_a_span_of_any_length(pack):
    known = Retrieval.fit(pack.spans["train"], 12)
    assert likeness(known, pack.spans["test"]) > 0.6
    span = pack.spans["test"][0]
    for frames in (1, 11, 13):
        short = dataclasses.replace(
            span,
            expression=span.expression[:frames],
            valid=span.valid[:frames],
            audio=span.audio[:frames],
        )
        assert known.predict(short).shape == (frames, 64)


def test_retrieval_of_spans_shorter_than_a_window_uses_shorter_windows(pack):
    # Frames 20 to 22 of every span were not measured, so the longest run is 23 to the end.
    assert Retrieval.fit(pack.spans["train"], 500).frames == 37


@pytest.mark.parametrize("name", sorted(PEERS))
def test_published_models_find_the_law(name, pack, task):
    fitted = PEERS[name].fit(task, seed=0)
    assert likeness(fitted, pack.spans["test"]) > 0.6


@pytest.mark.parametrize("name", sorted(PEERS))
def test_published_models_read_nothing_but_the_sound_and_who_it_is(name, pack, task):
    few = dataclasses.replace(task, params=SMALL.model_copy(update={"steps": 2}))
    fitted = PEERS[name].fit(few, seed=0)
    span = pack.spans["test"][0]
    blind = dataclasses.replace(span, expression=np.full_like(span.expression, 9.0))
    np.testing.assert_array_equal(fitted.predict(span), fitted.predict(blind))
    deaf = dataclasses.replace(span, audio=span.audio[::-1].copy())
    assert np.abs(fitted.predict(span) - fitted.predict(deaf)).max() > 0
    again = PEERS[name].fit(few, seed=0)
    np.testing.assert_array_equal(fitted.predict(span), again.predict(span))


def test_imitator_adapts_a_copy_to_whose_mouth_opens_otherwise(pack, task):
    imitator = Imitator.fit(task, seed=0)
    wide = [
        dataclasses.replace(span, expression=1.5 * span.expression) for span in pack.spans["test"]
    ]

    def error(one) -> float:
        span = wide[-1]
        off = (one.predict(span) - span.expression)[span.valid, OPEN]
        return float((off**2).mean())

    before = {name: value.clone() for name, value in imitator.network.state_dict().items()}
    assert error(imitator.adapted(wide[:-1])) < 0.9 * error(imitator)
    for name, value in imitator.network.state_dict().items():
        torch.testing.assert_close(value, before[name], atol=0, rtol=0)
    assert imitator.adapted([]) is imitator
    assert isinstance(imitator, Adaptable)
    assert tuple(n for n, kind in PEERS.items() if hasattr(kind, "adapted")) == ADAPTED


@pytest.mark.parametrize("period", [0, 5])
def test_a_decoder_step_by_step_is_the_decoder_at_once(period):
    torch.manual_seed(0)
    layer = DecoderLayer(16, 4, period)
    x, sound = torch.randn(2, 13, 16), torch.randn(2, 13, 16)
    seen = Seen()
    stepped = [layer.step(x[:, i : i + 1], sound[:, i : i + 1], seen) for i in range(13)]
    torch.testing.assert_close(torch.cat(stepped, 1), layer(x, sound))


def test_a_decoder_sees_neither_what_comes_nor_other_instants_sound():
    torch.manual_seed(0)
    layer = DecoderLayer(16, 4, 5)
    x, sound = torch.randn(1, 10, 16), torch.randn(1, 10, 16)
    before = layer(x, sound)
    x[:, 7], sound[:, 4] = 0, 0
    after = layer(x, sound)
    changed = (before - after).abs().amax((0, 2)) > 1e-6
    assert changed.tolist() == [False] * 4 + [True] + [False] * 2 + [True] * 3


def test_the_bias_is_faceformers():
    bias = DecoderLayer(16, 4, 2)._bias(torch.arange(5)[:, None] - torch.arange(5))
    # The first of four heads falls by a quarter a period: (Press et al. 2022).
    assert bias[0, 4].tolist() == [-0.5, -0.25, -0.25, 0, 0]
    assert bias[1, 4, 0].item() == pytest.approx(-2 / 16)
    assert torch.isinf(bias[0, 0, 1:]).all()


def test_positions_begin_again_every_period():
    at = places(9, 8, 4, torch.device("cpu"))
    torch.testing.assert_close(at[:4], at[4:8])
    assert (at[0] - at[1]).abs().max() > 0.1
    forever = places(9, 8, 0, torch.device("cpu"))
    assert (forever[0] - forever[4]).abs().max() > 0.1


def test_a_codebook_says_the_nearest_entry_and_lets_the_gradient_pass():
    book = Codebook(2, 2)
    book.entries.data = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    features = torch.tensor([[[0.2, 0.1, 0.9, 1.2]]], requires_grad=True)
    coded = book(features)
    torch.testing.assert_close(coded.features, torch.tensor([[[0.0, 0, 1, 1]]]))
    # Squares .04 .01 .01 .04, mean .025, once for the entries and a quarter for the commitment.
    assert coded.loss.item() == pytest.approx(0.025 * 1.25)
    coded.features.sum().backward()
    torch.testing.assert_close(features.grad, torch.ones(1, 1, 4))


def test_the_prior_learns_to_say_motion_in_code(task):
    def missed(steps):
        few = dataclasses.replace(task, params=SMALL.model_copy(update={"steps": steps}))
        prior = fit_prior(few, seed=0)
        batch = spans.collate(task.spans, [0] * len(task.spans), 20, task.vocalizations)
        with torch.no_grad():
            made, _ = prior(task.true(batch))
            return float(task.reconstruction(batch, made))

    assert missed(160) < 0.5 * missed(2)


def test_codetalker_learns_to_speak_for_as_long_as_others_and_its_prior_before(task, monkeypatch):
    trained = []
    monkeypatch.setattr(learned, "train", lambda network, *_: trained.append((network, _[-1])))
    fitted = PEERS["codetalker"].fit(task, seed=0)
    assert [steps for _, steps in trained] == [SMALL.steps, SMALL.steps]
    assert [network for network, _ in trained] == [fitted.network.prior, fitted.network]


def test_no_peer_listens_further_ahead_than_the_generator():
    listener = learned.Listener(3, 8)
    sound = torch.randn(1, 40, 3)
    other = sound.clone()
    other[:, 20] += 1
    moved = (listener(sound) - listener(other)).abs().amax((0, 2)).gt(1e-6).nonzero()[:, 0]
    assert moved.min() == 20 - Network().look_ahead_frames


@pytest.mark.parametrize("name", sorted(PEERS))
def test_a_peer_that_is_kept_is_not_trained_again(name, pack, task, tmp_path, monkeypatch):
    few = dataclasses.replace(task, params=SMALL.model_copy(update={"steps": 2}))
    span = pack.spans["test"][0]
    made = Kept(name, tmp_path).fit(few, 0).predict(span)
    monkeypatch.setattr(learned, "train", lambda *_: pytest.fail("trained again"))
    np.testing.assert_array_equal(Kept(name, tmp_path).fit(few, 0).predict(span), made)
    with pytest.raises(pytest.fail.Exception):
        Kept(name, tmp_path).fit(task, 0)
