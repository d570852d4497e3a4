"""Runs that are broken off, or done by more workers: what is left is whole, and the same."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from pipeline.core import ledger
from tests.e2e.project import Project

pytestmark = pytest.mark.slow


def _run_until_measured(process: subprocess.Popen[bytes] | psutil.Popen, store: Path) -> None:
    """Wait until a clip was measured, or everything was."""
    while not list(store.glob("nursery/*/*")):
        with suppress(subprocess.TimeoutExpired, psutil.TimeoutExpired):
            process.wait(timeout=0.05)
            return


def test_interrupted_it_goes_on_where_it_was(tmp_path: Path) -> None:
    project = Project.copy(tmp_path, nursery={"clips": 4, "span_s": 1.0})
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.download"], cwd=tmp_path, env=project.environment
    )
    store = tmp_path / "data/.store"
    _run_until_measured(process, store)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) in (130, 0)
    ran = project.dvc("repro", "download")
    assert ran.code == 0, ran.output
    rows = ledger.read_clips(tmp_path / "data/download/ledger.parquet")
    assert len(rows) == 4
    assert not list(store.glob(".tmp-*"))


def test_killed_it_leaves_nobody_behind_and_goes_on(tmp_path: Path) -> None:
    project = Project.copy(tmp_path, nursery={"clips": 4, "span_s": 1.0})
    process = psutil.Popen(
        [sys.executable, "-m", "dvc", "repro", "download"], cwd=tmp_path, env=project.environment
    )
    store = tmp_path / "data/.store"
    _run_until_measured(process, store)
    family = process.children(recursive=True)
    process.kill()
    process.wait(timeout=60)
    assert psutil.wait_procs(family, timeout=30)[1] == []
    ran = project.dvc("repro", "download")
    assert ran.code == 0, ran.output
    assert ran.lines["download"].seen == 4
    assert not list(store.glob(".tmp-*"))


def test_workers_and_order_change_no_byte(tmp_path: Path) -> None:
    results = []
    for workers in (1, 2):
        project = Project.copy(
            tmp_path / str(workers), nursery={"clips": 3, "span_s": 1.0}, run={"workers": workers}
        )
        ran = project.dvc("repro", "select")
        assert ran.code == 0, ran.output
        results.append((project.bytes_of("data/*/**/*.parquet"), project.lock))
    assert results[0] == results[1]
