"""How fast a fit is, beside its peers, and what memory it takes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier

import numpy as np
import torch

from pipeline.morph.fit import Fitted, fit_clip, fit_clips
from pipeline.morph.fit_face import embedded
from pipeline.morph.fit_given import FitError, Landmarks
from pipeline.morph.fit_start import weak_perspective
from pipeline.morph.fit_state import State, observe
from pipeline.morph.fit_system import Face, costs
from pipeline.morph.params import Fit
from pipeline.morph.skew import Skew
from pipeline.morph.surface import Layer, LinearSurface, NetworkSurface
from tests.bench._figures import Figure
from tests.bench._fit_truth import (
    PARAMS,
    as_fitted,
    face_vertices,
    known_face,
    started,
    true_state,
    vertex_errors_mm,
)
from tests.bench._watched import own_peak_kb
from tests.morph.fit_faces import SIZE, Truth, clip

ADAM_STEPS = 300
ADAM_FRAMES = 16
ADAM_SINGLES = 4
CLIPS_EACH = 5
REPEATS = 3
GPU_FRAMES = 30_000
GPU_CLIPS = 66
SHORT_CLIPS, SHORT_FRAMES = 50, 5
_SECONDS_TO_WARM = 120
KINDS = ("procedural", "network", "as the stage fits")


def speed(frames: int) -> list[Figure]:
    """Frames a second, here and where there is a GPU, and peers on the same frames."""
    face = known_face()
    truth = clip(face, frames, seed=50, noise_px=1.0)
    ours = frames / min(_seconds(truth, face, PARAMS, "cpu") for _ in range(REPEATS))
    figures = [Figure("speed, one thread", ours, None, ">=", "frames/s")]
    for kind in KINDS:
        figures += together(kind, frames)
    figures += clips_together(face)
    return [*figures, *on_gpu(truth, face), *peers(truth, face, PARAMS, ours)]


def on_gpu(truth: Truth, face: Face) -> list[Figure]:
    """Frames a second on a GPU, of one long clip and of as many frames in clips, as a run has."""
    asked = 20_000
    if not torch.cuda.is_available():
        return [
            Figure.missing(f"speed, one GPU, {what}", asked, ">=", "frames/s", "no GPU here")
            for what in ("one clip", "clips together")
        ]
    frames = len(truth.points_px)
    copies = -(-GPU_FRAMES // frames)
    long = frames_of(truth, np.tile(np.arange(frames), copies))
    short = [Landmarks(truth.points_px, np.ones(truth.points_px.shape[:2]), SIZE)] * copies
    one_s = min(_seconds(long, face, PARAMS, "cuda") for _ in range(REPEATS))
    many_s = min(_together_s(short, face, "cuda") for _ in range(REPEATS))
    note = torch.cuda.get_device_name()
    return [
        Figure("speed, one GPU, one clip", copies * frames / one_s, asked, ">=", "frames/s", note),
        Figure(
            "speed, one GPU, clips together", copies * frames / many_s, asked, ">=", "frames/s",
            f"{copies} clips of {frames} frames",
        ),
    ]  # fmt: skip


def _together_s(clips: Sequence[Landmarks], face: Face, device: str) -> float:
    began = time.perf_counter()
    for first in range(0, len(clips), GPU_CLIPS):
        fit_clips(clips[first : first + GPU_CLIPS], face, PARAMS, device)
    return time.perf_counter() - began


def clips_together(face: Face) -> list[Figure]:
    """What clips in one batch gain and differ by, beside each alone, on this machine's cores."""
    made = [clip(face, SHORT_FRAMES, 60 + n, noise_px=1.0) for n in range(SHORT_CLIPS)]
    given = [Landmarks(m.points_px, np.ones(m.points_px.shape[:2]), SIZE) for m in made]
    fit_clips(given, face, PARAMS)
    alone, began = [], time.process_time()
    for one in given:
        alone += fit_clips([one], face, PARAMS)
    alone_s, began = time.process_time() - began, time.process_time()
    together = fit_clips(given, face, PARAMS)
    together_s = time.process_time() - began
    off_mm = max(
        float(np.abs(_vertices(a) - _vertices(b)).max())
        for a, b in zip(together, alone, strict=True)
    )
    note = f"{SHORT_CLIPS} clips of {SHORT_FRAMES} frames, by processor time"
    return [
        Figure("clips together: vertices, beside alone", off_mm, 1e-3, "<=", "mm", "at most"),
        Figure("clips together: speed, beside alone", alone_s / together_s, None, ">=", "", note),
    ]


def _vertices(fitted: Fitted | FitError) -> np.ndarray:
    assert isinstance(fitted, Fitted)
    return face_vertices(fitted.identity, fitted.age, fitted.expression)


