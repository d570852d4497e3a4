"""A full disk, a place that may not be written to, a clock set back, two runs at once.

Whatever is wrong is said in a sentence, nothing is damaged or held against a clip, and the next run
makes what an undisturbed one would have made.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from pipeline.core import ledger
from pipeline.core.alone import alone
from pipeline.core.code import PROJECT
from tests.media import making

HEADER = "id,address,vocalization,consent,retention_until\n"
DOWNLOAD = """
import os, sys, time
from pipeline.core import seal
from pipeline.sources.download import run
from stages.entry import main
if len(sys.argv) > 1:
    back = float(sys.argv[1])
    now = time.time
    time.time = lambda: now() - back
main("download", run)
"""
IN_A_SMALL_PLACE = (
    *("unshare", "--map-root-user", "--mount", "sh", "-c"),
    'mount -t tmpfs -o size=100k none data/.store && exec "$@"',
    "sh",
)
WITHOUT_RIGHTS = ("unshare", "--user")


class Folder:
    """A project with nothing but two clips of its own."""

    def __init__(self, root: Path, clips: int = 2) -> None:
        self.root = root
        (root / "data").mkdir(parents=True)
        (root / "clips").mkdir()
        params = yaml.safe_load((PROJECT / "params.yaml").read_text())
        params["nursery"]["clips"] = 0
        params["run"]["executor"] = "serial"
        (root / "params.yaml").write_text(yaml.safe_dump(params))
        lines = []
        for number in range(clips):
            making.clip(root / f"clips/{number}.mp4", "-crf", "1", size=f"{320 + 64 * number}x240")
            lines.append(f"c{number},clips/{number}.mp4,cry,parental,\n")
        (root / "data/sources.csv").write_text(HEADER + "".join(lines))

    def download(self, *words: str, within: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*within, sys.executable, "-c", DOWNLOAD, *words],
            cwd=self.root,
            env={"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=300,
        )

    def made(self) -> dict[str, bytes]:
        """The tables, and the media by key."""
        files = [
            *(self.root / "data/download").rglob("*"),
            *self.root.glob("data/.store/media/*/*/*"),
        ]
        return {
            str(path.relative_to(self.root)): path.read_bytes() for path in files if path.is_file()
        }

    def left(self) -> list[Path]:
        return list((self.root / "data/.store").glob(".tmp-*"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = Folder(tmp_path_factory.mktemp("undisturbed") / "project")
    ran = folder.download()
    assert ran.returncode == 0, ran.stderr
    return folder.made()


def heals(folder: Folder, undisturbed: dict[str, bytes]) -> None:
    ran = folder.download()
    assert ran.returncode == 0, ran.stderr
    assert folder.made() == undisturbed
    assert folder.left() == []


def may(within: Sequence[str]) -> bool:
    """Whether this machine lets its users make such a place."""
    if shutil.which(within[0]) is None:
        return False
    return subprocess.run([*within[:3], "true"], capture_output=True).returncode == 0


def test_a_full_disk_is_said_and_held_against_no_clip(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    if not may(IN_A_SMALL_PLACE):
        pytest.skip("this machine lets nobody make a small disk")
    folder = Folder(tmp_path / "project")
    (folder.root / "data/.store").mkdir()
    ran = folder.download(within=IN_A_SMALL_PLACE)
    assert ran.returncode == 1
    assert "there is no room left" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (folder.root / "data/download/ledger.parquet").exists(), "no clip is blamed for it"
    heals(folder, undisturbed)


def test_a_place_that_may_not_be_written_to_is_said(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    if not may(WITHOUT_RIGHTS):
        pytest.skip("this machine lets nobody give up rights")
    folder = Folder(tmp_path / "project")
    store = folder.root / "data/.store"
    store.mkdir()
    store.chmod(0o500)
    ran = folder.download(within=WITHOUT_RIGHTS)
    store.chmod(0o700)
    assert ran.returncode == 1
    assert "this user may not write there" in ran.stderr
    assert "Traceback" not in ran.stderr
    heals(folder, undisturbed)


def test_a_file_that_may_not_be_read_is_that_clips_affair(tmp_path: Path) -> None:
    if not may(WITHOUT_RIGHTS):
        pytest.skip("this machine lets nobody give up rights")
    folder = Folder(tmp_path / "project")
    (folder.root / "clips/0.mp4").chmod(0)
    ran = folder.download(within=WITHOUT_RIGHTS)
    assert ran.returncode == 0, ran.stderr
    rows = ledger.read_clips(folder.root / "data/download/ledger.parquet").set_index("clip")
    assert rows["reason"].to_dict() == {"c0": "unreachable", "c1": "kept"}
    assert rows.loc["c0", "detail"] == "this user may not read the file"


def test_a_clock_that_was_set_back_changes_nothing(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    folder = Folder(tmp_path / "project")
    assert folder.download().returncode == 0
    for path in (folder.root / "data").rglob("*"):
        if path.is_file():
            path.touch()
    ran = folder.download("86400")
    assert ran.returncode == 0, ran.stderr
    assert "2 remembered, 0 measured" in ran.stdout
    assert folder.made() == undisturbed


def test_two_runs_at_once_do_not_meet(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    folder = Folder(tmp_path / "project")
    with alone(folder.root / "data/.store", "download"):
        ran = folder.download()
        assert ran.returncode == 1
        assert "another run of this stage is at work in this folder" in ran.stderr
        assert "Traceback" not in ran.stderr
    heals(folder, undisturbed)
