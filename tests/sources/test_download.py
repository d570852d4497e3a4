from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline import media
from pipeline.core import log, tables
from pipeline.core.errors import ClipFailed
from pipeline.core.plan import Planner, look
from pipeline.core.reasons import Reason
from pipeline.core.runner import Job, Run, Step
from pipeline.core.store import Store
from pipeline.sources.catalogue import CatalogueError
from pipeline.sources.download import CLIPS, run
from pipeline.sources.params import Download
from tests.media import making
from tests.sources.project import PARAMS, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "a project's folder")


def test_every_row_ends_with_its_reason_and_the_rest_go_on(
    project: Project, site: str, site_folder: Path
) -> None:
    project.catalogue(
        f"web,{site}/clip.mp4,,,cry,7,anna,CC0-1.0,public_domain,\n"
        f"part,{site}/clip.mp4,0.5,1.25,cry,,,,platform_cc,\n"
        f"local,{site_folder}/clip.mp4,,,laugh,,,,parental,\n"
        f"gone,{site}/gone.mp4,,,cry,,,,platform_cc,\n"
        f"page,{site}/page,,,cry,,,,platform_cc,\n"
        f"text,{site}/text.mp4,,,cry,,,,platform_cc,\n"
        f"mute,{site}/mute.mp4,,,cry,,,,platform_cc,\n"
        "lost,clips/none.mp4,,,cry,,,,parental,\n"
        f"unasked,{site}/other.mp4,,,cry,,,,none,\n"
        f"taken,{site}/other.mp4,,,cry,,,,parental,\n",
        "taken,,2026-02-11,the parents asked\n",
    )
    summary = project.run()
    told = project.ledger()
    assert told["reason"].to_dict() == {
        "gone": "gone",
        "local": "kept",
        "lost": "unreachable",
        "mute": "no_sound",
        "page": "gone",
        "part": "kept",
        "taken": "withdrawn",
        "text": "not_media",
        "unasked": "no_consent",
        "web": "kept",
    }
    assert "404" in told.loc["gone", "detail"]
    assert told.loc["taken", "detail"] == "2026-02-11 the parents asked"
    assert set(told.loc[["web", "gone", "mute"], "backend"]) == {"ffmpeg"}
    assert (summary.seen, summary.kept, summary.dropped.total()) == (10, 3, 7)

    clips = project.clips()
    assert list(tables.read(project.root / "data/download/clips.parquet")) == CLIPS.names
    assert clips["source"].to_dict() == {"local": "local", "part": "anna", "web": "anna"}
    assert clips["frames"].to_dict() == {"local": 45, "part": 22, "web": 45}
    assert clips.loc["web", ["age_months", "licence", "consent"]].tolist() == [
        7.0,
        "CC0-1.0",
        "public_domain",
    ]
    assert np.isnan(clips.loc["local", "age_months"])
    assert clips.loc["local", "media_digest"] == clips.loc["web", "media_digest"]
    assert not clips["synthetic"].any()


def test_the_store_holds_normalised_media_and_nothing_else(project: Project, site: str) -> None:
    project.catalogue(
        f"a,{site}/clip.mp4,,,cry,,,,platform_cc,\nb,{site}/text.mp4,,,cry,,,,platform_cc,\n"
    )
    project.run()
    key = project.clips().loc["a", "media_key"]
    entry = Store(project.root / "data/.store").entry("media", key)
    names = sorted(path.name for path in entry.path.rglob("*"))
    assert names == ["looks.npy", "media.json", "sound_16k.flac", "sound_44k.flac", "video.mp4"]
    assert site not in (entry.path / "media.json").read_text()
    store = project.root / "data/.store"
    logs = set((store / log.FOLDER).iterdir())
    every = [path.name for path in store.rglob("*") if path.is_file() and path not in logs]
    assert sorted(every) == sorted([*names, "failed.json", "print.npz", "costs.json"])


