"""Makes one clip: draws and encodes its frames, records its sound, and writes down the truth."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from pipeline.nursery.catalogue import CLIP
from pipeline.nursery.film import shooting
from pipeline.nursery.scenes import Scene
from pipeline.nursery.shot import Shot
from pipeline.nursery.soundtrack import record
from pipeline.nursery.truth import Notebook


def make(scene: Scene, out: Path) -> None:
    """Write a scene's clip and truth into the folder `out`; the same scene gives the same bytes."""
    # Clips are made side by side; threads within one would only get in one another's way.
    cv2.setNumThreads(1)
    shot = Shot(scene)
    notebook = Notebook(shot)
    how = scene.how
    track = record(np.random.default_rng(scene.stream("sound")), scene, shot.performance)
    with shooting(
        out / CLIP,
        scene.width_px,
        scene.height_px,
        how.fps,
        rotate_deg=how.rotate_deg,
        has_sound=how.has_sound,
    ) as film:
        for index, time_s in enumerate(shot.time_s):
            frame = shot.frame(index)
            notebook.note(index, frame)
            film.add(frame.picture, float(time_s))
        if how.has_sound:
            film.add_sound(track.mix)
    notebook.write(out, track)
