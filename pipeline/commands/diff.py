"""`cradle diff`: which clips and frames flipped since another revision, and what did it."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from pipeline.audit.words import printable
from pipeline.core import ledger
from pipeline.core.errors import CradleError
from pipeline.core.params import fit
from pipeline.dataset import measures, overrides
from pipeline.dataset.differ import Cause, Difference, State
from pipeline.params import FILE, Everything, load

if TYPE_CHECKING:
    from dvc.api import DVCFileSystem

EXAMPLE = "cradle diff HEAD~1"
TABLES = ("download", "isolate", "landmarks")
OVERRIDES = "data/overrides.csv"
SHOWN = 40
"""Clips, and runs of frames, that a person is told of."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("rev", help="a commit, branch, tag or experiment that was reproduced here")
    parser.add_argument("--json", action="store_true", help="print it for a program")


def run(arguments: argparse.Namespace) -> int:
    """Decide over both and print what flipped."""
    root = Path.cwd()
    now = _state(root, load(root))
    with _at(root, arguments.rev) as (there, everything):
        was = _state(there, everything)
        difference = Difference(was, now)
        clips, frames = difference.clips(), difference.frames()
        backends = _backends(there / "data", root / "data", clips, frames)
    for rows in (clips, frames):
        measured = rows["cause"] == Cause.MEASUREMENTS
        rows["by"] = rows["by"].mask(measured, rows["clip"].map(backends).fillna(""))
    print(_json(clips, frames) if arguments.json else _words(clips, frames))
    return 0


def _json(clips: pd.DataFrame, frames: pd.DataFrame) -> str:
    """A row a clip, each with its runs of frames."""
    runs = {
        clip: part.drop(columns="clip").to_dict("records") for clip, part in frames.groupby("clip")
    }
    rows = [row | {"frames": runs.get(row["clip"], [])} for row in clips.to_dict("records")]
    return json.dumps(rows, indent=2)


def _state(root: Path, known: Everything) -> State:
    minimum_s = {kind.name: kind.min_s for kind in known.vocalizations}
    try:
        said = overrides.read(root / OVERRIDES)
        return State(measures.read(root / "data", minimum_s, said), known.select)
    except FileNotFoundError as error:
        raise CradleError(f"{error.filename}: not found; `dvc repro select` makes it") from None


@contextmanager
def _at(root: Path, rev: str) -> Iterator[tuple[Path, Everything]]:
    """The tables of another revision in a folder of their own, and its parameters."""
    files = _files(root, rev)
    with tempfile.TemporaryDirectory(prefix="cradle-") as name:
        folder = Path(name)
        for stage in TABLES:
            _fetch(files, stage, folder, rev)
        if files.exists(OVERRIDES):
            (folder / OVERRIDES).write_bytes(files.read_bytes(OVERRIDES))
        content = yaml.safe_load(files.read_text(FILE))
        yield folder, fit(content, Everything, f"{FILE} at {rev}")


def _files(root: Path, rev: str) -> DVCFileSystem:
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from scmrepo.exceptions import SCMError

    try:
        files = DVCFileSystem(str(root), rev=rev)
        files.exists(FILE)
    except (DvcException, SCMError) as error:
        raise CradleError(f"{rev}: no such revision here: {error}") from None
    return files


def _fetch(files: DVCFileSystem, stage: str, folder: Path, rev: str) -> None:
    try:
        files.get(f"data/{stage}", str(folder / "data" / stage), recursive=True)
    except OSError as error:
        raise CradleError(
            f"data/{stage} at {rev}: not in DVC's cache here; `dvc pull` or reproduce it: {error}"
        ) from None


def _backends(
    before: Path, after: Path, clips: pd.DataFrame, frames: pd.DataFrame
) -> dict[str, str]:
    """By clip that was measured otherwise: the backends that are others now, or the same."""
    causes = pd.concat([clips["cause"], frames["cause"]])
    if not (causes == Cause.MEASUREMENTS).any():
        return {}
    others: dict[str, list[str]] = {}
    for stage in ("isolate", "landmarks"):
        was, now = (_origins(data / stage / "ledger.parquet") for data in (before, after))
        for clip in sorted(was.keys() & now.keys()):
            (old, old_digest), (new, digest) = was[clip], now[clip]
            if old_digest != digest:
                told = f"{stage} by {new}" if new != old else f"{stage} by another {new}"
                others.setdefault(clip, []).append(told)
    return {clip: ", ".join(told) for clip, told in others.items()}


def _origins(path: Path) -> dict[str, tuple[str, str]]:
    """By clip: name and digest of the backend that it was measured by."""
    rows = ledger.read_clips(path)
    pairs = zip(rows["backend"], rows["backend_digest"], strict=True)
    return dict(zip(rows["clip"], pairs, strict=True))


def _words(clips: pd.DataFrame, frames: pd.DataFrame) -> str:
    if clips.empty and frames.empty:
        return "no clip flipped"
    moved_s = clips["after_s"] - clips["before_s"]
    entering_s, leaving_s = moved_s.clip(lower=0).sum(), moved_s.clip(upper=0).abs().sum()
    causes = ", ".join(f"{cause} {count}" for cause, count in clips["cause"].value_counts().items())
    flipped = int((frames["end_frame"] - frames["start_frame"]).sum())
    lines = [
        f"{len(clips):,} clips differ ({causes}), {flipped:,} frames flipped; minutes entering "
        f"{entering_s / 60:.2f}, leaving {leaving_s / 60:.2f}",
        "",
        clips.head(SHOWN).to_string(index=False, float_format=lambda x: f"{x:.2f}"),
        *_more(len(clips)),
    ]
    if len(frames):
        lines += ["", "frames", *map(_run, frames.head(SHOWN).to_dict("records"))]
        lines += _more(len(frames))
    return "\n".join(map(printable, "\n".join(lines).split("\n")))


def _run(row: dict[Hashable, Any]) -> str:
    why = f"{row['cause']}: {row['by']}" if row["by"] else str(row["cause"])
    place = f"{row['clip']} {row['start_frame']}-{row['end_frame'] - 1}"
    return f"  {place}: {row['before']} -> {row['after']}, by {why}"


def _more(count: int) -> list[str]:
    return [f"  and {count - SHOWN:,} more; --json has all"] if count > SHOWN else []