def test_withdrawn_and_unasked_clips_are_never_fetched(
    project: Project, site: str, asked: list[str]
) -> None:
    project.catalogue(
        f"a,{site}/clip.mp4,,,cry,,,,platform_cc,\nb,{site}/other.mp4,,,cry,,,,none,\n",
        f",{site}/clip.mp4/,2026-01-01,\n",
    )
    project.run()
    assert project.ledger()["state"].tolist() == ["withdrawn", "rejected"]
    assert asked == []
    project.run(PARAMS.model_copy(update={"allow_no_consent": True}))
    assert project.ledger()["reason"].tolist() == ["withdrawn", "kept"]
    assert set(asked) == {"/other.mp4"}


@pytest.mark.parametrize("of", ["media_digest", "source_digest"])
def test_content_that_was_withdrawn_stays_away_under_any_address(
    project: Project, site: str, site_folder: Path, asked: list[str], of: str
) -> None:
    project.catalogue(
        f"a,{site}/clip.mp4,,,cry,,,,platform_cc,\nb,{site}/other.mp4,,,cry,,,,platform_cc,\n"
    )
    project.run()
    project.withdraw_content(project.clips().loc["a", of])
    text = (project.root / "data/sources.csv").read_text()
    again = f"again,{site_folder}/clip.mp4,,,cry,,,,parental,\n"
    (project.root / "data/sources.csv").write_text(text + again)
    project.run()
    states = project.ledger()["state"].to_dict()
    assert states == {"a": "withdrawn", "again": "withdrawn", "b": "kept"}
    assert len(list((project.root / "data/.store").rglob("video.mp4"))) == 1
    asked.clear()
    assert project.run().measured == 0
    assert asked == []


def test_withdrawn_by_mistake_content_may_come_back(project: Project, site_folder: Path) -> None:
    project.catalogue(f"a,{site_folder}/clip.mp4,,,cry,,,,parental,\n")
    project.run()
    digest = project.clips().loc["a", "media_digest"]
    project.withdraw_content(digest)
    assert project.run().kept == 0
    parts = tables.parts_of(project.root / "data/download/ledger.parquet")
    assert not [part for part in parts if digest.encode() in part.read_bytes()]
    project.withdraw_content()
    assert project.run().kept == 1


def test_whoever_only_looks_at_what_would_be_done_withdraws_nothing(
    project: Project, site_folder: Path
) -> None:
    project.catalogue(f"a,{site_folder}/clip.mp4,,,cry,,,,parental,\n")
    project.run()
    project.withdraw_content(project.clips().loc["a", "media_digest"])
    store = Store(project.root / "data/.store")
    assert look(Planner(store, Run()), project.stage(), run)
    assert list(store.root.rglob("video.mp4"))
    project.run()
    assert not list(store.root.rglob("video.mp4"))


def test_what_was_to_be_kept_until_yesterday_is_withdrawn_and_forgotten(
    project: Project, site_folder: Path
) -> None:
    today = datetime.now(UTC).date()
    header = "id,address,vocalization,consent,retention_until\n"

    def kept_until(**days: Any) -> None:
        names = {"today": "clip.mp4", "past": "other.mp4"}
        lines = [f"{it},{site_folder}/{names[it]},cry,parental,{day}\n" for it, day in days.items()]
        (project.root / "data/sources.csv").write_text(header + "".join(lines))

    project.catalogue("")
    kept_until(today=today, past=today)
    assert project.run().kept == 2
    kept_until(today=today, past=today - timedelta(days=1))
    assert project.run().kept == 1
    assert project.ledger()["state"].to_dict() == {"past": "withdrawn", "today": "kept"}
    assert len(list((project.root / "data/.store").rglob("video.mp4"))) == 1
    (account,) = (project.root / "data/takedowns").glob("*_past.md")
    assert "0 tell of it still" in account.read_text()
    # A clock that is set back, or another date in the row, does not bring it back.
    kept_until(today=today, past=today + timedelta(days=9))
    assert project.run().kept == 1
    assert len(list((project.root / "data/takedowns").glob("*.md"))) == 1


