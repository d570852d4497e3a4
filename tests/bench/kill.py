"""`cradle bench kill`: stages killed at any moment, a hundred times, and what is left of it.

`download` (of a site on this machine) and `isolate` are run in a small project
and killed with SIGKILL after a time drawn at random, then run again, until both are done; then all
of it is removed and made once more. Whenever they are done, what they made is compared, byte for
byte, with what they make undisturbed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import yaml

from pipeline.core.code import PROJECT
from tests.bench._figures import Figure, report
from tests.media import making
from tests.sources.server import serving

STAGES = ("download", "isolate")
SOURCES = 2
NOTES = ("costs.json",)
"""What the store remembers of time, which is never the same twice."""


def main(argv: Sequence[str]) -> int:
    """Kill, compare and print; 0 where every figure is reached."""
    parser = argparse.ArgumentParser(prog="cradle bench kill", description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--workers", type=int, default=2, help="processes of download; 0 for none but one"
    )
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="cradle-") as name:
        site = Path(name, "site")
        site.mkdir()
        for number in range(SOURCES):
            making.clip(site / f"{number}.mp4", size=f"{96 + 32 * number}x64")
        with serving(site) as (address, asked), Runs() as runs:
            trial = Trial(Path(name, "project"), address, asked, runs, arguments.workers)
            came = trial.until(arguments.kills, np.random.default_rng(arguments.seed))
    figures = [
        Figure("kills", sum(came.kills.values()), arguments.kills, ">=", note=_words(came)),
        Figure("runs to the end", came.whole, 3, ">="),
        Figure("of them with other bytes than undisturbed", came.different, 0),
        Figure("of them with anything left over", came.left, 0),
        Figure("asked for again though it was whole", came.twice, 0),
        Figure("processes left over", came.orphans, 0),
        Figure("runs that ended by themselves and badly", came.failed, 0),
    ]
    return report("random kill -9 over download and isolate", figures, arguments.json)


def _words(came: Came) -> str:
    return ", ".join(f"{count} in {stage}" for stage, count in sorted(came.kills.items()))


@dataclass
class Came:
    """What came of it all."""

    kills: Counter[str] = field(default_factory=Counter)
    whole: int = 0
    different: int = 0
    left: int = 0
    twice: int = 0
    orphans: int = 0
    failed: int = 0


class Runs:
    """Stages as processes of their own, without the time that it takes to import them."""

    def __enter__(self) -> Runs:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.bench._forked"],
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._parent.stdin is not None
        self._parent.stdin.close()
        self._parent.wait()

    def run(self, folder: Path, stage: str, kill_after_s: float | None = None) -> int:
        """Run a stage, to its end or until it is killed; returns its exit code."""
        assert self._parent.stdin is not None
        self._parent.stdin.write(f"{folder} {stage}\n")
        self._parent.stdin.flush()
        process = int(self._line())
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            # It may have ended by itself.
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        return int(self._line())

    def left(self, root: Path) -> int:
        """How many processes of a stage in `root` live on five seconds after it has ended."""
        family = psutil.Process(self._parent.pid).children(recursive=True)
        strangers = [it for it in psutil.process_iter(["cwd", "cmdline"]) if _works_in(root, it)]
        return len(psutil.wait_procs({*family, *strangers}, timeout=5)[1])

    def _line(self) -> str:
        assert self._parent.stdout is not None
        return self._parent.stdout.readline().strip()


def _works_in(root: Path, process: psutil.Process) -> bool:
    """Whether a process stands in a project or speaks of it, whoever its parent has become."""
    words = [process.info["cwd"] or "", *(process.info["cmdline"] or ())]
    return any(str(root) in word for word in words)


@dataclass
class Trial:
    """One project that is run and killed over and over."""

    root: Path
    site: str
    asked: list[str]
    runs: Runs
    workers: int

    def until(self, kills: int, rng: np.random.Generator) -> Came:
        """Kill so many times, and go on to the end."""
        came = Came()
        self._write()
        spans_s, expected = self._undisturbed()
        while sum(came.kills.values()) < kills:
            self._clear()
            for stage in STAGES:
                self._through(stage, spans_s[stage], came, rng, kills)
            made = self._made()
            came.whole += 1
            came.different += made != expected
            came.left += self._left()
        return came

    def _through(
        self, stage: str, span_s: float, came: Came, rng: np.random.Generator, kills: int
    ) -> None:
        """Run a stage and kill it until it ends by itself."""
        while True:
            whole = self._whole()
            self.asked.clear()
            done = sum(came.kills.values()) >= kills
            shutil.copyfile(self.root / f"{stage}.yaml", self.root / "params.yaml")
            code = self.runs.run(self.root, stage, None if done else rng.uniform(0, 1.1) * span_s)
            came.twice += len({Path(path).stem for path in self.asked} & whole)
            came.orphans += self.runs.left(self.root)
            if code == 0:
                return
            came.kills[stage] += code == -signal.SIGKILL
            came.failed += code != -signal.SIGKILL
            if code > 0:
                raise SystemExit(f"{stage} ended with {code}")

    def _undisturbed(self) -> tuple[dict[str, float], dict[str, str]]:
        spans_s = {}
        for stage in STAGES:
            shutil.copyfile(self.root / f"{stage}.yaml", self.root / "params.yaml")
            began = time.perf_counter()
            assert self.runs.run(self.root, stage) == 0, stage
            spans_s[stage] = time.perf_counter() - began
        return spans_s, self._made()

    def _write(self) -> None:
        (self.root / "data").mkdir(parents=True)
        params = yaml.safe_load((PROJECT / "params.yaml").read_text())
        params["nursery"].update(clips=0)
        params["download"].update(allow_hosts=["127.0.0.1"], pause_s=0.0, attempts=1)
        for stage in STAGES:
            # Workers of `isolate` import torch anew, which would be most of what is killed.
            several = self.workers and stage == "download"
            how = {"executor": "process" if several else "serial", "workers": self.workers or 1}
            params["run"].update(how)
            (self.root / f"{stage}.yaml").write_text(yaml.safe_dump(params))
        lines = [f"web_{n},{self.site}/{n}.mp4,cry,platform_cc\n" for n in range(SOURCES)]
        header = "id,address,vocalization,consent\n"
        (self.root / "data/sources.csv").write_text(header + "".join(lines))

    def _clear(self) -> None:
        for name in (".store", *STAGES):
            shutil.rmtree(self.root / "data" / name, ignore_errors=True)

    def _made(self) -> dict[str, str]:
        """The digest of every file that was made."""
        return {
            str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((self.root / "data").rglob("*"))
            if path.is_file() and path.name not in NOTES
        }

    def _whole(self) -> set[str]:
        """The numbers of sources that are here whole, measured or not yet."""
        store = self.root / "data/.store"
        noted = {path.parent for path in store.glob(".partial/*/had.json")}
        sizes = {path.stat().st_size for folder in noted for path in folder.glob("*.media")}
        numbers = [path for path in self._served() if path.stat().st_size in sizes]
        return {path.stem for path in numbers} | self._measured(store)

    def _measured(self, store: Path) -> set[str]:
        media = [path.read_text() for path in store.glob("media/??/*/media.json")]
        digests = {path.stem: hashlib.sha256(path.read_bytes()) for path in self._served()}
        return {n for n, it in digests.items() if any(it.hexdigest() in text for text in media)}

    def _served(self) -> list[Path]:
        return sorted(self.root.parent.glob("site/*.mp4"))

    def _left(self) -> bool:
        store = self.root / "data/.store"
        return bool([*store.glob(".tmp-*"), *store.glob(".partial/*"), *self._loose()])

    def _loose(self) -> list[Path]:
        known = {"params.yaml", "data", *(f"{stage}.yaml" for stage in STAGES)}
        return [path for path in self.root.iterdir() if path.name not in known]
