import copy

import pytest
import torch

from pipeline.core.errors import WeightsError
from pipeline.generator import card, checkpoint, diffusion, distil, spans
from pipeline.generator.diffusion import cosine, sampling_levels
from pipeline.generator.judge import Judge
from pipeline.generator.live import Sampling
from pipeline.generator.params import Distil, Evaluate, Weights
from pipeline.generator.train import MODEL, UNFINISHED
from pipeline.generator.trainer import Trainer
from tests.generator.conftest import SMALL, Unlogged
from tests.generator.test_train import QUICK, curve, cut_short, trained_in

SHORT = QUICK.model_copy(update={"distil": Distil(steps=2, from_steps=5, batches=4)})


def oracle(schedule, mean=1.5, spread=0.5):
    """The best guess of the clean where that is Gaussian."""

    def denoise(noisy, level):
        shape = (-1, *[1] * (noisy.dim() - 1))
        signal, noise = schedule.signal[level].view(shape), schedule.noise[level].view(shape)
        gain = spread**2 * signal / (spread**2 * signal**2 + noise**2)
        return mean + gain * (noisy - signal * mean)

    return denoise


@pytest.mark.parametrize(("levels", "last"), [(1000, 0), (1000, 500), (37, 9)])
@pytest.mark.parametrize("steps", [2, 3, 5, 7])
def test_a_perfect_pupil_ends_where_its_teacher_does_in_half_the_ways(levels, last, steps):
    schedule = cosine(levels, last)
    teacher = oracle(schedule)

    def pupil(noisy, level):
        return distil.two_as_one(schedule, teacher, noisy, level, steps)

    noise = torch.randn(5, 3, 2, generator=torch.Generator().manual_seed(0))
    ended = diffusion.ddim(schedule, pupil, noise, steps)
    torch.testing.assert_close(ended, diffusion.ddim(schedule, teacher, noise, 2 * steps - 1))


def test_items_of_a_batch_step_from_their_own_levels():
    schedule = cosine(1000)
    teacher, noisy = oracle(schedule), torch.randn(3, 4)
    level = torch.tensor(sampling_levels(schedule, 4))[[0, 3, 1]]
    together = distil.two_as_one(schedule, teacher, noisy, level, 4)
    for row in range(3):
        alone = distil.two_as_one(schedule, teacher, noisy[[row]], level[[row]], 4)
        torch.testing.assert_close(together[[row]], alone)


@pytest.mark.parametrize(
    ("asked", "pupils"),
    [(Distil(steps=2, from_steps=9), [5, 3, 2]), (Distil(steps=4, from_steps=7), [4])],
)
def test_steps_are_halved_until_they_are_as_few_as_asked(asked, pupils):
    assert list(distil.halvings(asked)) == pupils


def test_steps_that_no_halving_comes_to_are_refused():
    with pytest.raises(
        ValueError, match="from 8 steps no halving comes to 4; 4 steps want 7 or 13"
    ):
        Distil(steps=4, from_steps=8)


@pytest.fixture(scope="module")
def halved(trained, tmp_path_factory):
    """Teacher of what is mostly chance, so that steps matter, and its pupil of two steps."""
    asked = Distil(steps=2, from_steps=5, batches=150, learning_rate=2e-3)
    params = SMALL.model_copy(
        update={
            "distil": asked,
            "steps": 100,
            "ema_decay": 0.9,
            "whitening_floor": 0.01,
            "noise_tilt": 2.0,
            "weights": Weights(lips=0, lips_velocity=0, aperture_dtw=0, mouth_closed=0, gap=0),
        }
    )
    pack = spans.read(trained.root / "data/pack")
    trainer = Trainer.start(params, pack, trained.face, "cpu")
    unfinished = tmp_path_factory.mktemp("halved") / "unfinished.safetensors"
    teacher = trainer.learn(Unlogged(), unfinished)
    before = copy.deepcopy(teacher)
    return before, teacher, distil.distilled(teacher, trainer, Unlogged(), unfinished), pack


