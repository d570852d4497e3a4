"""The nursery as a source: rows for the catalogue, and the measurement that makes a clip.

rows(params)     rows like those of data/sources.csv, one a synthetic clip
step(params)     the step "nursery" of the store
jobs(params)     its jobs; each leaves clip.mp4, and the truth beside it
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.core.runner import Job, Step
from pipeline.nursery.params import Nursery
from pipeline.nursery.scenes import Scene, scene_at

CLIP = "clip.mp4"
LICENCE = "CC0-1.0"

_MODELS = Path(__file__).resolve().parents[2] / "models" / "morph"


def scenes(params: Nursery) -> list[Scene]:
    """The scenes that these parameters ask for, in order."""
    return [
        scene_at(params.seed, index, params.span_s, params.size_px) for index in range(params.clips)
    ]


def rows(params: Nursery) -> list[dict[str, str]]:
    """Catalogue rows, as text; none where `params.clips` is 0."""
    if not params.clips:
        return []
    from pipeline.nursery.people import age_months_of

    return [
        {
            "id": scene.clip,
            "address": f"nursery:{scene.clip}",
            "vocalization": scene.vocalization,
            "age_months": str(age_months_of(scene.seed, scene.infant)),
            "source": scene.source,
            "licence": LICENCE,
            "consent": "synthetic",
            "note": "made by the nursery; no child is shown",
        }
        for scene in scenes(params)
    ]


def step(params: Nursery) -> Step:
    """The step that makes a clip; everything it reads is in its job."""
    return Step("nursery", measure)


def jobs(params: Nursery) -> list[Job]:
    """One job a row, named like it."""
    model = _model_digest()
    return [_job(scene, model) for scene in scenes(params)]


def _job(scene: Scene, model: str) -> Job:
    inputs = {
        "seed": scene.seed,
        "index": scene.index,
        "span_s": scene.span_s,
        "size_px": scene.height_px,
    }
    told = json.dumps({**inputs, "model": model}, sort_keys=True)
    digest = hashlib.sha256(told.encode()).hexdigest()
    return Job(scene.clip, inputs, digest, cost=scene.span_s * scene.width_px)


def _model_digest() -> str:
    """Of the arrays that heads are built from and landmarks are placed by."""
    digest = hashlib.sha256()
    for path in sorted(_MODELS.glob("procedural*.npz")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def measure(out: Path, inputs: Mapping[str, Any]) -> None:
    """Make the clip of one scene: clip.mp4, truth.npz, truth.json, infant.flac, rest.flac.

    Args:
        out: an empty folder.
        inputs: seed, index, span_s, size_px.
    """
    from pipeline.nursery.filming import make

    scene = scene_at(
        int(inputs["seed"]), int(inputs["index"]), float(inputs["span_s"]), int(inputs["size_px"])
    )
    make(scene, out)
