"""The generator without one of its parts, a row each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.generator.params import Evaluate, Train, Weights
from tests.bench._judged import OURS, trained_and_judged

BANDS = ((0, 0), (4, 2), (20, 10))
"""Frames back and ahead that a frame may look in the sound, beside the default."""


def ablations(root: Path, learning: Train, judging: Evaluate) -> dict[str, dict[str, Any]]:
    """Train and judge every variant on the same data, seed and steps; rows by what is different."""
    alone = judging.model_copy(update={"peers": type(judging.peers)()})
    found = {}
    for name, changed in variants(learning):
        judged = trained_and_judged(root, [(changed, alone)])
        found[name] = judged.figures[OURS]
        print(f"  {name:32} {words(found[name])}", flush=True)
    return found


def variants(learning: Train) -> Iterator[tuple[str, Train]]:
    """Name each variant and give its parameters; the first is the whole."""
    yield "all of it", learning
    # All latents divided by one number: the scale of the liveliest rules the loss.
    yield "no whitening", learning.model_copy(update={"whitening_floor": 1.0})
    for back, ahead in BANDS:
        network = learning.network.model_copy(
            update={"look_back_frames": back, "look_ahead_frames": ahead}
        )
        yield f"sound {back} back, {ahead} ahead", learning.model_copy(update={"network": network})
    yield "no jitter", learning.model_copy(update={"jitter": 0.0})
    for term in Weights.model_fields:
        weights = learning.weights.model_copy(update={term: 0.0})
        yield f"no {term.replace('_', ' ')} loss", learning.model_copy(update={"weights": weights})


def words(row: dict[str, Any]) -> str:
    """The metrics that decide, and variety."""
    return (
        f"LVE {row['lve_mm2']:7.2f}  DTW {row['aperture_dtw_mm']:5.2f}  L-PCC {row['l_pcc']:6.3f}"
        f"  L-CCC {row['l_ccc']:6.3f}  diversity {row['diversity_mm']:5.2f}"
    )
