"""A project as `download` leaves it, and the stage run on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from pipeline import media
from pipeline.core import tables
from pipeline.core.runner import Run, Runner
from pipeline.core.stage import Stage, Summary
from pipeline.core.store import Store
from pipeline.voice.isolate import run
from pipeline.voice.params import Isolate
from pipeline.voice.vocalizations_params import Vocalization
from tests.voice.mixing import RATE


def downloaded(root: Path, sounds: Mapping[str, np.ndarray | bytes]) -> Path:
    """A project of clips of 4 s, each called a cry; bytes stand for a file that is no sound."""
    store = Store(root / "data" / ".store")
    rows = []
    for clip, sound in sounds.items():
        with store.publish("media", clip) as folder:
            path = folder / "sound_16k.flac"
            if isinstance(sound, bytes):
                path.write_bytes(sound)
            else:
                media.write_sound(path, sound, RATE)
        rows.append(
            {
                "clip": clip,
                "media_key": clip,
                "media_digest": f"digest_{clip}",
                "frames": 120,
                "duration_s": 4.0,
                "source": f"of {clip}",
                "vocalization": "cry",
            }
        )
    (root / "data" / "download").mkdir(parents=True)
    tables.write_parts(root / "data" / "download" / "clips.parquet", pd.DataFrame(rows))
    return root


SERIAL = Run(executor="serial", device="cpu")


def isolated(root: Path, kinds: tuple[Vocalization, ...], how: Run = SERIAL) -> Summary:
    """Run the stage."""
    store = Store(root / "data" / ".store")
    runner = Runner(store, how)
    everything = SimpleNamespace(vocalizations=kinds)
    return run(Stage("isolate", Isolate(), everything, root, store, runner))