def test_a_pupil_is_nearer_to_its_teachers_faces_than_the_teacher_in_a_hurry(halved):
    _, teacher, pupil, pack = halved
    batch = spans.whole(pack.spans["test"][0], teacher.vocalizations)
    slow, hasty = (teacher.sample(batch, 3, steps, 1.0) for steps in (5, 2))
    learned = pupil.sample(batch, 3, 2, 1.0)
    assert (learned - slow).pow(2).mean() < 0.5 * (hasty - slow).pow(2).mean()


def test_a_teacher_is_left_as_it_was(halved):
    before, teacher, *_ = halved
    for name, tensor in before.denoiser.state_dict().items():
        assert torch.equal(teacher.denoiser.state_dict()[name], tensor), name
    assert teacher.about == before.about
    assert teacher.own_steps is None


def test_a_pupil_streams_as_it_samples(halved):
    *_, pupil, pack = halved
    batch = spans.whole(pack.spans["test"][0], pupil.vocalizations)
    every = torch.ones(1, dtype=torch.bool)
    given = pupil.conditions(batch, every, every, every)
    stream = checkpoint.Stream(pupil, given, Sampling(steps=2))
    pieces = [stream.push(piece)[0] for piece in batch.audio.split(7, 1)]
    streamed = torch.cat([*pieces, stream.finish()[0]], 1)
    torch.testing.assert_close(streamed, pupil.sample(batch, 0, 2, 1.0), atol=1e-5, rtol=0)


@pytest.mark.parametrize("how", [Sampling(steps=8), Sampling(steps=2, sampler="dpm")])
def test_a_pupil_refuses_what_it_was_not_distilled_to(halved, how):
    *_, pupil, pack = halved
    batch = spans.whole(pack.spans["test"][0], pupil.vocalizations)
    with pytest.raises(WeightsError, match="distilled to 2 steps of ddim"):
        pupil.samples(batch, how)


def test_a_pupil_still_tells_what_it_expects(halved):
    *_, pupil, pack = halved
    batch = spans.whole(pack.spans["test"][0], pupil.vocalizations)
    every = torch.ones(1, dtype=torch.bool)
    wanted = pupil.denoiser.guessed(pupil.conditions(batch, every, every, every))
    made = pupil.samples(batch, Sampling(steps=0))[0]
    torch.testing.assert_close(made, pupil.expression.undo(wanted), atol=1e-5, rtol=0)


def test_the_judge_takes_a_pupils_own_steps(halved, trained):
    *_, pupil, pack = halved
    judge = Judge(Evaluate(sample_steps=5), pack, pupil, trained.face, "cpu")
    assert judge.sample(pack.spans["test"][0], 0).shape == (pack.spans["test"][0].frames, 64)


def test_the_stage_saves_the_pupil_and_says_so(tmp_path):
    summary, _ = trained_in(tmp_path, SHORT)
    assert "distilled to 2" in summary.extra
    generator = checkpoint.load(tmp_path / MODEL)
    told = generator.about["distilled"]
    assert (generator.own_steps, told["from_steps"], told["batches"]) == (2, 5, 4)
    assert "progressive" in told["method"]
    assert generator.about["training"]["steps"] == 6
    words = (tmp_path / MODEL).with_name("README.md").read_text()
    assert "distilled | to 2 steps from 5" in words
    for group in ("to_3_steps", "to_2_steps"):
        assert len(curve(tmp_path, f"{group}/validation/loss")) == 2
    assert not list((tmp_path / UNFINISHED).parent.iterdir())


def test_a_card_says_nothing_of_distilling_where_there_was_none(trained):
    assert "distilled" not in card.text(checkpoint.load(trained.root / MODEL).about)


@pytest.mark.parametrize("killed_at", [8, 12])
def test_a_killed_distilling_goes_on_where_it_was(tmp_path, monkeypatch, killed_at):
    # Neither the training nor a halving that was done is taken again.
    again = cut_short(tmp_path, monkeypatch, SHORT, killed_at)
    assert all(role for role, _ in again)
    assert len({role for role, _ in again}) == (2 if killed_at == 8 else 1)
