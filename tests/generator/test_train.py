import dataclasses
import json
import pickle
import re

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.core.errors import WeightsError
from pipeline.generator import checkpoint, spans, train
from pipeline.generator.params import Network, Train
from pipeline.generator.train import MODEL
from pipeline.generator.trainer import DivergedError, Trainer
from tests.generator.conftest import SMALL, stage_in
from tests.generator.world import VOCALIZATIONS, ToyFace, make_pack

QUICK = SMALL.model_copy(update={"steps": 6, "validate_every_steps": 3, "warmup_steps": 2})


def trained_in(root, params=QUICK, counts=None):
    make_pack(root / "data/pack", counts or {"train": 4, "val": 1, "test": 1}, frames=40)
    summary = train.run(stage_in(root, "train", params), ToyFace())
    return summary, (root / MODEL).read_bytes()


def curve(root, name):
    return pd.read_csv(root / f"data/train/plots/metrics/{name}.tsv", sep="\t")


def test_training_improves_every_term_of_the_mouth(trained):
    pack = spans.read(trained.root / "data/pack")
    untaught = Trainer.start(SMALL, pack, trained.face, "cpu").validate()
    for name in ("loss", "latent", "lips", "aperture_dtw", "mouth_closed"):
        values = curve(trained.root, f"validation/{name}")[name]
        assert values.iloc[-1] < values.iloc[0], name
        assert values.iloc[-1] < 0.8 * untaught[name], name
    values = curve(trained.root, "train/lips")["lips"]
    assert values.iloc[-1] < 0.3 * values.iloc[0]


@pytest.mark.parametrize("filters", [True, False])
def test_a_fits_noise_is_taken_out_before_anything_is_learned(tmp_path, filters):
    pack = spans.read(make_pack(tmp_path / "pack"))
    params = QUICK.model_copy(update={"filter_fit_noise": filters})
    learned = Trainer.start(params, pack, ToyFace(), "cpu").pack.spans
    for split in ("train", "val"):
        rough, kept = (restless(part[split][0]) for part in (pack.spans, learned))
        assert kept < 0.8 * rough if filters else kept == rough
    assert learned["test"] == pack.spans["test"]


def restless(span):
    return np.abs(np.diff(span.expression, 2, axis=0)).mean()


def test_curves_hold_steps_and_no_clock(trained):
    table = curve(trained.root, "validation/loss")
    assert list(table.columns) == ["step", "loss"]
    assert table["step"].tolist() == list(range(10, 201, 10))
    latest = json.loads((trained.root / "data/train/metrics.json").read_text())
    assert set(latest) == {"step", "train", "validation"}
    assert set(latest["train"]) == set(latest["validation"])
    files = {p.name for p in (trained.root / "data/train").iterdir()}
    assert files == {"metrics.json", "plots"}


def test_the_line_says_what_was_learned(trained):
    assert re.search(r"12 spans.*200 steps, validation loss \d", trained.line)


def test_the_model_says_what_it_was_made_from(trained):
    about = checkpoint.load(trained.root / MODEL).about
    assert about["vocalizations"] == VOCALIZATIONS
    assert about["data_digest"] == spans.read(trained.root / "data/pack").digest
    assert about["feature"]["name"] == "logmel"
    assert about["face"] == {"name": "toy", "digest": ToyFace.digest}
    assert about["params"] == SMALL.model_dump()
    card = (trained.root / MODEL).with_name("README.md").read_text()
    assert "12 spans synthetic" in card
    assert about["data_digest"] in card


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path):
    _, first = trained_in(tmp_path / "a")
    _, same = trained_in(tmp_path / "b")
    _, other = trained_in(tmp_path / "c", QUICK.model_copy(update={"seed": 1}))
    assert first == same
    assert first != other
    for name in ("metrics.json", "plots/metrics/train/loss.tsv"):
        a, b = (tmp_path / x / "data/train" / name for x in "ab")
        assert a.read_bytes() == b.read_bytes()