@dataclass(frozen=True)
class _Span:
    """One process that fitted clips, once everything was warm."""

    began: float
    ended: float
    processor_s: float
    """The least that one clip took."""


def together(kind: str, frames: int) -> list[Figure]:
    """Frames a second of two processes, as a run has them: by the clock, and by what their
    processors did, which other work on the machine delays less."""
    context = get_context("spawn")
    with ProcessPoolExecutor(2, context, _meet, (context.Barrier(2),)) as pool:
        spans = list(pool.map(_busy, [kind] * 2, [frames] * 2))
    lasted_s = max(span.ended for span in spans) - min(span.began for span in spans)
    each_ms = 1e3 * min(span.processor_s for span in spans) / frames
    by_clock, load = 2 * CLIPS_EACH * frames / lasted_s, os.getloadavg()[0]
    note, what = f"load {load:.1f}, of which 2 are this", f"speed, two processes, {kind}"
    return [
        Figure(f"{what}, by the clock", by_clock, 300, ">=", "frames/s", note),
        Figure(
            f"{what}, of processor time", 2e3 / each_ms, 300, ">=",
            "frames/s", f"{each_ms:.2f} ms a frame",
        ),
    ]  # fmt: skip


_barriers: list[Barrier] = []


def _meet(barrier: Barrier) -> None:
    _barriers.append(barrier)


def _busy(kind: str, frames: int) -> _Span:
    torch.set_num_threads(1)
    face, params, truth = _task(kind, frames)
    _seconds(truth, face, params, "cpu")
    # Or the clock would count the while in which one is warm and the other is not.
    _barriers[0].wait(_SECONDS_TO_WARM)
    began, each_s = time.time(), []
    for _ in range(CLIPS_EACH):
        before = time.process_time()
        _seconds(truth, face, params, "cpu")
        each_s.append(time.process_time() - before)
    return _Span(began, time.time(), min(each_s))


def _task(kind: str, frames: int) -> tuple[Face, Fit, Truth]:
    """What is fitted: the model, a network, or the model with the landmarker's strays beside it."""
    face = network_face() if kind == "network" else known_face()
    truth = clip(face, frames, seed=50, noise_px=1.0)
    if kind == "as the stage fits":
        params = Fit()
        return embedded(params.model, params)[0], params, truth
    return face, PARAMS, truth


def network_face(hidden: int = 512) -> Face:
    """A decoder of INFACE's size (97-512-30,000), of which the rows of our landmarks are taken.

    It draws what our model draws, through leaky units that bend it by about a tenth.
    """
    face = known_face()
    linear = face.surface
    assert isinstance(linear, LinearSurface)
    moves = torch.cat([linear.shared[:-1], linear.expression, linear.shared[-1:]])
    rng, K = np.random.default_rng(0), len(moves)
    inward = torch.from_numpy(rng.normal(size=(hidden, K)) / np.sqrt(K))
    # Units that are seldom negative but for a few: straight, and then bent.
    bias = torch.from_numpy(rng.uniform(0, 4, hidden))
    outward = moves.flatten(1).T @ torch.linalg.pinv(inward)
    layers = (
        Layer(inward, bias),
        Layer(outward, linear.mean.flatten() - outward @ bias),
    )
    same = torch.ones(K).double()
    skew = Skew(torch.zeros(K).double(), same, 0.2 * same)
    who, E = linear.identity_count, linear.expression_count
    return replace(face, surface=NetworkSurface(layers, 0.2, skew, who, E))


def memory(minutes: float | None) -> list[Figure]:
    """Peak memory of a process that fits a long video, its landmarks included."""
    if not minutes:
        return [Figure.missing("memory, one hour of video", 4.0, "<=", "GB", "--minutes 60")]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        peak_gb = pool.submit(_peak_gb, minutes).result()
    return [Figure(f"memory, {minutes:g} minutes of video", peak_gb, 4.0, "<=", "GB")]


def _peak_gb(minutes: float) -> float:
    torch.set_num_threads(1)
    face = known_face()
    truth, frames = clip(face, 300, seed=50, noise_px=1.0), round(minutes * 60 * 30)
    points = np.resize(truth.points_px.astype(np.float32), (frames, *truth.points_px.shape[1:]))
    fit_clip(points, np.ones(points.shape[:2], np.float16), SIZE, face, PARAMS)
    return own_peak_kb() / 2**20


def _seconds(truth: Truth, face: Face, params: Fit, device: str) -> float:
    seen = np.ones(truth.points_px.shape[:2])
    began = time.perf_counter()
    fit_clip(truth.points_px, seen, SIZE, face, params, device)
    return time.perf_counter() - began


