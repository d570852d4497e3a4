"""The generator on performances whose every latent is known: is it better than what is simpler?

Infants of the nursery cry, laugh and babble; their sound and their latents go straight into a
packed dataset, with noise such as a fit leaves, so that sight has no part in the figures. Three
trainings, each judged on infants that it never met.

    cradle bench generator --clips 36 --json generator.json
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from pipeline.core.stage import Stage
from pipeline.dataset.shards import Shards
from pipeline.generator import checkpoint, evaluate, features, train
from pipeline.generator.params import Evaluate, Train
from pipeline.morph import model
from pipeline.nursery import sound
from pipeline.nursery.performance import perform

KINDS = ("cry", "laugh", "babble")
CLIPS_AN_INFANT = 2
SHARES = {"val": 0.15, "test": 0.2}
SPAN_S = 5.0
SOUND_HZ = 44_100


def main(argv: Sequence[str]) -> int:
    """Run and print; 0 where every training beats the mean face and another clip's sound."""
    parser = argparse.ArgumentParser(prog="cradle bench generator", description=__doc__)
    parser.add_argument("--clips", type=int, default=30, help="performances of %(default)s s")
    parser.add_argument("--seeds", type=int, default=3, help="trainings, each of another seed")
    parser.add_argument("--steps", type=int, help="training steps, instead of the default")
    parser.add_argument("--noise", type=float, default=0.15, help="latent noise of the fit")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_pack(root / "data/pack", options.clips, options.noise)
        runs = [run(root, seed, options.steps) for seed in range(options.seeds)]
    print(table(runs))
    if options.json:
        options.json.write_text(json.dumps(runs, indent=2) + "\n", encoding="utf-8")
    return 0 if all(wins(figures) for figures in runs) else 1


def make_pack(folder: Path, clips: int, noise: float) -> None:
    """Write a packed dataset of performances, split by infant."""
    face = model.load()
    extractor = features.load("logmel")
    folder.mkdir(parents=True)
    infants = max(3, clips // CLIPS_AN_INFANT)
    writers = {
        split: Shards(folder, split, extractor.width, 256.0) for split in ("train", "val", "test")
    }
    for number in range(clips):
        infant = number % infants
        split = split_of(infant, infants)
        clip, kind = f"infant{infant:02d}_{number:03d}", KINDS[number % len(KINDS)]
        part = performed(face, extractor, kind, infant, number, noise)
        labels = {
            "span_id": f"{clip}__0",
            "clip": clip,
            "source": f"infant{infant:02d}",
            "split": split,
            "vocalization": kind,
            "start_frame": 0,
            "frames": len(part["valid"]),
            "valid_frames": len(part["valid"]),
            "synthetic": True,
        }
        writers[split].add(labels | part)
    for writer in writers.values():
        writer.close()
    meta = {
        "feature": {"name": extractor.name, "width": extractor.width},
        "fps": 30,
        "vocalizations": list(KINDS),
    }
    (folder / "meta.json").write_text(json.dumps(meta))


def split_of(infant: int, infants: int) -> str:
    """The first infants are for testing, the next for validation, the others to learn from."""
    test = max(1, round(SHARES["test"] * infants))
    val = max(1, round(SHARES["val"] * infants))
    return "test" if infant < test else "val" if infant < test + val else "train"


def performed(
    face: Any, extractor: Any, kind: str, infant: int, number: int, noise: float
) -> dict[str, Any]:
    """One performance as a span's tensors."""
    random = np.random.default_rng([number, 11])
    who = np.random.default_rng([infant, 12])
    shown = perform(kind, SPAN_S, random)
    frames = round(SPAN_S * features.FPS)
    tracks = {name: shown.sampled(track, features.FPS) for name, track in shown.actions.items()}
    expression = np.stack(
        [face.action_vector({name: t[i] for name, t in tracks.items()}) for i in range(frames)]
    )
    # A fit errs a little a frame, and the same way all through a clip.
    expression += noise * random.standard_normal(expression.shape)
    expression += noise * random.standard_normal(expression.shape[1])
    stem = sound.infant(shown, SOUND_HZ, random)
    stem = stem + sound.at_ratio(sound.noise(SPAN_S, SOUND_HZ, random), stem, -30.0)
    heard = resample_poly(stem, 160, 441).astype(np.float32) * random.uniform(0.4, 1.0)
    return {
        "expression": expression.astype(np.float32),
        "pose": np.zeros((frames, 6), np.float32),
        "valid": np.ones(frames, bool),
        "audio": extractor.extract(heard, frames),
        "identity": who.standard_normal(32).astype(np.float32),
        "age": float(who.standard_normal()),
    }


def run(root: Path, seed: int, steps: int | None) -> dict[str, Any]:
    """Train with one seed and judge it."""
    face = model.load()
    params = Train(seed=seed) if steps is None else Train(seed=seed, steps=steps)
    began = time.perf_counter()
    train.run(staged(root, "train", params), face)
    trained = time.perf_counter()
    evaluate.run(staged(root, "evaluate", Evaluate(videos=0)), face, nothing, unheard)
    figures = json.loads((root / "data/metrics/evaluate.json").read_text())
    about = checkpoint.load(root / train.MODEL).about["training"]
    return {
        "seed": seed,
        "train_s": trained - began,
        "evaluate_s": time.perf_counter() - trained,
        "best_step": about["best_step"],
        "validation_loss": about.get("validation_loss"),
        **figures,
    }


def staged(root: Path, name: str, params: Any) -> Stage:
    """A stage of that name in a folder, without store or workers."""
    runner: Any = SimpleNamespace(run=SimpleNamespace(device="cpu"))
    return Stage(name, params, None, root, None, runner)  # type: ignore[arg-type]


def nothing(vertices: np.ndarray) -> np.ndarray:
    """Draw nothing."""
    return np.zeros((2, 2, 3), np.uint8)


def unheard(clip: str, start: int, frames: int) -> None:
    """Hear nothing."""


def wins(figures: dict[str, Any]) -> bool:
    """Whether every sample of a training beats the mean face and another clip's sound."""
    rivals = (evaluate.MEAN, evaluate.SHUFFLED)
    return all(figures[f"seeds_better_than_{rival}"] == figures["seeds"] for rival in rivals)


def table(runs: Sequence[dict[str, Any]]) -> str:
    """Word the figures."""
    lines = [f"{'':24}{'LVE mm2':>9}{'LVE mm':>9}{'DTW mm':>9}{'L-PCC':>9}{'L-CCC':>9}{'F1':>9}"]
    names = ("lve_mm2", "lve_l2_mm", "aperture_dtw_mm", "l_pcc", "l_ccc", "mouth_closed_f1")
    for figures in runs:
        for method in evaluate.METHODS:
            row = "".join(f"{figures[method].get(name, float('nan')):9.3f}" for name in names)
            lines.append(f"seed {figures['seed']} {method:17}{row}")
        lines.append(
            f"  trained {figures['train_s']:.0f} s, best at step {figures['best_step']}, "
            f"validation {figures['validation_loss']:.4f}, judged {figures['evaluate_s']:.0f} s"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
