"""`cradle faces`: what can be seen of the face, and what `select` would say, frame by frame."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.commands._file import normalised, params
from pipeline.commands._hush import hushed
from pipeline.core import tables
from pipeline.core.reasons import Reason

EXAMPLE = "cradle faces home.mp4 -o frames.parquet --overlay overlay.mp4"
FPS = 30


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", type=Path, help="a video")
    parser.add_argument("-o", "--out", type=Path, required=True, help="a .parquet, a row a frame")
    parser.add_argument("--overlay", type=Path, help="a video with the landmarks drawn over it")


def run(arguments: argparse.Namespace) -> int:
    """Measure and judge every frame."""
    from pipeline import media
    from pipeline.face.landmarks import measure_video
    from pipeline.face.overlay import overlay

    known = params()
    with hushed(), normalised(arguments.file) as (folder, _):
        video = folder / media.VIDEO
        found = measure_video(video, known.landmarks)
        frames = found.frames.assign(
            time_s=found.frames["frame"] / FPS, reason=verdicts(found.frames, known.select)
        )
        frames["keep"] = frames["reason"] == Reason.KEPT
        tables.write(arguments.out, frames)
        if arguments.overlay is not None:
            words = frames["reason"].tolist()
            overlay(video, found.points, found.visibility, words, arguments.overlay)
    counts = frames["reason"].value_counts()
    print(", ".join(f"{reason} {count}" for reason, count in counts.items()))
    return 0


def verdicts(frames: pd.DataFrame, thresholds: object) -> list[str]:
    """What the gates of `select` say of each frame alone, without spans and without the voice."""
    from pipeline.dataset.gates import FRAME_GATES, PASSED, judge
    from pipeline.dataset.measures import OF_CLIP, frame_columns

    # Who is heard takes the sound, which is not listened to here.
    alone = frame_columns(pa.Table.from_pandas(frames, preserve_index=False))
    columns = {**alone, OF_CLIP: np.full(len(frames), np.nan)}
    said = judge(FRAME_GATES, columns, thresholds)
    return [str(Reason.KEPT if gate == PASSED else FRAME_GATES[gate].reason) for gate in said]
