"""Media are their owner's alone, and no command of DVC takes them along."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from pipeline.core.code import PROJECT
from pipeline.core.store import Store


def test_the_store_is_its_owners_alone_whatever_the_mask(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir(mode=0o755)
    store = Store(tmp_path / "store")
    with store.publish("media", "ab" * 32) as out:
        (out / "video.mp4").write_bytes(b"a child")
    assert store.root.stat().st_mode & 0o077 == 0


def test_no_out_of_the_graph_holds_the_store_or_lies_in_it() -> None:
    graph = yaml.safe_load((PROJECT / "dvc.yaml").read_text())
    for stage in graph["stages"].values():
        for out in [*stage.get("outs", []), *stage.get("metrics", [])]:
            path = Path(next(iter(out)) if isinstance(out, dict) else out)
            assert not path.is_relative_to("data/.store")
            assert not Path("data/.store").is_relative_to(path)


def test_dvc_refuses_to_take_the_store_in_by_accident(tmp_path: Path) -> None:
    (tmp_path / "data/.store").mkdir(parents=True)
    (tmp_path / "data/.store/video.mp4").write_bytes(b"a child")
    (tmp_path / "data/table.csv").write_text("no child")
    shutil.copy(PROJECT / ".dvcignore", tmp_path)

    def dvc(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "dvc", *words]
        return subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True)

    assert dvc("init", "--no-scm").returncode == 0
    assert dvc("remote", "add", "-d", "far", str(tmp_path / "far")).returncode == 0
    assert dvc("add", "data/.store").returncode != 0
    assert dvc("add", "data").returncode == 0
    assert dvc("push").returncode == 0
    carried = [path.read_bytes() for path in (tmp_path / "far").rglob("*") if path.is_file()]
    assert b"no child" in carried
    assert not any(b"a child" in content for content in carried)
