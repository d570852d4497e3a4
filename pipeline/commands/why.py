"""`cradle why`: why a clip or a frame was kept or dropped, in words."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pipeline.audit import read, why, words
from pipeline.core.errors import CradleError
from pipeline.dataset import measures, overrides
from pipeline.dataset.turning import TurningPoint, turning_points
from pipeline.params import load

EXAMPLE = "cradle why nursery_hand_01 --frame 41"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("clip", help="a clip's id")
    moment = parser.add_mutually_exclusive_group()
    moment.add_argument("--frame", type=int, help="one frame, counted from 0")
    moment.add_argument("--time", type=float, metavar="S", help="one moment, in seconds")
    parser.add_argument("--json", action="store_true", help="print it for a program")


def run(arguments: argparse.Namespace) -> int:
    """Tell the clip's or the frame's story."""
    root = Path.cwd()
    account = read.read(root / "data")
    frame = arguments.frame
    if arguments.time is not None:
        frame = int(arguments.time * why.FPS)
    if frame is not None:
        moment = words.at_frame(account, arguments.clip, frame)
        text, content = words.of_moment(moment), moment.as_json()
    else:
        story = why.explain(account, arguments.clip, _turning(root, arguments.clip))
        text, content = words.in_words(story), story.as_json()
    print(json.dumps(content, indent=2) if arguments.json else text, end="\n" * arguments.json)
    return 0


def _turning(root: Path, clip: str) -> list[TurningPoint]:
    known = load(root)
    minimum_s = {kind.name: kind.min_s for kind in known.vocalizations}
    said = overrides.read(root / "data" / "overrides.csv")
    try:
        alone = measures.read(root / "data", minimum_s, said).alone(clip)
    except (CradleError, FileNotFoundError):
        # It never came as far as `select`; no threshold could have turned it.
        return []
    return turning_points(alone, known.select)