def test_a_second_run_asks_nobody_and_writes_the_same_bytes(
    project: Project, site: str, asked: list[str]
) -> None:
    project.catalogue(
        f"a,{site}/clip.mp4,,,cry,,,,platform_cc,\nb,{site}/gone.mp4,,,cry,,,,platform_cc,\n"
    )
    first = project.run()
    assert (first.remembered, first.measured) == (0, 2)
    before = project.tables()
    asked.clear()
    second = project.run(executor="process", workers=2)
    assert (second.remembered, second.measured) == (2, 0)
    assert asked == []
    assert project.tables() == before


def test_several_processes_give_the_same_bytes_as_one(project: Project, site_folder: Path) -> None:
    project.catalogue(
        "".join(
            f"c{number},{site_folder}/clip.mp4,{number / 10},,cry,,,,parental,\n"
            for number in range(2)
        )
    )
    project.run(executor="process", workers=2)
    before = project.tables()
    for entry in (project.root / "data/.store/media").iterdir():
        entry.rename(project.root / entry.name)
    project.run()
    assert project.tables() == before


def test_what_may_pass_is_asked_for_again_when_asked(
    project: Project, site: str, site_folder: Path, asked: list[str]
) -> None:
    project.catalogue(
        f"a,{site}/clip.mp4,,,cry,,,,platform_cc,\nb,{site}/late.mp4,,,cry,,,,platform_cc,\n"
        f"c,{site}/gone.mp4,,,cry,,,,platform_cc,\n"
    )
    project.run()
    assert project.ledger()["reason"].tolist() == ["kept", "unreachable", "gone"]
    late = site_folder / "late.mp4"
    late.write_bytes((site_folder / "other.mp4").read_bytes())
    try:
        assert project.run().measured == 0
        asked.clear()
        again = project.run(PARAMS.model_copy(update={"retry": 1}))
        assert (again.remembered, again.measured, again.kept) == (2, 1, 2)
        assert set(asked) == {"/late.mp4"}
        asked.clear()
        more = project.run(PARAMS.model_copy(update={"retry": 2}))
        assert (more.remembered, more.measured, more.kept) == (3, 0, 2)
        assert asked == []
    finally:
        late.unlink()


def test_how_long_a_clip_may_be_is_decided_without_measuring(
    project: Project, site_folder: Path
) -> None:
    project.catalogue(f"a,{site_folder}/clip.mp4,,,cry,,,,parental,\n")
    project.run()
    assert project.run(PARAMS.model_copy(update={"max_clip_s": 1.4})).measured == 0
    row = project.ledger().loc["a"]
    assert (row["reason"], row["measured"], row["threshold"], row["op"]) == (
        "too_long",
        1.5,
        1.4,
        "<=",
    )
    assert len(project.clips()) == 0
    assert project.run(PARAMS.model_copy(update={"min_clip_s": 2.0})).measured == 0
    row = project.ledger().loc["a"]
    assert (row["reason"], row["op"]) == ("too_short", ">=")
    assert project.run().kept == 1


def test_a_host_is_asked_once_it_is_listed(project: Project, site: str, asked: list[str]) -> None:
    project.catalogue(f"a,{site}/clip.mp4,,,cry,,,,platform_cc,\n")
    project.run(PARAMS.model_copy(update={"allow_hosts": ()}))
    row = project.ledger().loc["a"]
    assert (row["reason"], asked) == ("gone", [])
    assert "its host is not in download.hosts" in row["detail"]
    assert project.run().kept == 1


def test_a_file_that_changes_is_measured_again(project: Project, site_folder: Path) -> None:
    path = project.root / "clips" / "a.mp4"
    path.parent.mkdir()
    path.write_bytes((site_folder / "clip.mp4").read_bytes())
    project.catalogue("a,clips/a.mp4,,,cry,,,,parental,\n")
    assert project.run().measured == 1
    os.utime(path, (0, 0))
    assert project.run().measured == 0
    path.write_bytes((site_folder / "other.mp4").read_bytes())
    assert project.run().measured == 1
    assert project.clips().loc["a", "width"] == 64


