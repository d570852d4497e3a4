"""What synthetic and what real sound teach: `python -m models.separator.ablate STEPS`.

ablation.csv                                       figures on validation, a column a training
tmp/separator/ablation/SOUNDS/model.safetensors    its weights

Three short trainings from chance of the recipe in params.yaml, with synthetic sound alone, real
sound alone and both, validated on the same cases; `real:` and `bank:` have to be given.
"""

from __future__ import annotations

import csv
import sys

from models.separator.evaluate import drawn_cases, evaluate
from models.separator.prepare import prepare
from models.separator.recipe import FOLDER, WORK, Recipe, recipe
from models.separator.train import train, write_weights

SOUNDS = ("synthetic", "real", "both")


def ablate(wanted: Recipe, steps: int) -> dict[str, dict[str, float]]:
    """Figures in dB of each of `SOUNDS`, by the name of the cases."""
    cases = drawn_cases(wanted)
    figures = {}
    for sounds in SOUNDS:
        drawn = {"sounds": sounds, "start": None, "steps": steps, "decay_steps": max(1, steps // 2)}
        course = wanted.model_copy(update=drawn)
        folder = WORK / "ablation" / sounds
        made = train(course, prepare(course, folder), folder)
        write_weights(folder / "model.safetensors", made.mean.module)
        figures[sounds] = evaluate(folder / "model.safetensors", cases)
    return figures


def _write(figures: dict[str, dict[str, float]]) -> None:
    with (FOLDER / "ablation.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["validation, dB", *SOUNDS])
        for case in figures[SOUNDS[0]]:
            writer.writerow([case, *(figures[sounds][case] for sounds in SOUNDS)])


if __name__ == "__main__":
    _write(ablate(recipe(), int(sys.argv[1])))
