"""The ear first: what a generator that hears before it moves has learned by then, and what not."""

import numpy as np
import pytest
import torch

from pipeline.generator import card, checkpoint, ear, spans
from pipeline.generator.train import MODEL, UNFINISHED
from pipeline.generator.trainer import Trainer
from tests.generator.conftest import SMALL, Unlogged
from tests.generator.test_train import QUICK, curve, cut_short, trained_in

HEARING = SMALL.model_copy(update={"ear_steps": 100})
SHORT = QUICK.model_copy(update={"ear_steps": 6})


@pytest.fixture(scope="module")
def hearing(trained, tmp_path_factory):
    """A trainer before its ear was taught and after."""
    pack = spans.read(trained.root / "data/pack")
    fresh, taught = (Trainer.start(HEARING, pack, trained.face, "cpu") for _ in range(2))
    unfinished = tmp_path_factory.mktemp("ear") / "unfinished.safetensors"
    ear.taught(taught, pack, Unlogged(), unfinished)
    return fresh, taught


def test_an_ear_learns_to_guess(hearing):
    fresh, taught = hearing
    before, after = fresh.validate(), taught.validate()
    for name, share in (("guess", 0.9), ("guess_lips", 0.1), ("guess_gap", 0.5)):
        assert after[name] < share * before[name], name


def test_what_the_guess_does_not_hang_on_stays_as_it_was(hearing):
    before, after = (one.generator.denoiser.state_dict() for one in hearing)
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert {"listener", "guess", "audio", "habits"} <= changed
    assert not changed & {"blocks", "latents", "level", "leeway", "last_scale", "out"}


def test_the_training_goes_on_from_the_ear_as_it_was_best(hearing):
    _, taught = hearing
    averaged = taught.averaged.denoiser.state_dict()
    for name, tensor in taught.generator.denoiser.state_dict().items():
        assert torch.equal(tensor, averaged[name]), name
    assert taught.progress.step == 0


def test_the_ear_stays_as_it_was_taught_while_the_rest_learns(trained, tmp_path):
    pack = spans.read(trained.root / "data/pack")
    taught = Trainer.start(SHORT, pack, trained.face, "cpu")
    ear.taught(taught, pack, Unlogged(), tmp_path / "unfinished.safetensors")
    before = {k: v.clone() for k, v in taught.generator.denoiser.state_dict().items()}
    for number in (1, 2):
        taught.step(number)
    after = taught.generator.denoiser.state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"blocks", "latents", "level", "leeway", "last_scale", "out"}


def test_the_ear_learns_from_fits_as_they_are_and_the_rest_without_their_noise(
    tmp_path, monkeypatch
):
    given = []
    monkeypatch.setattr(ear.Ear, "learn", lambda self, *_: given.append(self.pack) or self.averaged)
    learn = Trainer.learn
    monkeypatch.setattr(
        Trainer, "learn", lambda self, *rest: given.append(self.pack) or learn(self, *rest)
    )
    trained_in(tmp_path, SHORT.model_copy(update={"filter_fit_noise": True}))
    fitted = spans.read(tmp_path / "data/pack").spans["train"][0].expression
    heard, rest = (pack.spans["train"][0].expression for pack in given)
    assert np.array_equal(heard, fitted)
    assert np.abs(rest - fitted).max() > 0.01


def test_a_card_says_nothing_of_an_ear_that_was_not_taught_before(trained):
    assert "ear before" not in card.text(checkpoint.load(trained.root / MODEL).about)


def test_the_stage_teaches_the_ear_and_says_so(tmp_path):
    trained_in(tmp_path, SHORT)
    about = checkpoint.load(tmp_path / MODEL).about
    assert (about["ear"]["steps"], about["training"]["steps"]) == (6, 6)
    words = (tmp_path / MODEL).with_name("README.md").read_text()
    assert "ear before that | 6 steps, validation loss" in words
    assert len(curve(tmp_path, "ear/validation/guess")) == 2
    assert len(curve(tmp_path, "validation/latent")) == 2
    assert not list((tmp_path / UNFINISHED).parent.iterdir())


@pytest.mark.parametrize(("killed_at", "goes_on"), [(5, ("ear", 4)), (8, ("", 1))])
def test_a_killed_ear_goes_on_where_it_was(tmp_path, monkeypatch, killed_at, goes_on):
    """What was taught of the ear is not taught again."""
    assert cut_short(tmp_path, monkeypatch, SHORT, killed_at)[0] == goes_on
