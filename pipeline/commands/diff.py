"""`cradle diff`: which clips flipped since another commit or experiment, and what did it."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import yaml

from pipeline.core.errors import CradleError
from pipeline.core.params import fit
from pipeline.dataset import measures, overrides
from pipeline.dataset.differ import Cause, State, flips
from pipeline.params import FILE, Everything, load

if TYPE_CHECKING:
    from dvc.api import DVCFileSystem

EXAMPLE = "cradle diff HEAD~1"
TABLES = ("download", "isolate", "landmarks")
OVERRIDES = "data/overrides.csv"


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
        rows = flips(was, now)
    rows["changed"] = _changed(root, arguments.rev, rows)
    print(json.dumps(rows.to_dict("records"), indent=2) if arguments.json else _words(rows))
    return 0


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


def _changed(root: Path, rev: str, rows: pd.DataFrame) -> list[str]:
    """For clips that were measured otherwise: the backends that are others now, by stage."""
    if not (rows["cause"] == Cause.MEASUREMENTS).any():
        return [""] * len(rows)
    files = _files(root, rev)
    others: dict[str, list[str]] = {}
    for stage in ("isolate", "landmarks"):
        path = f"data/{stage}/clips.parquet"
        with files.open(path, "rb") as opened:
            was = pd.read_parquet(opened).set_index("clip")
        now = pd.read_parquet(root / path).set_index("clip")
        for clip in now.index.intersection(was.index):
            if was.loc[clip, "backend_digest"] != now.loc[clip, "backend_digest"]:
                others.setdefault(str(clip), []).append(f"{stage} by {now.loc[clip, 'backend']}")
    return [", ".join(others.get(clip, [])) for clip in rows["clip"]]


def _words(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "no clip flipped"
    entered = (rows["after_s"] - rows["before_s"]).clip(lower=0).sum() / 60
    left = (rows["before_s"] - rows["after_s"]).clip(lower=0).sum() / 60
    causes = ", ".join(f"{cause} {count}" for cause, count in rows["cause"].value_counts().items())
    head = (
        f"{len(rows):,} clips differ ({causes}); minutes entering {entered:.2f}, leaving {left:.2f}"
    )
    shown = rows.drop(columns="changed") if not rows["changed"].any() else rows
    return head + "\n\n" + shown.to_string(index=False, float_format=lambda x: f"{x:.2f}")
