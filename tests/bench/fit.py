"""The fit against its floor, against Adam, and against the truth of rendered infants.

    cradle bench fit
    cradle bench fit --nursery data/.store --json fit.json

First part: landmarks projected from the morphable model with 1 px of noise, all latents drawn;
identity and focal length given, and unknown. `floor` is what is left when both are given.
Second part: the nursery's clips, through pixels, encoder and landmarker, as a run has stored them.
Distances are of the face's vertices after the fitted head is laid rigidly on the true one; one
camera cannot tell a small head nearby from a large one far off, so they are given with and without
bringing the two to one size.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.morph.fit import Fitted, fit_clip
from pipeline.morph.fit_system import Face
from pipeline.morph.params import Fit
from tests.bench._figures import Figure, report
from tests.bench._fit_nursery import nursery
from tests.bench._fit_speed import memory, speed
from tests.bench._fit_truth import (
    PARAMS,
    Array,
    coverage,
    covered,
    face_vertices,
    known_face,
    offsets_px,
    oracle,
    started,
    vertex_errors_mm,
)
from tests.morph.fit_faces import SIZE, Truth, clip, still

KNOWN_STEPS = 5
STEPS = 3
PARTS = ("known", "synthetic", "still", "speed", "memory", "nursery")


def main(argv: Sequence[str]) -> int:
    """Run and print; 0 where every figure is reached."""
    parser = argparse.ArgumentParser(prog="cradle bench fit", description=__doc__)
    parser.add_argument("--frames", type=int, default=150, help="of each synthetic clip")
    parser.add_argument("--seeds", type=int, default=10, help="synthetic clips a scenario")
    parser.add_argument("--nursery", type=Path, help="a project's data/.store, after a run")
    parser.add_argument("--minutes", type=float, help="of a video to fit for its memory: 60")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="some of its parts")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    return report("fit", _measured(options), options.json)


def _measured(options: argparse.Namespace) -> list[Figure]:
    frames, seeds = options.frames, options.seeds
    parts: dict[str, Callable[[], list[Figure]]] = {
        "known": lambda: known(frames, seeds),
        "synthetic": lambda: synthetic(frames, seeds),
        "still": still_face,
        "speed": lambda: speed(frames),
        "memory": lambda: memory(options.minutes),
        "nursery": lambda: nursery(options.nursery),
    }
    return [figure for name in options.only for figure in parts[name]()]


@dataclass(frozen=True)
class Scenario:
    """What is done to the landmarks."""

    name: str
    noise_px: float = 1.0
    wild: float = 0.0
    hidden: float = 0.0
    roll_deg: float = 0.0

    def spoil(self, truth: Truth, face: Face, seed: int) -> NDArray[np.float64]:
        """Spoil the landmarks of a clip in place; visibility (F, L) of what is left."""
        rng = np.random.default_rng(seed)
        shape = truth.points_px.shape[:2]
        wild = rng.random(shape) < self.wild
        truth.points_px[wild] += rng.normal(0, 40, (int(wild.sum()), 2))
        order = face.mean[:, 0].numpy()
        gone = np.broadcast_to(order > np.quantile(order, 1 - self.hidden), shape)
        truth.points_px[gone] += 50.0
        return 1.0 - gone.astype(float)


SCENARIOS = (
    Scenario("1 px noise"),
    Scenario("20% wild", wild=0.2),
    Scenario("half hidden", hidden=0.5),
    Scenario("on its side", roll_deg=90.0),
)


def synthetic(frames: int, seeds: int) -> list[Figure]:
    """Error, residual and steps of each scenario, medians over clips; of intervals the mean."""
    params, face = PARAMS, known_face()
    figures: list[Figure] = []
    clean = 0.0
    for scenario in SCENARIOS:
        rows = np.array([_one(scenario, face, params, frames, n) for n in range(50, 50 + seeds)])
        residual, error, sized, floor, steps, focal = np.median(rows[:, :-2], 0)
        clean = clean or error
        asked = 2 * clean if scenario.wild or scenario.hidden else None
        floor_px = 1.2533 * scenario.noise_px * np.sqrt(1 - 70 / (2 * len(face.mean)))
        name, limit = scenario.name, f"floor {floor:.3f}"
        figures += [
            Figure(f"{name}: residual", residual, None, "<=", "px", f"floor {floor_px:.3f}"),
            Figure(f"{name}: vertices, one size", error, asked, "<=", "mm", limit),
            Figure(f"{name}: vertices, own size", sized, None, "<=", "mm"),
            Figure(f"{name}: focal length off", 100 * focal, None, "<=", "%"),
            Figure(f"{name}: steps", steps, 10),
            *coverage(name, *rows[:, -2:].mean(0)),
        ]
    return figures


def _one(scenario: Scenario, face: Face, params: Fit, frames: int, seed: int) -> list[float]:
    truth = clip(face, frames, seed, scenario.roll_deg, noise_px=scenario.noise_px)
    given = oracle(truth, face, params)
    floor = vertex_errors_mm(given, truth, with_scale=True)
    visibility = scenario.spoil(truth, face, seed)
    fitted = fit_clip(truth.points_px, visibility, SIZE, face, params)
    seen = visibility > 0
    off = offsets_px(fitted, truth, face)
    inliers = off[seen & (off < 5 * scenario.noise_px)]
    return [
        float(inliers.mean()),
        float(np.median(vertex_errors_mm(fitted, truth, with_scale=True))),
        float(np.median(vertex_errors_mm(fitted, truth, with_scale=False))),
        float(np.median(floor)),
        float(fitted.iterations),
        abs(fitted.focal_px / truth.focal_px - 1),
        covered(fitted.expression, truth.expression.numpy(), fitted.expression_std),
        covered(fitted.identity, truth.shared[:-1].numpy(), fitted.identity_std),
    ]


def known(frames: int, seeds: int) -> list[Figure]:
    """Identity and focal length given: from the usual start to the noise floor, and in how far."""
    params, face = PARAMS, known_face()
    rows = []
    for seed in range(50, 50 + seeds):
        truth = clip(face, frames, seed, noise_px=1.0)
        best = float(offsets_px(oracle(truth, face, params, 12), truth, face).mean())
        found = started(truth, face, params, KNOWN_STEPS)
        rows.append((float(offsets_px(found, truth, face).mean()) / best, best))
    ratio, best = np.median(np.array(rows), 0)
    note = f"{KNOWN_STEPS} steps; floor {best:.3f} px"
    return [Figure("identity known: residual over floor", ratio, 1.02, "<=", "", note)]


def still_face(frames: int = 60) -> list[Figure]:
    """Jitter of a face that does not move, and how soon a step is followed."""
    face = known_face()
    seen = np.ones((frames, len(face.mean)))
    alone = PARAMS.model_copy(update={"coupling": 0.0})
    truth = still(face, frames, noise_px=1.0)
    jitter = [
        float(
            (np.diff(_heads(fit_clip(truth.points_px, seen, SIZE, face, params)), 2, 0) ** 2).mean()
        )
        for params in (PARAMS, alone)
    ]
    ways = np.array([_step_response(face, frames, seed) for seed in range(1, 1 + STEPS)])
    note = f"least of {STEPS} steps in the same noise"
    return [
        Figure("still face: jitter against frame by frame", jitter[0] / jitter[1], 1 / 3),
        Figure("step: response in its first frame", float(ways[:, 1].min()), 0.9, ">=", "", note),
        Figure("step: response the frame before", float(ways[:, 0].max()), 0.1, "<=", "", "most"),
    ]


def _step_response(face: Face, frames: int, seed: int) -> tuple[float, float]:
    """How much of a step is in the frame before it and in its first frame.

    Against the same noise on a face that keeps still, without which one frame's noise, as large as
    a tenth of the step, would pass for lag or hide it.
    """
    seen, half = np.ones((frames, len(face.mean))), frames // 2
    with_step, without = (
        _heads(fit_clip(still(face, frames, 1.0, step, seed).points_px, seen, SIZE, face, PARAMS))
        for step in (2.0, 0.0)
    )
    change = with_step - without
    whole = change[half + 5 :].mean(0) - change[5 : half - 5].mean(0)
    way = ((change - change[5 : half - 5].mean(0)) * whole).sum((1, 2)) / (whole**2).sum()
    return float(way[half - 1]), float(way[half])


def _heads(fitted: Fitted) -> Array:
    return face_vertices(fitted.identity, fitted.age, fitted.expression)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