def test_the_average_moves_as_its_decay_says(tmp_path):
    make_pack(tmp_path / "pack", {"train": 2, "val": 1, "test": 0}, frames=40)
    params = QUICK.model_copy(update={"ema_decay": 0.15})
    trainer = Trainer.start(params, spans.read(tmp_path / "pack"), ToyFace(), "cpu")
    name = "latents.weight"
    mean = trainer.averaged.denoiser.state_dict()[name].clone()
    for number in (1, 2):
        trainer.step(number)
        now = trainer.generator.denoiser.state_dict()[name]
        decay = min(0.15, (1 + number) / (10 + number))
        mean = decay * mean + (1 - decay) * now
        torch.testing.assert_close(trainer.averaged.denoiser.state_dict()[name], mean)


def test_habits_hang_on_less_of_an_infant_where_that_has_its_price(tmp_path):
    make_pack(tmp_path / "pack", {"train": 2, "val": 1, "test": 0}, frames=40)
    pack = spans.read(tmp_path / "pack")

    def leanings(price):
        params = QUICK.model_copy(update={"sparse_habits": price, "learning_rate": 0.01})
        trainer = Trainer.start(params, pack, ToyFace(), "cpu")
        for number in range(1, 7):
            told = trainer.step(number)["sparse_habits"]
        return told

    assert leanings(1.0) < 0.9 * leanings(0.0)


@pytest.mark.parametrize(("tilt", "of_high_ones"), [(2.0, (0.6, 0.9)), (0.5, (0.2, 0.4))])
def test_only_levels_that_sampling_visits_are_learned_from(tmp_path, tilt, of_high_ones):
    make_pack(tmp_path / "pack", {"train": 2, "val": 1, "test": 0}, frames=40)
    changed = {"noise_floor": 0.6, "batch_spans": 200, "noise_tilt": tilt}
    params = QUICK.model_copy(update=changed)
    trainer = Trainer.start(params, spans.read(tmp_path / "pack"), ToyFace(), "cpu")
    level = trainer._draw().level
    assert trainer.generator.schedule.last == 600
    assert 600 <= int(level.min()) < 650
    assert 950 < int(level.max()) <= 999
    least, most = of_high_ones
    assert least < (level > 800).float().mean() < most


def test_validation_repeats_itself_and_touches_nothing(tmp_path):
    make_pack(tmp_path / "pack", {"train": 2, "val": 2, "test": 0}, frames=40)
    trainer = Trainer.start(QUICK, spans.read(tmp_path / "pack"), ToyFace(), "cpu")
    state = trainer.random.bit_generator.state
    assert trainer.validate() == trainer.validate()
    assert trainer.random.bit_generator.state == state


def test_the_weights_with_the_lowest_validation_loss_are_kept(tmp_path, monkeypatch):
    losses = iter([0.5, 0.2, 0.9])
    monkeypatch.setattr(Trainer, "validate", lambda self: {"loss": next(losses)})
    trained_in(tmp_path, QUICK.model_copy(update={"steps": 9}))
    assert checkpoint.load(tmp_path / MODEL).about["training"]["best_step"] == 6


def test_without_validation_spans_the_last_weights_are_kept_and_said_to_be(tmp_path):
    summary, _ = trained_in(tmp_path, counts={"train": 3, "val": 0, "test": 1})
    assert "nothing to validate on" in summary.extra
    assert checkpoint.load(tmp_path / MODEL).about["training"]["best_step"] == 6


def test_nothing_to_train_on_gives_an_untrained_generator_that_says_so(tmp_path):
    summary, _ = trained_in(tmp_path, counts={"train": 0, "val": 0, "test": 0})
    assert "untrained" in summary.extra
    assert checkpoint.load(tmp_path / MODEL).about["training"]["steps"] == 0


def test_divergence_is_an_error_that_says_what_to_do(tmp_path):
    make_pack(tmp_path / "data/pack", {"train": 2, "val": 1, "test": 0}, frames=40)
    params = QUICK.model_copy(update={"learning_rate": 1e30, "warmup_steps": 0})
    with pytest.raises(DivergedError, match="lower learning_rate"):
        train.run(stage_in(tmp_path, "train", params), ToyFace())