def test_nothing_is_done_before_the_tables_are_right(
    project: Project, site: str, asked: list[str]
) -> None:
    project.catalogue(f"a,{site}/clip.mp4,,,howl,,,,platform_cc,\n")
    with pytest.raises(CatalogueError, match="line 2, column vocalization"):
        project.run()
    project.catalogue(f"a,{site}/clip.mp4,,,cry,,,,platform_cc,\n", "a,,someday,\n")
    with pytest.raises(CatalogueError, match="line 2, column date"):
        project.run()
    assert asked == []


def test_an_empty_catalogue_is_a_run_like_any_other(project: Project) -> None:
    project.catalogue("")
    assert project.run().seen == 0
    assert list(tables.read(project.root / "data/download/clips.parquet")) == CLIPS.names


def render(out: Path, inputs: Mapping[str, Any]) -> None:
    """A nursery's measure: one of its clips comes out, the other does not."""
    if inputs["fails"]:
        raise ClipFailed(Reason.MEASURE_FAILED, "no cradle")
    making.clip(out / "clip.mp4")
    (out / "truth.json").write_text("{}")


class SmallNursery:
    """Two clips, as the real nursery gives forty."""

    def rows(self, params: Any) -> Sequence[Mapping[str, str]]:
        given = {"vocalization": "cry", "age_months": "6", "source": "doll", "consent": "synthetic"}
        return [{"id": f"doll_{number}", **given} for number in range(params)]

    def step(self, params: Any) -> Step:
        return Step("nursery", render)

    def jobs(self, params: Any) -> Sequence[Job]:
        return [Job(f"doll_{n}", {"fails": n == 1}, f"digest {n}") for n in range(params)]


def test_the_nurserys_clips_join_the_catalogue(project: Project, site_folder: Path) -> None:
    project.catalogue(f"mine,{site_folder}/clip.mp4,,,cry,,,,parental,\n", "doll_2,,2026-01-01,\n")
    project.run(nursery=SmallNursery(), nursery_params=3)
    assert project.ledger()["reason"].to_dict() == {
        "doll_0": "kept",
        "doll_1": "measure_failed",
        "doll_2": "withdrawn",
        "mine": "kept",
    }
    clips = project.clips()
    assert clips["synthetic"].to_dict() == {"doll_0": True, "mine": False}
    assert clips.loc["doll_0", ["source", "age_months"]].tolist() == ["doll", 6.0]
    entry = Store(project.root / "data/.store").entry("media", clips.loc["doll_0", "media_key"])
    assert not (entry.path / "truth.json").exists(), "the truth stays where the nursery put it"


def test_a_nursery_that_is_switched_off_leaves_nothing(project: Project, site_folder: Path) -> None:
    project.catalogue(f"mine,{site_folder}/clip.mp4,,,cry,,,,parental,\n")
    project.run(nursery=SmallNursery(), nursery_params=1)
    project.run(nursery=SmallNursery(), nursery_params=0)
    assert list(project.ledger().index) == ["mine"]


def test_an_id_of_the_nursery_cannot_be_taken(project: Project, site_folder: Path) -> None:
    project.catalogue(f"doll_0,{site_folder}/clip.mp4,,,cry,,,,parental,\n")
    with pytest.raises(CatalogueError, match="doll_0"):
        project.run(nursery=SmallNursery(), nursery_params=1)


def test_params_refuse_what_makes_no_sense() -> None:
    for wrong in (
        {"min_clip_s": 9, "max_clip_s": 5},
        {"max_side_px": 99},
        {"retry": -1},
        {"crf": 99},
        {"no_such": 1},
    ):
        with pytest.raises(ValidationError):
            Download.model_validate(wrong)


def test_media_read_from_the_store_are_what_the_table_says(
    project: Project, site_folder: Path
) -> None:
    project.catalogue(f"a,{site_folder}/clip.mp4,,,cry,,,,parental,\n")
    project.run()
    row = project.clips().loc["a"]
    folder = Store(project.root / "data/.store").entry("media", row["media_key"]).path
    frames = list(media.read_frames(folder / media.VIDEO))
    assert len(frames) == row["frames"] == round(row["duration_s"] * 30)
    assert frames[0].shape == (row["height"], row["width"], 3)
