"""`cradle isolate`: the infant's voice out of one file."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from pipeline.commands._file import existing, params, typist_of

EXAMPLE = "cradle isolate home.mp4 -o infant.wav --residual rest.wav"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", type=Path, help="sound or video")
    parser.add_argument("-o", "--out", type=Path, required=True, help="16 kHz mono .wav or .flac")
    parser.add_argument("--residual", type=Path, help="everything else, in the same form")


def run(arguments: argparse.Namespace) -> int:
    """Write the stem, and the residual where it is asked for."""
    from pipeline import media
    from pipeline.voice.files import isolate_file

    known = params()
    with tempfile.TemporaryDirectory(prefix="cradle-") as folder:
        isolate_file(existing(arguments.file), known.isolate, typist_of(known), Path(folder))
        wanted = {"stem_16k.flac": arguments.out, "residual_16k.flac": arguments.residual}
        for name, target in wanted.items():
            if target is None:
                continue
            if target.suffix == ".flac":
                shutil.copyfile(Path(folder) / name, target)
            else:
                media.write_sound(target, *media.read_sound(Path(folder) / name))
    return 0
