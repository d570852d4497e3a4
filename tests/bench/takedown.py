"""`cradle bench takedown`: one of 200 clips, and its three re-uploads, taken back everywhere."""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.__main__ import main as cradle
from pipeline.core import ledger, tables
from pipeline.core.code import PROJECT
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.core.store import Store
from pipeline.sources.fingerprint import FILE
from tests.bench._figures import Figure, report

GOES = "clip_000"
COPIES = ("clip_050", "clip_100", "clip_150")
STEPS = {"media": "download", "fingerprint": "download", "face": "landmarks", "voice": "isolate"}
KB = 1000


def main(argv: Sequence[str]) -> int:
    """Take back and count; 0 where every figure is reached."""
    parser = argparse.ArgumentParser(prog="cradle bench takedown", description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--media-kb", type=int, default=3000, help="of one clip")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="cradle-") as name, chdir(name):
        made = project(Path(name), arguments.clips, arguments.media_kb * KB)
        before = _files(Path(name))
        began = time.perf_counter()
        told = _told("takedown", GOES, "--json")
        taken_s = time.perf_counter() - began
        traces = _told("takedown", GOES, "--verify", "--json")["traces"]
        after = _files(Path(name))
    gone = {GOES, *COPIES}
    content = [data for path, data in after.items() if "takedowns.csv" not in path]
    left = sum(made[clip].encode() in data for clip in gone for data in content)
    others = [path for path, clip in _owners(before, made).items() if clip not in gone]
    touched = sum(after.get(path) != before[path] for path in others)
    figures = [
        Figure("clips taken back", len(told["ids"]), 4, ">="),
        Figure("others taken back", len(set(told["ids"]) - gone), 0),
        Figure("files with a digest of theirs left", left, 0),
        Figure("traces that --verify finds", len(traces), 0),
        Figure("measurements of others touched", touched, 0),
        Figure("time", taken_s, 30, unit="s"),
    ]
    size = sum(map(len, before.values())) / 1e9
    return report(f"{arguments.clips} clips, {size:.2f} GB", figures, arguments.json)


def project(root: Path, clips: int, media_bytes: int) -> dict[str, str]:
    """Write a finished run of made-up clips into `root`; returns the digest of each one's media.

    The copies have other bytes than what they are copies of, and all but its fingerprint.
    """
    rng = np.random.default_rng(0)
    names = [f"clip_{number:03d}" for number in range(clips)]
    made = {name: hashlib.sha256(name.encode()).hexdigest() for name in names}
    store = Store(root / "data/.store")
    films = {name: _print(rng) for name in names}
    films |= {copy: _changed(rng, films[GOES]) for copy in COPIES}
    for name in names:
        for step in STEPS:
            with store.publish(step, _key(step, name)) as out:
                if step == "fingerprint":
                    np.savez(out / FILE, **films[name])
                else:
                    (out / "media.json").write_text(json.dumps({"digest": made[name]}))
                    (out / "video.mp4").write_bytes(rng.bytes(media_bytes // len(STEPS)))
    _tables(root, names, made)
    lines = [f"{name},https://example.org/{name},cry,parental\n" for name in names]
    (root / "data/sources.csv").write_text("id,address,vocalization,consent\n" + "".join(lines))
    (root / "params.yaml").write_bytes((PROJECT / "params.yaml").read_bytes())
    return made


def _tables(root: Path, names: list[str], made: dict[str, str]) -> None:
    for stage in set(STEPS.values()):
        rows = pd.DataFrame({"clip": names})
        for step in (step for step, owner in STEPS.items() if owner == stage):
            rows[f"{step}_key"] = [_key(step, name) for name in names]
        if stage == "download":
            rows["media_digest"] = rows["source_digest"] = [made[name] for name in names]
        for folder in (root / "data" / stage, root / ".dvc/cache/files/md5" / stage):
            folder.mkdir(parents=True, exist_ok=True)
            tables.write_parts(folder / "clips.parquet", rows)
            told = [ClipRow(name, Reason.KEPT) for name in names]
            ledger.write_clips(folder / "ledger.parquet", stage, told, names)
    frames = pd.DataFrame({"clip": np.repeat(names, 300), "frame": list(range(300)) * len(names)})
    tables.write_parts(root / "data/landmarks/frames.parquet", frames)


def _print(rng: np.random.Generator) -> dict[str, np.ndarray]:
    marks = np.sort(rng.integers(0, 1 << 24, 1500, dtype=np.uint32))
    pictures = rng.integers(0, 1 << 63, (30, 31), dtype=np.uint64)
    return {"pictures": pictures, "marks": marks, "times": rng.integers(0, 250, 1500, np.uint32)}


def _changed(rng: np.random.Generator, film: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    kept = np.sort(rng.choice(1500, 500, replace=False))
    noise = np.uint64(1) << rng.integers(0, 63, film["pictures"].shape, dtype=np.uint64)
    marks, times = film["marks"][kept], film["times"][kept]
    return {"pictures": film["pictures"] ^ noise, "marks": marks, "times": times}


def _key(step: str, name: str) -> str:
    return hashlib.sha256(f"{step} {name}".encode()).hexdigest()


def _files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def _owners(files: dict[str, bytes], made: dict[str, str]) -> dict[str, str]:
    """Whose each file of the store is."""
    owner = {_key(step, name): name for step in STEPS for name in made}
    stored = (path for path in files if path.startswith("data/.store/"))
    return {path: owner[Path(path).parent.name] for path in stored}


def _told(*words: str) -> dict:
    printed = StringIO()
    with redirect_stdout(printed):
        cradle(words)
    return json.loads(printed.getvalue())
