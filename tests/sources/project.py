"""A project's folder with a catalogue, and its download stage."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from pipeline.core import ledger, tables
from pipeline.core.runner import Run, Runner
from pipeline.core.stage import Stage, Summary
from pipeline.core.store import Store
from pipeline.sources.download import run
from pipeline.sources.params import Download

HEADER = "id,address,start_s,end_s,vocalization,age_months,source,licence,consent,note\n"
PARAMS = Download(allow_hosts=("127.0.0.1",), min_clip_s=0.5, attempts=1, pause_s=0)


class Project:
    """A project's folder with a catalogue, and its download stage."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "data").mkdir(parents=True)

    def catalogue(self, text: str, takedowns: str = "") -> None:
        (self.root / "data/sources.csv").write_text(HEADER + text)
        (self.root / "data/takedowns.csv").write_text("id,address,date,reason\n" + takedowns)

    def withdraw_content(self, *digests: str) -> None:
        """Name digests, and nothing else, in the takedowns."""
        lines = "".join(f"{digest},2026-02-11,asked\n" for digest in digests)
        (self.root / "data/takedowns.csv").write_text("digest,date,reason\n" + lines)

    def run(
        self, params: Download = PARAMS, nursery: Any = None, nursery_params: Any = None, **how: Any
    ) -> Summary:
        return run(self.stage(params, nursery_params, **how), nursery)

    def stage(
        self, params: Download = PARAMS, nursery_params: Any = None, **how: Any
    ) -> Stage[Download]:
        store = Store(self.root / "data/.store")
        kinds = [SimpleNamespace(name=name) for name in ("cry", "laugh")]
        everything = SimpleNamespace(vocalizations=kinds, nursery=nursery_params)
        runner = Runner(store, Run(**{"executor": "serial", **how}))
        return Stage("download", params, everything, self.root, store, runner)

    def ledger(self) -> pd.DataFrame:
        return ledger.read_clips(self.root / "data/download/ledger.parquet").set_index("clip")

    def clips(self) -> pd.DataFrame:
        return tables.read(self.root / "data/download/clips.parquet").set_index("clip")

    def tables(self) -> list[bytes]:
        folder = self.root / "data/download"
        return [part.read_bytes() for part in sorted(folder.rglob("*.parquet/*"))]
