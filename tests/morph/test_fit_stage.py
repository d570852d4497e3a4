"""The stage on tables and landmarks as the stages before it leave them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline.core import ledger, tables
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.core.runner import Run, Runner
from pipeline.core.stage import Stage, Summary
from pipeline.core.store import Store
from pipeline.morph import camera, embedding, model
from pipeline.morph import fit_landmarks as fit_landmarks_file
from pipeline.morph.angles import angles_deg
from pipeline.morph.fit_face import embedded, openings
from pipeline.morph.fit_given import FitError
from pipeline.morph.fit_landmarks import fit_landmarks, load
from pipeline.morph.fit_stage import run
from pipeline.morph.params import Fit

HEIGHT, WIDTH, FRAMES = 360, 480, 45
FOCAL_PX = 800.0
PARAMS = Fit()


def landmarks(seed: int, frames: int = FRAMES) -> dict[str, np.ndarray]:
    """A head that opens its mouth and looks about, as mediapipe would see it but for its noise."""
    rng, head, lies = np.random.default_rng(seed), model.load(), embedding.load()
    time = np.linspace(0, 1, frames)
    opening = 0.35 - 0.35 * np.cos(2 * np.pi * 3 * time)
    smile = 0.5 * np.sin(2 * np.pi * time + seed) ** 2
    latents = np.stack(
        [
            head.action_vector({"jaw_drop": o, "lip_corner_pull": s})
            for o, s in zip(opening, smile, strict=True)
        ]
    )
    identity = rng.normal(0, 0.7, 32)
    yaw, pitch = 20 * np.sin(2 * np.pi * time), 8 * np.cos(2 * np.pi * time)
    rotation = camera.rotation_from_angles(
        *(torch.from_numpy(angle) for angle in (yaw, pitch, np.full(frames, 5.0)))
    )
    translation = torch.tensor([5.0, 10.0, 600.0]).double().expand(frames, 3)
    points = np.full((frames, 478, 3), np.nan, np.float32)
    for frame in range(frames):
        placed = lies.place(head.shape(identity, latents[frame], 0.3)).astype(np.float64)
        px = camera.project(
            torch.from_numpy(placed)[None],
            rotation[frame : frame + 1],
            translation[frame : frame + 1],
            FOCAL_PX,
            (HEIGHT, WIDTH),
        )
        points[frame, lies.landmark, :2] = px[0].numpy()
        points[frame, lies.landmark, 2] = 0
    points[..., :2] += rng.normal(0, 0.3, (frames, 478, 2))
    return {
        "points": points,
        "visibility": np.ones((frames, 478), np.float16),
        "yaw_deg": yaw,
        "opening": opening,
    }


class World:
    """A project's folder in which select has kept some clips."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = Store(root / "data" / ".store")
        self.clips: dict[str, dict[str, np.ndarray]] = {}
        self.age_months: dict[str, float] = {}

    def add(self, clip: str, found: dict[str, np.ndarray]) -> None:
        self.clips[clip] = found
        with self.store.publish("face", clip * 20) as folder:
            np.savez(
                folder / "landmarks.npz", points=found["points"], visibility=found["visibility"]
            )

    def write(self, bridged: tuple[int, ...] = ()) -> None:
        names = sorted(self.clips)
        data = self.root / "data"
        for name in ("download", "landmarks", "select"):
            (data / name).mkdir(parents=True, exist_ok=True)
        sizes = {"frames": FRAMES, "height": HEIGHT, "width": WIDTH}
        tables.write(
            data / "download" / "clips.parquet",
            pd.DataFrame({"clip": names}).assign(
                **sizes, age_months=[self.age_months.get(name, np.nan) for name in names]
            ),
        )
        keys = pd.DataFrame({"clip": names, "face_key": [name * 20 for name in names]})
        tables.write(data / "landmarks" / "clips.parquet", keys)
        spans = pd.DataFrame({"clip": names}).assign(
            span=0, start_frame=2, end_frame=FRAMES, vocalization="cry", bridged=0
        )
        tables.write_parts(data / "select" / "spans.parquet", spans)
        frames = pd.DataFrame(
            [(name, frame) for name in names for frame in range(FRAMES)], columns=["clip", "frame"]
        )
        frames["reason"] = np.where(frames["frame"].isin(bridged), "bridged", "kept")
        tables.write_parts(data / "select" / "frames.parquet", frames)
        rows = [ClipRow(name, Reason.KEPT) for name in names]
        ledger.write_clips(data / "select" / "ledger.parquet", "select", rows, names)

    def run(self, device: str = "cpu", **params: float) -> Summary:
        runner = Runner(self.store, Run(executor="serial", device=device))
        chosen = PARAMS.model_copy(update=params)
        return run(Stage("fit", chosen, None, self.root, self.store, runner))

    def table(self, name: str) -> pd.DataFrame:
        return tables.read(self.root / "data" / "fit" / f"{name}.parquet")

    def fitted(self, clip: str):
        key = self.table("clips").set_index("clip")["fit_key"][clip]
        return load(self.store.entry("fit", key).path / "fit.npz")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_clip_is_fitted_and_kept(world: World) -> None:
    world.add("one", landmarks(1))
    world.write()
    summary = world.run()
    assert (summary.seen, summary.measured, summary.kept) == (1, 1, 1)
    about = world.table("clips").iloc[0]
    assert about["kept_frames"] == FRAMES - 2
    assert about["fitted_frames"] == FRAMES
    assert about["residual_mm"] < 1.0
    frames = world.table("frames")
    assert list(frames["frame"]) == list(range(2, FRAMES))
    assert set(frames["reason"]) == {"kept"}
    poses = world.table("poses")
    assert np.abs(poses["yaw_deg"] - world.clips["one"]["yaw_deg"]).median() < 1.5
    row = world.table("ledger").iloc[0]
    assert (row["backend"], row["input_digest"]) == ("procedural", "one" * 20)
    assert len(row["backend_digest"]) == 64


