"""The part `cost` of `cradle bench face`."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from itertools import chain, islice, repeat
from pathlib import Path

from pipeline import media
from pipeline.face.backends import LANDMARKERS, Landmarker, Picture
from pipeline.face.measure import follow
from pipeline.face.params import Landmarks
from pipeline.nursery import CLIP, measure
from pipeline.nursery.scenes import scene_of
from tests.bench._bare import faces_in
from tests.bench._figures import Figure
from tests.bench._floor import processor_s
from tests.bench._watched import own_peak_kb

SIZE_PX, SPAN_S = 480, 3.0
ROUNDS = 3
FPS = 30
SHORT_S, LONG_S = 10, 60


def figures(folder: Path, params: Landmarks) -> list[Figure]:
    """Time both loops over one clip in turns, and weigh workers over short and long clips."""
    scene = scene_of("babble", 1000, SPAN_S, SIZE_PX)
    clip = folder / "cost"
    clip.mkdir()
    inputs = {"seed": scene.seed, "index": scene.index}
    measure(clip, {**inputs, "span_s": SPAN_S, "size_px": SIZE_PX})
    return [*_speed(clip / CLIP, params), *_memory(clip / CLIP, folder, params)]


def _speed(video: Path, params: Landmarks) -> list[Figure]:
    landmarker: Landmarker = LANDMARKERS.load(params.backend)
    bare, single, whole = [], [], []
    for _ in range(ROUNDS + 1):
        bare.append(_spent(lambda: _bare(video, params.max_faces)))
        single.append(_spent(lambda: _bare(video, 1)))
        whole.append(_spent(lambda: follow(media.read_frames(video), landmarker, params)))
    # The first round compiles and warms.
    (bare_s, bare_wall_s), (single_s, _), (whole_s, whole_wall_s) = (
        tuple(min(values) for values in zip(*rounds[1:], strict=True))
        for rounds in (bare, single, whole)
    )
    frames = SPAN_S * FPS
    note = f"{1000 * bare_s / frames:.1f} ms a frame against {1000 * whole_s / frames:.1f}"
    return [
        # Workers take every core, so it is processor time that work costs.
        Figure("cost: processor time over a bare loop", whole_s / bare_s, 1.25, note=note),
        Figure("cost: wall time over a bare loop", whole_wall_s / bare_wall_s),
        Figure("cost: processor time over a bare loop that may find one face", whole_s / single_s),
    ]


def _bare(video: Path, faces: int) -> None:
    for _ in faces_in(media.read_frames(video), faces):
        pass


def _spent(work: Callable[[], object]) -> tuple[float, float]:
    """Processor time of this process and the decoder, and wall time, in seconds."""
    began, before = time.perf_counter(), processor_s()
    work()
    return processor_s() - before, time.perf_counter() - began


def _memory(video: Path, folder: Path, params: Landmarks) -> list[Figure]:
    short, long_ = (_peak_mb(video, folder, params, span_s) for span_s in (SHORT_S, LONG_S))
    return [
        Figure(f"cost: memory of a worker, {LONG_S} s", long_, 1200, "<=", "MB"),
        Figure(
            f"cost: memory, {LONG_S} s over {SHORT_S} s",
            long_ / short,
            1.15,
            note=f"{short:.0f} MB",
        ),
    ]


def _peak_mb(video: Path, folder: Path, params: Landmarks, span_s: int) -> float:
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_worker, (video, folder, params, span_s * FPS))


def _worker(video: Path, folder: Path, params: Landmarks, frames: int) -> float:
    follow(_looped(video, frames), LANDMARKERS.load(params.backend), params, folder)
    return own_peak_kb() / 1024


def _looped(video: Path, frames: int) -> Iterator[Picture]:
    return islice(chain.from_iterable(map(media.read_frames, repeat(video))), frames)