def test_whitening_goes_there_and_back_and_keeps_small_latents_small():
    rows = np.random.default_rng(0).normal([3, 0, 0], [2, 1, 0.001], (500, 3)).astype(np.float32)
    whitening = checkpoint.whitening_of(rows, floor=0.1)
    there = whitening.apply(torch.from_numpy(rows))
    np.testing.assert_allclose(there.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(there.std(0, correction=0), [1, 1, 0.005], rtol=0.1)
    torch.testing.assert_close(whitening.undo(there), torch.from_numpy(rows))


def test_a_saved_generator_samples_the_same(trained, tmp_path):
    generator = checkpoint.load(trained.root / MODEL)
    checkpoint.save(generator, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (trained.root / MODEL).read_bytes()
    span = spans.read(trained.root / "data/pack").spans["test"][0]
    batch = spans.whole(span, generator.vocalizations)
    again = checkpoint.load(tmp_path / "again.safetensors")
    first, same = (g.sample(batch, 3, 4, 1.5) for g in (generator, again))
    assert torch.equal(first, same)
    assert not torch.equal(first, generator.sample(batch, 4, 4, 1.5))


def test_no_generator(tmp_path):
    with pytest.raises(WeightsError, match="run the train stage"):
        checkpoint.load(tmp_path / "model.safetensors")


def test_a_pickle_is_refused_unopened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was opened",))

    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(WeightsError, match="not a safetensors file"):
        checkpoint.load(path)


def altered(trained, path, change):
    tensors = load_file(trained.root / MODEL)
    about = {"format": checkpoint.FORMAT, **checkpoint.load(trained.root / MODEL).about}
    change(tensors, about)
    save_file(tensors, path, metadata={"cradle": json.dumps(about)})
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tensors, about: tensors.pop("denoiser/out.weight"), r"layout.*out\.weight"),
        (lambda tensors, about: about["network"].update(width=64), "layout"),
        (lambda tensors, about: about["layout"].update(vocalizations=9), "layout"),
        (lambda tensors, about: about.pop("layout"), "layout"),
        (lambda tensors, about: about.pop("noise_spacing"), "layout: 'noise_spacing'"),
        (lambda tensors, about: about.update(noise_spacing=[4, 0]), "layout.*greater than 0"),
        (lambda tensors, about: about.update(noise_levels="many"), "layout.*many"),
        (lambda tensors, about: tensors.update({"audio/mean": torch.zeros(3)}), "width"),
        (lambda tensors, about: about.update(format="other-1"), "says other-1"),
        (lambda tensors, about: about.pop("format"), "no format"),
    ],
)
def test_another_layout_is_refused(trained, tmp_path, change, words):
    path = altered(trained, tmp_path / "model.safetensors", change)
    with pytest.raises(WeightsError, match=words):
        checkpoint.load(path)


def test_a_generator_for_other_features_or_another_face_is_refused(trained):
    generator = checkpoint.load(trained.root / MODEL)
    pack = spans.read(trained.root / "data/pack")
    checkpoint.check_fits(generator, pack, ToyFace())
    other = ToyFace()
    other.digest = "1" * 64
    with pytest.raises(WeightsError, match="morphable model"):
        checkpoint.check_fits(generator, pack, other)
    pack.meta["feature"] = {"name": "voc2vec", "width": 769}
    with pytest.raises(WeightsError, match="voc2vec"):
        checkpoint.check_fits(generator, pack, ToyFace())


def test_params_say_what_a_width_has_to_be():
    with pytest.raises(ValueError, match="no multiple of twice 4 heads"):
        Network(width=36, heads=4)


def files(root):
    """The model and every curve."""
    out = root / "data/train"
    found = {path.relative_to(out): path.read_bytes() for path in sorted(out.rglob("*.*"))}
    return (root / MODEL).read_bytes(), found


LONG = QUICK.model_copy(update={"steps": 12, "network": Network(layers=2, width=32, heads=2)})
"""With dropout, whose chance has to go on as well."""


