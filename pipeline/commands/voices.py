"""`cradle voices`: who sounds when in one file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pipeline.commands._file import existing, params, typist_of

EXAMPLE = "cradle voices home.mp4 -o events.json"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", type=Path, help="sound or video")
    parser.add_argument("-o", "--out", type=Path, help="where to write; else it is printed")


def run(arguments: argparse.Namespace) -> int:
    """Write a list of {start_s, end_s, who, type, score, snr_db}."""
    from pipeline.voice.files import events_of_file

    path, known = existing(arguments.file), params()
    events = events_of_file(path, known.isolate, typist_of(known))
    text = json.dumps(events, indent=2) + "\n"
    if arguments.out is None:
        print(text, end="")
    else:
        arguments.out.write_text(text, encoding="utf-8")
    return 0
