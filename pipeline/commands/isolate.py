"""`cradle isolate`: the infant's voice out of one file."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.commands._file import existing, params

EXAMPLE = "cradle isolate home.mp4 -o infant.wav --residual rest.wav"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", type=Path, help="sound or video")
    parser.add_argument("-o", "--out", type=Path, required=True, help="16 kHz mono .wav or .flac")
    parser.add_argument("--residual", type=Path, help="everything else, in the same form")


def run(arguments: argparse.Namespace) -> int:
    """Write the stem, and the residual where it is asked for."""
    from pipeline.core.backends import pick_device
    from pipeline.voice.backends import SEPARATORS
    from pipeline.voice.separation_file import separate_file

    known = params()
    separator = SEPARATORS.load(known.isolate.separator, pick_device(known.run.device))
    separate_file(existing(arguments.file), separator, arguments.out, arguments.residual)
    return 0