def test_the_mouth_of_the_fit_opens_with_the_mouth(world: World) -> None:
    world.add("one", landmarks(2))
    world.write()
    world.run()
    fitted, head = world.fitted("one"), model.load()
    shape = head.decode(fitted.identity[None], fitted.expression, fitted.age[None]).numpy()
    upper, lower = head.aperture_pair
    aperture_mm = np.linalg.norm(shape[:, upper] - shape[:, lower], axis=1)
    assert np.corrcoef(aperture_mm, world.clips["one"]["opening"])[0, 1] > 0.98
    yaw_deg, _, roll_deg = angles_deg(fitted.rotation)
    assert np.abs(yaw_deg - world.clips["one"]["yaw_deg"]).max() < 4
    assert np.median(roll_deg) == pytest.approx(5.0, abs=1.0)


def test_a_threshold_changes_what_is_kept_and_measures_nothing(world: World) -> None:
    world.add("one", landmarks(1))
    world.write()
    world.run()
    strict = world.run(max_residual_mm=0.001)
    assert (strict.remembered, strict.measured, strict.kept) == (1, 0, 0)
    assert strict.dropped == {"fit_poor": 1}
    assert len(world.table("spans")) == 0
    lax = world.run(max_residual_mm=50.0)
    assert (lax.measured, lax.kept) == (0, 1)


def test_a_weight_of_the_fit_measures_again(world: World) -> None:
    world.add("one", landmarks(1))
    world.write()
    world.run()
    assert world.run(expression_prior=0.5).measured == 1


def test_a_known_age_is_heeded_and_another_clip_is_not_fitted_again(world: World) -> None:
    for clip in ("one", "two"):
        world.add(clip, landmarks(1))
    world.write()
    world.run()
    unknown = world.table("clips").set_index("clip")
    assert unknown["age"]["one"] == unknown["age"]["two"]
    world.age_months["one"] = 16.0
    world.write()
    assert world.run().measured == 1
    known = world.table("clips").set_index("clip")
    assert known["age"]["one"] > unknown["age"]["one"] + 0.5
    assert known.loc["two"].equals(unknown.loc["two"])


def test_landmarks_that_jump_about_are_cut_out(world: World) -> None:
    found = landmarks(3)
    rng = np.random.default_rng(0)
    found["points"][10:14] += rng.normal(0, 60, (4, 478, 3)).astype(np.float32)
    world.add("one", found)
    world.write()
    world.run()
    reasons = world.table("frames").set_index("frame")["reason"]
    assert set(reasons.loc[10:13]) == {"fit_poor"}
    assert set(reasons.loc[2:9]) == {"span_too_short"}
    spans = world.table("spans")
    assert list(zip(spans["start_frame"], spans["end_frame"], strict=True)) == [(14, FRAMES)]


def test_frames_that_select_bridged_may_have_no_face(world: World) -> None:
    found = landmarks(4)
    found["points"][20:23] = np.nan
    found["visibility"][20:23] = 0
    world.add("one", found)
    world.write(bridged=(20, 21, 22))
    world.run()
    assert len(world.table("spans")) == 1
    assert not set(world.table("frames")["frame"]) & {20, 21, 22}
    assert not world.table("poses")["valid"][20:23].any()