def cut_short(root, monkeypatch, params, killed_at):
    """Train whole, and again with a kill; roles and numbers of the steps taken after that."""
    trained_in(root / "whole", params)
    taken, step = [], Trainer.step

    def killed(self, number):
        taken.append((self.role, number))
        if len(taken) == killed_at:
            raise KeyboardInterrupt
        return step(self, number)

    monkeypatch.setattr(Trainer, "step", killed)
    with pytest.raises(KeyboardInterrupt):
        trained_in(root / "cut", params)
    torch.manual_seed(99)
    train.run(stage_in(root / "cut", "train", params), ToyFace())
    assert files(root / "cut") == files(root / "whole")
    assert not list((root / "cut" / train.UNFINISHED).parent.iterdir())
    return taken[killed_at:]


@pytest.mark.parametrize("killed_at", [2, 8, 12])
def test_a_killed_training_goes_on_along_the_same_curve(tmp_path, monkeypatch, killed_at):
    again = cut_short(tmp_path, monkeypatch, LONG, killed_at)
    # It went on from the last validation, every three steps, and not from the beginning.
    assert again[0] == ("", (killed_at - 1) // 3 * 3 + 1)


def test_what_another_training_left_is_not_gone_on_from(tmp_path, monkeypatch):
    step = Trainer.step

    def killed(self, number):
        if number == 8:
            raise KeyboardInterrupt
        return step(self, number)

    monkeypatch.setattr(Trainer, "step", killed)
    with pytest.raises(KeyboardInterrupt):
        trained_in(tmp_path / "a", LONG)
    monkeypatch.setattr(Trainer, "step", step)
    other = LONG.model_copy(update={"seed": 1})
    train.run(stage_in(tmp_path / "a", "train", other), ToyFace())
    trained_in(tmp_path / "b", other)
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_a_batch_in_parts_teaches_what_it_teaches_whole(tmp_path):
    pack = spans.read(make_pack(tmp_path / "pack", {"train": 4, "val": 1, "test": 0}, frames=60))
    every = [dataclasses.replace(s, valid=np.ones_like(s.valid)) for s in pack.spans["train"]]
    pack.spans["train"][:] = every
    params = QUICK.model_copy(update={"window_frames": 40, "matrix_learning_rate": 2e-3})

    def after(parts):
        trainer = Trainer.start(
            params.model_copy(update={"accumulate": parts}), pack, ToyFace(), "cpu"
        )
        terms = [trainer.step(number) for number in (1, 2)]
        return terms, trainer.generator.denoiser.state_dict()

    (terms, whole), (same_terms, parts) = after(1), after(3)
    for name, value in terms[1].items():
        assert same_terms[1][name] == pytest.approx(value, rel=1e-3), name
    for name, tensor in whole.items():
        torch.testing.assert_close(parts[name], tensor, atol=2e-4, rtol=0)


def test_more_parts_than_windows_are_refused():
    with pytest.raises(ValueError, match="more parts than the 8 windows"):
        Train(batch_spans=8, accumulate=9)


def test_half_precision_learns_as_well_and_keeps_whole_weights(tmp_path):
    params = QUICK.model_copy(update={"precision": "bfloat16", "steps": 40, "patience": 99})
    trained_in(tmp_path, params)
    values = curve(tmp_path, "validation/loss")["loss"]
    assert values.iloc[-1] < values.iloc[0]
    generator = checkpoint.load(tmp_path / MODEL)
    assert all(p.dtype == torch.float32 for p in generator.denoiser.parameters())


def test_training_stops_once_it_is_in_vain(tmp_path, monkeypatch):
    losses = iter([0.5, 0.2, 0.9, 0.8, 0.1])
    monkeypatch.setattr(Trainer, "validate", lambda self: {"loss": next(losses)})
    trained_in(tmp_path, QUICK.model_copy(update={"steps": 30, "patience": 2}))
    training = checkpoint.load(tmp_path / MODEL).about["training"]
    assert (training["steps"], training["best_step"]) == (12, 6)
