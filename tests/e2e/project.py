"""A copy of the project to run things in: its own git, DVC cache, store and params."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline import media
from pipeline.core import tables
from pipeline.core.code import PROJECT

IDENTITY = {"user.name": "Cradle", "user.email": "cradle@localhost"}
"""Of whoever commits, which a machine need not know; DVC asks for it to run an experiment."""
LINE = re.compile(
    r"^(\w+): ([\d,]+) \w+, ([\d,]+) remembered, ([\d,]+) measured, .* ([\d.]+) s$", re.M
)
NO_NETWORK = ("unshare", "--map-root-user", "--net")
# Small enough for a test, whole enough that every stage has work to do.
SMALL = {
    "nursery": {"clips": 8, "span_s": 2.0},
    "train": {"steps": 12},
    "evaluate": {"seeds": [0], "samples": 2, "videos": 1},
}


@dataclass(frozen=True)
class Line:
    """What a stage said at its end."""

    seen: int
    remembered: int
    measured: int
    seconds: float


@dataclass(frozen=True)
class Ran:
    """What one command did."""

    code: int
    output: str
    seconds: float

    @property
    def lines(self) -> dict[str, Line]:
        """The summary line of every stage that ran."""
        return {
            name: Line(*(int(count.replace(",", "")) for count in counts), float(seconds))
            for name, *counts, seconds in LINE.findall(self.output)
        }

    @property
    def measured(self) -> dict[str, int]:
        """How many clips each stage that ran has measured."""
        return {name: line.measured for name, line in self.lines.items()}


def may_cut_off() -> bool:
    """Whether this machine lets its users make a place without a network."""
    if shutil.which(NO_NETWORK[0]) is None:
        return False
    return subprocess.run([*NO_NETWORK, "true"], capture_output=True).returncode == 0


def _copy_compiled(root: Path) -> None:
    _compile()
    # numba takes its compiled kernels by the sources' time stamps, which the copies share.
    for kernel in PROJECT.glob("pipeline/*/__pycache__/*.nb[ci]"):
        target = root / kernel.relative_to(PROJECT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(kernel, target)


def _compile() -> None:
    """Make a clip of the nursery once, so that no copy of a fresh clone compiles what draws it, nor
    what looks at its face."""
    kernels = [
        PROJECT / "pipeline" / folder / "__pycache__" / f"{module}.*.nbc"
        for folder, module in (("nursery", "*"), ("face", "meshes"), ("face", "pixels"))
    ]
    with (PROJECT / "tests/e2e/project.py").open() as lock, tempfile.TemporaryDirectory() as out:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all(list(it.parent.glob(it.name)) for it in kernels):
            scene = {"seed": 1, "index": 0, "span_s": 0.5, "size_px": 96}
            imports = "from pathlib import Path; from pipeline import nursery; "
            imports += "import pipeline.face.meshes, pipeline.face.pixels; "
            make = f"{imports}nursery.measure(Path({out!r}), {scene})"
            subprocess.run([sys.executable, "-c", make], cwd=PROJECT, check=True)


class Project:
    """A project's folder and the commands that a data engineer types in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def copy(cls, root: Path, **params: dict[str, Any]) -> Project:
        """Copy what git would have, with `params` changed, into a repository of its own."""
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"],
            cwd=PROJECT,
            capture_output=True,
            check=True,
        )
        for name in listed.stdout.decode().split("\0")[:-1]:
            if name != "dvc.lock" and (PROJECT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / name, root / name)
        _copy_compiled(root)
        project = cls(root)
        project.change(**params)
        project.git("init", "-q")
        for name, value in IDENTITY.items():
            project.git("config", name, value)
        project.commit()
        return project

    def copied(self, root: Path) -> Project:
        """The same state in another folder, where it can be changed."""
        shutil.copytree(self.root, root, symlinks=True)
        return Project(root)

    def change(self, **params: dict[str, Any]) -> None:
        """Change keys of sections of params.yaml."""
        path = self.root / "params.yaml"
        content = yaml.safe_load(path.read_text())
        for section, values in params.items():
            content[section].update(values)
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def add_another(self) -> None:
        """Add a kept clip once more, cut a little shorter, as a file of the user's own."""
        kept = tables.read(self.root / "data/select/spans.parquet")["clip"].min()
        clips = tables.read(self.root / "data/download/clips.parquet").set_index("clip")
        row, video = clips.loc[kept], self.root / "another.mp4"
        stored = self.root / "data/.store/media" / row["media_key"][:2] / row["media_key"]
        cut(stored / "video.mp4", stored / "sound_44k.flac", video, 2)
        sources = self.root / "data/sources.csv"
        header = sources.read_text().splitlines()[0].split(",")
        values = {
            "id": "another",
            "address": str(video),
            "vocalization": row["vocalization"],
            "licence": "CC0",
            "consent": "synthetic",
        }
        line = ",".join(values.get(name, "") for name in header)
        sources.write_text(",".join(header) + "\n" + line + "\n")

    def forget(self, clips: int) -> None:
        """Take what was measured of so many clips, at every step, out of the store."""
        for step in (self.root / "data/.store").glob("*/"):
            for entry in sorted(step.glob("??/*"))[:clips]:
                shutil.rmtree(entry)

    def git(self, *words: str) -> None:
        """Run git."""
        subprocess.run(["git", *words], cwd=self.root, check=True, capture_output=True)

    def commit(self) -> None:
        """Commit everything."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "state")

    def dvc(self, *words: str) -> Ran:
        """Run dvc to its end."""
        return self.command("-m", "dvc", *words)

    def cradle(self, *words: str) -> Ran:
        """Run cradle to its end."""
        return self.command("-m", "pipeline", *words)

    def cut_off(self, *words: str) -> Ran:
        """Run dvc to its end where there is no interface to a network, not even to this machine."""
        return self.command("-m", "dvc", *words, within=NO_NETWORK)

    def command(self, *words: str, within: Sequence[str] = ()) -> Ran:
        """Run this Python with `words` to its end."""
        began = time.perf_counter()
        done = subprocess.run(
            [*within, sys.executable, *words],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Ran(done.returncode, done.stdout, time.perf_counter() - began)

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which this folder's code is what Python finds."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "PYTHONPATH": str(self.root), "PYTHONUNBUFFERED": "1"}

    @property
    def lock(self) -> str:
        """What dvc.lock says of every stage; in which order it does is left to DVC."""
        return json.dumps(yaml.safe_load((self.root / "dvc.lock").read_text()), sort_keys=True)

    def bytes_of(self, pattern: str) -> dict[str, bytes]:
        """The content of every file that matches, by path."""
        found = sorted(path for path in self.root.glob(pattern) if path.is_file())
        return {str(path.relative_to(self.root)): path.read_bytes() for path in found}


def cut(video: Path, sound: Path, out: Path, fewer: int) -> None:
    """Write a video of H.264 and AAC again, without its last `fewer` frames."""
    frames = list(media.read_frames(video))
    frames = frames[: len(frames) - fewer]
    heard, rate = media.read_sound(sound)
    part = out.with_suffix(".wav")
    media.write_sound(part, heard[: round(len(frames) / 30 * rate)], rate)
    height, width = frames[0].shape[:2]
    with media.VideoWriter(out, width, height, 30, sound=part) as writer:
        for frame in frames:
            writer.write(frame)
    # Whoever lists the folder finds videos alone.
    part.unlink()
