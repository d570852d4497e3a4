"""The stages that measure and decide, where there is no interface to any network.

Small, so that it runs whenever the suite does; tests/e2e/test_project.py does so with all nine.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core.code import PROJECT
from tests.e2e.project import NO_NETWORK, may_cut_off
from tests.e2e.test_faults import Folder

STAGES = ("isolate", "landmarks", "select")
NOWHERE = """
import socket
try:
    socket.create_connection(("127.0.0.1", 9), timeout=5)
except OSError as error:
    print(error.strerror)
"""


def within(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*NO_NETWORK, sys.executable, *words],
        cwd=root,
        env={"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


def test_what_is_here_is_measured_and_decided_without_an_interface(tmp_path: Path) -> None:
    if not may_cut_off():
        pytest.skip("this machine lets nobody make a place without a network")
    folder = Folder(tmp_path / "project", clips=1)
    assert folder.download().returncode == 0
    assert "unreachable" in within(folder.root, "-c", NOWHERE).stdout
    for stage in STAGES:
        ran = within(folder.root, "-m", f"stages.{stage}")
        assert ran.returncode == 0, ran.stderr
        assert f"{stage}: 1 clips" in ran.stdout
