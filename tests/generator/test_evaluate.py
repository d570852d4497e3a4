import dataclasses
import itertools
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from pipeline import media
from pipeline.core import tables
from pipeline.generator import checkpoint, evaluate, metrics, spans, train
from pipeline.generator import judge as judges
from pipeline.generator.judge import with_sound_of
from pipeline.generator.params import Evaluate, Peers
from tests.generator.conftest import stage_in
from tests.generator.test_train import QUICK
from tests.generator.world import RATE_HZ, ToyFace, make_pack

METHODS = judges.methods(Evaluate(), knows=False)


def draw(vertices):
    """A picture whose brightness is the mouth's aperture."""
    gap = np.linalg.norm(vertices[0] - vertices[3])
    return np.full((50, 64, 3), np.clip(10 * gap, 0, 255), np.uint8)


def hear(clip, start, frames):
    time = np.arange(frames * RATE_HZ // 30) / RATE_HZ
    return (0.2 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


@pytest.fixture(scope="module")
def judged(trained, tmp_path_factory):
    root = tmp_path_factory.mktemp("judged")
    shutil.copytree(trained.root, root, dirs_exist_ok=True)
    # In the toy world a sound tells nearly all of a face; warm, samples differ in what is written.
    params = Evaluate(videos=1, plotted_spans=2, sample_steps=4, temperature=2.0)
    summary = evaluate.run(stage_in(root, "evaluate", params), trained.face, draw, hear)
    return root, summary, json.loads((root / "data/metrics/evaluate.json").read_text())


def test_the_generator_beats_the_mean_face_and_another_clips_sound_for_every_seed(judged):
    _, _, figures = judged
    assert figures["seeds"] == 3
    assert figures["seeds_better_than_mean_face"] == 3
    assert figures["seeds_better_than_shuffled"] == 3
    ours, mean, shuffled = (figures[name] for name in ("ours", "mean_face", "shuffled"))
    assert ours["lve_mm2"] < 0.6 * min(mean["lve_mm2"], shuffled["lve_mm2"])
    assert ours["l_ccc"] > 0.6
    assert mean["l_ccc"] == 0
    assert abs(shuffled["l_ccc"]) < 0.4


def test_every_method_has_every_metric(judged):
    _, summary, figures = judged
    for method in METHODS:
        assert {*metrics.LOWER_IS_BETTER, *metrics.HIGHER_IS_BETTER} <= set(figures[method])
        assert {"fdd_mm2", "upper_spread", "lower_spread", "laugh_rate"} <= set(figures[method])
    assert figures["spans"] == figures["clips"] == figures["sources"] == summary.seen == 4


def test_several_samples_differ_and_the_best_is_better_than_their_mean(judged):
    root, _, figures = judged
    ours = figures["ours"]
    assert ours["samples"] == 10
    assert ours["diversity_mm"] > 0
    assert ours["lve_best_mm2"] < ours["lve_mean_mm2"]
    assert ours["lve_of_mean_mm2"] < ours["lve_mean_mm2"]
    assert ours["aperture_ccc_mean"] < ours["aperture_ccc_best"] <= ours["aperture_pcc_best"]
    assert len(tables.read(root / "data/evaluate/samples.parquet")) == 4


def test_every_span_has_noise_of_its_own(trained):
    pack = spans.read(trained.root / "data/pack")
    generator = checkpoint.load(trained.root / train.MODEL)
    court = judges.Judge(Evaluate(sample_steps=2), pack, generator, trained.face, "cpu")
    span = pack.spans["test"][0]
    twin = dataclasses.replace(span, span_id=f"{span.span_id}_twin")
    np.testing.assert_array_equal(court.sample(span, 0), court.sample(span, 0))
    for one, other in ((court.sample(span, 0), court.sample(twin, 0)), court.samples(span)[:2]):
        assert np.abs(one - other).max() > 1e-3


def test_what_is_expected_hangs_on_no_noise_and_errs_less_than_a_sample(trained, judged):
    pack = spans.read(trained.root / "data/pack")
    generator = checkpoint.load(trained.root / train.MODEL)
    court = judges.Judge(Evaluate(), pack, generator, trained.face, "cpu")
    span = pack.spans["test"][0]
    twin = dataclasses.replace(span, span_id=f"{span.span_id}_twin")
    np.testing.assert_array_equal(court.expected(span), court.expected(twin))
    _, _, figures = judged
    assert figures["expected"]["lve_mm2"] < figures["ours"]["lve_mean_mm2"]


def test_every_span_method_and_seed_has_its_row(judged):
    root, _, figures = judged
    table = tables.read(root / "data/evaluate/clips.parquet")
    assert len(table) == 4 * (3 + 1 + 3 + 1 + 1 + 1)
    assert table["frames"].max() == 90 - 3  # three frames were not measured
    ours = table[(table["method"] == "ours")]
    pooled = np.average(ours["lve_mm2"], weights=ours["frames"])
    assert figures["ours"]["lve_mm2"] == pytest.approx(pooled, abs=1e-4)
    shuffled = table[table["method"] == "shuffled"]
    assert (shuffled["sound_of"] != shuffled["span_id"]).all()
    assert shuffled.groupby("span_id")["sound_of"].nunique().min() > 1


def test_margins_are_positive_with_their_intervals_and_p_values(judged):
    root, _, _ = judged
    table = pd.read_csv(root / "data/evaluate/margins.csv").set_index(["own", "than", "metric"])
    for own, rival in itertools.product(("ours", "expected"), ("mean_face", "shuffled")):
        row = table.loc[(own, rival, "lve_mm2")]
        assert 0 < row["low"] <= row["gain"] <= row["high"]
        assert row["sources"] == 4
        # Four sources that all agree: two of sixteen signs reach as far.
        assert row["p"] == pytest.approx(2 / 16)
        assert row["p"] <= row["p_holm"] <= 1
    assert table.loc[("ours", "mean_face", "mve_mm")].isna()["p_holm"]


def test_seeds_are_told_apart_from_sources(judged):
    root, _, _ = judged
    table = pd.read_csv(root / "data/evaluate/certainty.csv").set_index(["method", "metric"])
    ours = table.loc[("ours", "lve_mm2")]
    assert ours["low"] < ours["mean"] < ours["high"]
    assert 0 < ours["seed_spread"] < ours["source_spread"]
    # What draws nothing has one seed, and so no spread of them.
    assert np.isnan(table.loc[("mean_face", "lve_mm2"), "seed_spread"])


def test_every_vocalization_has_its_figures(judged):
    root, _, figures = judged
    table = pd.read_csv(root / "data/evaluate/by_vocalization.csv")
    kinds = table[table["method"] == "ours"].set_index("vocalization")
    assert kinds["spans"].to_dict() == {"babble": 2, "cry": 1, "laugh": 1}
    assert kinds["lve_mm2"].min() < figures["ours"]["lve_mm2"] < kinds["lve_mm2"].max()
    assert kinds["laugh_rate"].notna().to_dict() == {"babble": False, "cry": False, "laugh": True}


def test_aperture_of_truth_and_every_method_by_frame(judged):
    root, _, _ = judged
    table = pd.read_csv(root / "data/evaluate/aperture.csv")
    assert list(table.columns) == ["span_id", "frame", "truth", *METHODS]
    assert table["span_id"].nunique() == 2
    first = table[table["span_id"] == table["span_id"][0]]
    assert first["truth"].isna().sum() == 3
    known = first.dropna()
    assert np.corrcoef(known["truth"], known["ours"])[0, 1] > 0.8
    assert first["mean_face"].nunique() == 1


def test_the_video_shows_every_face_with_sound_and_says_that_it_is_synthetic(judged):
    root, _, _ = judged
    (path,) = (root / "data/evaluate/videos").iterdir()
    frames = list(media.read_frames(path))
    # The truth, ours, with another sound, and three baselines, of which the mean face is still.
    assert frames[0].shape == (50, 6 * 64, 3)
    mean = [frame[25:, 3 * 64 : 4 * 64].mean() for frame in frames]
    assert np.ptp(mean) < 2
    assert len(frames) == spans.read(root / "data/pack").spans["test"][0].frames
    thirds = np.array([[f[25:, k * 64 : k * 64 + 64].mean() for k in range(3)] for f in frames])
    assert np.corrcoef(thirds[:, 0], thirds[:, 1])[0, 1] > 0.7
    assert b"synthetic" in path.read_bytes()
    assert media.probe(path).sound is not None


def test_evaluating_twice_gives_the_same_bytes(judged, tmp_path):
    root, _, _ = judged
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    # In the toy world a sound tells nearly all of a face; warm, samples differ in what is written.
    params = Evaluate(videos=1, plotted_spans=2, sample_steps=4, temperature=2.0)
    evaluate.run(stage_in(tmp_path, "evaluate", params), ToyFace(), draw, hear)
    for path in sorted((root / "data/evaluate").rglob("*.*")):
        again = tmp_path / path.relative_to(root)
        assert again.read_bytes() == path.read_bytes(), path.name


def test_nothing_kept_still_ends_in_tables(tmp_path):
    make_pack(tmp_path / "data/pack", {"train": 0, "val": 0, "test": 0})
    train.run(stage_in(tmp_path, "train", QUICK), ToyFace())
    stage = stage_in(tmp_path, "evaluate", Evaluate())
    summary = evaluate.run(stage, ToyFace(), draw, hear)
    assert "nothing to judge" in summary.extra
    assert json.loads((tmp_path / "data/metrics/evaluate.json").read_text()) == {"spans": 0}
    assert len(tables.read(tmp_path / "data/evaluate/clips.parquet")) == 0
    assert len(pd.read_csv(tmp_path / "data/evaluate/aperture.csv")) == 0


def test_a_single_test_clip_borrows_another_splits_sound(tmp_path):
    make_pack(tmp_path / "data/pack", {"train": 2, "val": 0, "test": 1}, frames=40)
    train.run(stage_in(tmp_path, "train", QUICK), ToyFace())
    stage = stage_in(tmp_path, "evaluate", Evaluate(seeds=[0], videos=0, sample_steps=2))
    evaluate.run(stage, ToyFace(), draw, lambda *_: None)
    table = tables.read(tmp_path / "data/evaluate/clips.parquet")
    assert table.set_index("method").loc["shuffled", "sound_of"].startswith("train_")


def test_sound_of_another_length_is_cut_or_repeated(trained):
    short, long = sorted(
        spans.read(trained.root / "data/pack").spans["test"], key=lambda span: span.frames
    )[:: len("abc")]
    given = with_sound_of(long, short)
    assert given.audio.shape == long.audio.shape
    np.testing.assert_array_equal(given.audio[short.frames :], short.audio[: 90 - short.frames])
    np.testing.assert_array_equal(with_sound_of(short, long).audio, long.audio[: short.frames])
    np.testing.assert_array_equal(given.expression, long.expression)


def test_published_models_are_judged_where_they_are_asked_for(trained, tmp_path):
    shutil.copytree(trained.root, tmp_path, dirs_exist_ok=True)
    peers = Peers(methods=["faceformer"], steps=1, batch_spans=1, window_frames=8, width=8)
    params = Evaluate(seeds=[0], videos=0, sample_steps=1, samples=2, peers=peers)
    evaluate.run(stage_in(tmp_path, "evaluate", params), ToyFace(), draw, hear)
    figures = json.loads((tmp_path / "data/metrics/evaluate.json").read_text())
    assert figures["faceformer"]["lve_mm2"] > 0
    assert "codetalker" not in figures
    margins = pd.read_csv(tmp_path / "data/evaluate/margins.csv")
    assert tuple(margins["own"].unique()) == judges.STRANGE == METHODS[:2]
    assert set(margins["than"]) == {*METHODS[2:], "faceformer"}


def test_a_model_of_adults_is_judged_where_it_is_given(trained, tmp_path):
    shutil.copytree(trained.root, tmp_path, dirs_exist_ok=True)
    params = Evaluate(seeds=[0], videos=0, sample_steps=1, samples=2, adult="adult")
    stage = stage_in(tmp_path, "evaluate", params)

    class Still:
        def predict(self, span):
            return np.zeros_like(span.expression)

    evaluate.run(stage, trained.face, draw, hear, Still())
    figures = json.loads((tmp_path / "data/metrics/evaluate.json").read_text())
    assert figures["adult"]["l_pcc"] == 0
    margins = pd.read_csv(tmp_path / "data/evaluate/margins.csv")
    assert "adult" in set(margins["than"])


def test_seeds_are_given_once_each():
    with pytest.raises(ValueError, match="once"):
        Evaluate(seeds=[1, 1])