def test_a_clip_that_is_no_face_is_rejected_beside_one_that_is(world: World) -> None:
    flat = landmarks(5)
    flat["points"][..., 1] = flat["points"][..., 0]
    world.add("flat", flat)
    world.add("one", landmarks(1))
    world.write()
    summary = world.run()
    assert (summary.seen, summary.kept) == (2, 1)
    rows = world.table("ledger").set_index("clip")
    assert rows["reason"]["flat"] == "fit_poor"
    assert "no frame has 40 visible landmarks" in rows["detail"]["flat"]
    assert rows["reason"]["one"] == "kept"


def test_no_clips_make_empty_tables(world: World) -> None:
    world.write()
    assert world.run().seen == 0
    for name in ("clips", "poses", "spans", "frames", "ledger"):
        assert len(world.table(name)) == 0


def test_two_runs_write_the_same_bytes(world: World, tmp_path_factory) -> None:
    other = World(tmp_path_factory.mktemp("other"))
    for here in (world, other):
        here.add("one", landmarks(1))
        here.write()
        here.run()
    mine, theirs = (
        {
            path.relative_to(here.root): path.read_bytes()
            for path in (here.root / "data" / "fit").rglob("*.parquet")
            if path.is_file()
        }
        for here in (world, other)
    )
    assert mine == theirs
    assert world.fitted("one").expression.tobytes() == other.fitted("one").expression.tobytes()


def test_where_clips_are_fitted_together_each_comes_out_as_alone(
    world: World, tmp_path_factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = World(tmp_path_factory.mktemp("other"))
    flat = landmarks(5)
    flat["points"][..., 1] = flat["points"][..., 0]
    for here in (world, other):
        for seed, clip in enumerate(("one", "two", "three"), 1):
            here.add(clip, landmarks(seed))
        here.add("flat", flat)
        here.write()
    together = []

    def fit_clips(clips, *others):
        together.append(len(clips))
        return real(clips, *others)

    real = fit_landmarks_file.fit_clips
    monkeypatch.setattr(fit_landmarks_file, "fit_clips", fit_clips)
    world.run(device="cpu")
    # To the stage no core of this machine, but a device like any other.
    other.run(device="cpu:0")
    assert together == [1, 1, 1, 1, 4]
    same = ["clip", "reason", "detail"]
    assert world.table("ledger")[same].equals(other.table("ledger")[same])
    for clip in ("one", "two", "three"):
        alone, beside = (here.fitted(clip) for here in (world, other))
        assert np.allclose(alone.expression, beside.expression, atol=1e-3, equal_nan=True)
        assert np.allclose(alone.identity, beside.identity, atol=1e-3)
        assert alone.focal_px == pytest.approx(beside.focal_px, rel=1e-5)


def test_one_file_can_be_fitted_alone(tmp_path: Path) -> None:
    found = landmarks(1, frames=5)
    path = tmp_path / "landmarks.npz"
    np.savez(path, points=found["points"], visibility=found["visibility"])
    fitted = fit_landmarks(path, HEIGHT, WIDTH)
    assert fitted.valid.all()
    assert fitted.expression.shape == (5, 64)
    fitted.save(tmp_path / "fit.npz")
    again = load(tmp_path / "fit.npz")
    assert np.array_equal(again.rotation, fitted.rotation)
    assert again.focal_px == pytest.approx(fitted.focal_px, rel=1e-6)
    np.savez(path, points=np.full_like(found["points"], np.nan), visibility=found["visibility"])
    with pytest.raises(FitError):
        fit_landmarks(path, HEIGHT, WIDTH)


def test_landmarks_lie_where_the_embedding_says() -> None:
    face, landmark = embedded("procedural", PARAMS)
    head, lies = model.load(), embedding.load()
    assert np.array_equal(landmark, lies.landmark)
    latent = np.random.default_rng(0).normal(size=64)
    surface = head.surface(lies.corners, lies.barycentric.astype(float))
    moved = surface.at(torch.zeros(33).double(), torch.from_numpy(latent)[None])[0]
    assert np.allclose(moved.numpy(), lies.place(head.shape(expression=latent)), atol=1e-3)
    assert (face.noise_mm.numpy() >= PARAMS.noise_mm).all()


def test_openings_need_both_of_their_landmarks() -> None:
    found = openings(np.array([14, 7, 13, 159]))
    assert found.tolist() == [[2, 0]]
    assert openings(np.array([1, 2])).shape == (0, 2)
