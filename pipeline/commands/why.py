"""`cradle why`: why a clip or a frame was kept or dropped, in words."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pipeline.audit import read, why, words
from pipeline.audit.otherwise import mender, tell
from pipeline.commands import _rules
from pipeline.commands._rules import Rules
from pipeline.dataset import measures, overrides
from pipeline.dataset.measures import Tables

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
    root, clip = Path.cwd(), arguments.clip
    account = _account(root / "data", clip)
    known = _rules.read(root)
    alone = _alone(root, clip, known)
    frame = arguments.frame
    if arguments.time is not None:
        frame = int(arguments.time * why.FPS)

    if frame is not None:
        moment = words.at_frame(account, clip, frame, mender(alone, known.select))
        text, content = words.of_moment(moment), moment.as_json()
    else:
        story = tell(account, clip, alone, known.select)
        text, content = words.in_words(story), story.as_json()
    print(json.dumps(content, indent=2) if arguments.json else text, end="\n" * arguments.json)
    return 0


def _account(data: Path, clip: str) -> read.Account:
    account = read.read(data, [clip])
    if clip not in account.fates:
        # Only now is it worth reading of all the others, to find what was meant.
        return read.read(data)
    account.read_ahead([clip])
    return account


def _alone(root: Path, clip: str, known: Rules) -> Tables | None:
    """What select decided on; nothing where the clip never came as far."""
    said = overrides.read(root / "data" / "overrides.csv")
    try:
        measured = measures.read(root / "data", known.minimum_s, said, [clip])
    except FileNotFoundError:
        return None
    return measured if len(measured) else None