def peers(truth: Truth, face: Face, params: Fit, ours: float) -> list[Figure]:
    """Adam, frame by frame and on all frames at once, and one linear step; identity given to all.

    Args:
        truth: the clip.
        face: the landmarks' rows.
        params: weights.
        ours: frames a second of the whole fit, identity and focal length unknown.
    """
    spread = np.linspace(0, len(truth.points_px) - 1, ADAM_FRAMES).astype(int)
    few = frames_of(truth, spread)
    one_by_one = [frames_of(truth, spread[[n]]) for n in range(ADAM_SINGLES)]

    def adam(some: Truth) -> Fitted:
        return as_fitted(_adam(some, face, params))

    def own(some: Truth) -> Fitted:
        return started(some, face, params, params.frame_iterations)

    rate, theirs = _timed(adam, one_by_one)
    _, mine = _timed(own, one_by_one)
    figures = [
        Figure("speed, Adam frame by frame", rate, None, ">=", "frames/s", f"{theirs:.3f} mm"),
        Figure("speed against Adam frame by frame", ours / rate, 100, ">=", "times"),
        Figure("error against Adam frame by frame", mine / theirs, 1.0, "<=", "times",
               f"{mine:.4f} mm against {theirs:.4f}; identity, focal length given to both"),
    ]  # fmt: skip
    _, mine = _timed(own, [few])
    for name, peer in (("Adam batched", adam), ("linear, closed form", _closed(face, params))):
        rate, theirs = _timed(peer, [few])
        note = f"{theirs:.3f} mm; ours on the same frames {mine:.3f}"
        figures.append(Figure(f"speed, {name}", rate, None, ">=", "frames/s", note))
    return figures


def _timed(fit: Callable[[Truth], Fitted], clips: Sequence[Truth]) -> tuple[float, float]:
    """Frames a second, and the median error in mm."""
    began = time.perf_counter()
    found = [fit(some) for some in clips]
    rate = sum(len(some.points_px) for some in clips) / (time.perf_counter() - began)
    off = [vertex_errors_mm(f, some, True) for f, some in zip(found, clips, strict=True)]
    return rate, float(np.median(np.concatenate(off)))


def frames_of(truth: Truth, rows: np.ndarray) -> Truth:
    """Some frames of a clip."""
    return replace(
        truth,
        expression=truth.expression[rows],
        rotation=truth.rotation[rows],
        translation=truth.translation[rows],
        points_px=truth.points_px[rows],
    )


def _closed(face: Face, params: Fit) -> Callable[[Truth], Fitted]:
    return lambda truth: _linear(truth, face, params)


def _adam(truth: Truth, face: Face, params: Fit) -> State:
    """All frames of a clip by Adam, identity, focal length and the pose to start from given."""
    true = true_state(truth)
    scale = torch.exp(true.log_scale)
    observed = observe(truth.points_px, np.ones(truth.points_px.shape[:2]), SIZE, scale, face)
    shape = (len(scale), true.expression.shape[1] + 6)
    step = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    start = replace(true, expression=torch.zeros_like(true.expression))
    # Units in which the unknowns are about as large as one another, which is the best for Adam.
    units = torch.ones_like(step).detach()
    units[:, -6:] = torch.tensor([0.1, 0.1, 0.1, 5.0, 5.0, 0.05])
    optimiser = torch.optim.Adam([step], lr=0.05)
    for _ in range(ADAM_STEPS):
        optimiser.zero_grad()
        moved = start.moved(step * units)
        prior = params.expression_prior * moved.expression.square().sum()
        (costs(face, observed, moved, params.huber).sum() + prior).backward()
        optimiser.step()
    return start.moved((step * units).detach())


def _linear(truth: Truth, face: Face, params: Fit) -> Fitted:
    """Pose by scaled orthography and expressions by one ridge regression, as eos does."""
    still = torch.zeros(1, truth.expression.shape[1]).double()
    own = face.surface.at(truth.shared, still)[0]
    seen, unit = np.ones(truth.points_px.shape[:2]), torch.ones(len(truth.points_px)).double()
    plain = observe(truth.points_px, seen, SIZE, unit, face)
    pose = weak_perspective(plain.points, plain.weight, own, params.min_landmarks)
    turned = pose.R[:, :2] @ own.mT - pose.centroid_mm[:, :2, None] * torch.tensor([[1.0], [-1.0]])
    up = (plain.points - pose.centroid_px[:, None]).mT * torch.tensor([[1.0], [-1.0]])
    off = up * pose.scale_mm[:, None, None] - turned
    moves = face.surface.expression.permute(2, 1, 0)
    J = torch.einsum("fab,blk->falk", pose.R[:, :2], moves).flatten(1, 2) / params.noise_mm
    ridge = params.expression_prior * torch.eye(J.shape[-1]).double()
    right = J.mT @ (off.flatten(1) / params.noise_mm)[..., None]
    found = torch.linalg.solve(J.mT @ J + ridge, right)[..., 0]
    return as_fitted(replace(true_state(truth), expression=found, R=pose.R))
