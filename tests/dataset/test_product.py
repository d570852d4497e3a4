"""The packed folder as others meet it: with `datasets`, with `mlcroissant`, with their eyes."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from pipeline.core import ledger, tables
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.dataset import pack, rights, shards
from pipeline.dataset.params import Release
from tests.dataset import fitted
from tests.dataset.fitted import NAMES, Level, stage

RELEASE = Release(
    name="Little voices",
    version="2.1.0",
    date="2026-02-03",
    publisher="Institute of Babble",
    contact="parents@babble.example",
    url="https://babble.example/voices",
)
HOSTILE = "free | <script>alert(1)</script>\n# Mine\n---\nlicense: mit"
FILES = {
    "DATASHEET.md",
    "README.md",
    "croissant.json",
    "ledger.parquet",
    "meta.json",
    "sources.parquet",
}
"""Beside the shards, whose numbers go by the ids of the clips in them."""
SECTIONS = [
    "Motivation",
    "Composition",
    "Collection",
    "Preprocessing, cleaning, labelling",
    "Uses",
    "Distribution",
    "Maintenance",
]


@pytest.fixture
def project(tmp_path):
    return fitted.make(tmp_path)


@pytest.fixture
def published(project) -> Path:
    """The folder of a dataset whose publisher has said everything."""
    pack.run(stage(project, release=RELEASE), Level())
    return project / "data" / "pack"


@pytest.fixture
def datasets(monkeypatch, tmp_path):
    """The library of that name, which may not go out."""
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    library = importlib.import_module("datasets")
    library.disable_progress_bars()
    return library


@pytest.fixture
def croissant():
    """What `mlcroissant` makes of a folder."""
    library = importlib.import_module("mlcroissant")
    return lambda folder: library.Dataset(jsonld=str(folder / "croissant.json"))


# A library inside mlcroissant calls what it is deprecated itself.
outdated = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")


def spans_of(folder: Path) -> dict[str, shards.Row]:
    return {row["span_id"]: row for path in shards.paths(folder) for row in shards.read(path)}


def changed_clips(project: Path, **columns) -> None:
    path = project / "data" / "download" / "clips.parquet"
    tables.write(path, tables.read(path).assign(**columns))


def head(folder: Path) -> dict:
    return yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])


def test_the_folder_holds_what_it_should_and_no_media(published):
    shard = re.compile(r"(train|val|test)-\d{5}\.parquet")
    others = {path.name for path in published.iterdir() if not shard.fullmatch(path.name)}
    assert others == FILES


def test_load_dataset_opens_the_folder(published, datasets, tmp_path):
    opened = datasets.load_dataset(str(published), cache_dir=str(tmp_path / "cache"))
    assert set(opened) == {"train", "val", "test"}
    truth = spans_of(published)
    for split, rows in opened.items():
        for row in rows.with_format("numpy"):
            assert row["split"] == split
            span = truth.pop(str(row["span_id"]))
            for name, value in span.items():
                np.testing.assert_array_equal(row[name], value)
            assert row["expression"].shape == (40, 64)
    assert not truth


def test_load_dataset_opens_the_sources(published, datasets, tmp_path):
    opened = datasets.load_dataset(str(published), "sources", cache_dir=str(tmp_path / "cache"))
    rows = opened["train"].to_list()
    assert [row["source"] for row in rows] == [f"source of {clip}" for clip in NAMES[:5]]
    assert rows[0] == {
        "source": "source of clip_0",
        "licence": "CC-BY-4.0",
        "consent": "parental",
        "synthetic": True,
        "vocalizations": ["cry"],
        "clips": ["clip_0"],
        "spans": 1,
        "seconds": 1.333,
    }


def test_splits_without_spans_are_not_promised(project, datasets, tmp_path):
    pack.run(stage(project, val_share=0.0), Level())
    folder = project / "data" / "pack"
    opened = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert set(opened) == {"train", "test"}
    assert (folder / "val-00000.parquet").exists()


@outdated
def test_croissant_is_valid_and_its_records_load(published, croissant):
    described = croissant(published)
    issues = described.metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    records = {record["spans/span_id"].decode(): record for record in described.records("spans")}
    truth = spans_of(published)
    assert records.keys() == truth.keys()
    for name, record in records.items():
        assert record["spans/vocalization"].decode() == truth[name]["vocalization"]
        for column in ("expression", "pose", "valid", "audio", "identity", "age", "frames"):
            np.testing.assert_array_equal(record[f"spans/{column}"], truth[name][column])
    sources = list(described.records("sources"))
    assert [row["sources/clips"] for row in sources] == [[name.encode()] for name in NAMES[:5]]


@outdated
def test_what_the_publisher_has_not_said_is_missed_by_name(project, croissant):
    pack.run(stage(project, release=Release(date="")), Level())
    issues = croissant(project / "data" / "pack").metadata.ctx.issues
    assert not issues.errors
    assert [("datePublished" in warning) for warning in issues.warnings] == [True]


@outdated
def test_damage_to_a_file_is_told_by_its_digest(published, croissant):
    path = published / "sources.parquet"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(Exception, match=r"Download\(sources\.parquet\)"):
        list(croissant(published).records("sources"))


def test_croissant_names_every_other_file_with_its_digest(published):
    told = json.loads((published / "croissant.json").read_text())
    files = {part["contentUrl"]: part for part in told["distribution"] if "sha256" in part}
    there = {path.name for path in published.iterdir()}
    assert files.keys() == there - {"croissant.json"}
    for name, part in files.items():
        content = (published / name).read_bytes()
        assert part["sha256"] == hashlib.sha256(content).hexdigest()
        assert part["contentSize"] == f"{len(content)} B"


def test_croissant_tells_what_the_ledgers_say(published):
    told = json.loads((published / "croissant.json").read_text())
    assert told["conformsTo"][0] == "http://mlcommons.org/croissant/1.1"
    assert told["license"] == ["https://spdx.org/licenses/CC-BY-4.0"]
    assert told["datePublished"] == "2026-02-03"
    assert told["version"].startswith("2.1.0+")
    assert told["creator"]["name"] == "Institute of Babble"
    assert "of 6 clips 5 are inside, from 5 sources" in told["rai:dataCollection"]
    assert "parental 5" in told["rai:dataCollection"]
    assert "1 dark (The face is too dark" in told["rai:dataCollectionMissingData"]
    assert "fit_poor 1" in told["rai:dataCollectionMissingData"]
    # Seven of two hundred frames: one in each span, and two more in one of them.
    assert told["rai:dataImputationProtocol"].startswith("3.5% of the frames")
    assert "landmarks: mediapipe " + "e" * 64 in told["rai:machineAnnotationTools"]
    assert "Clips inside of those offered: cry 3 of 3, laugh 2 of 3." in told["rai:dataBiases"]
    assert "rai:personalSensitiveInformation" in told


def test_the_version_follows_the_content(project, published):
    def version():
        return json.loads((published / "croissant.json").read_text())["version"]

    before = version()
    pack.run(stage(project, release=RELEASE), Level())
    assert version() == before
    changed_clips(project, synthetic=True)
    pack.run(stage(project, release=RELEASE), Level())
    assert version() != before


def test_the_card_warns_of_synthetic_data_and_says_what_was_left_out(published):
    card = (published / "README.md").read_text()
    assert "20% of the frames are synthetic" in card
    assert "| select | dark | 1 |" in card
    assert "| CC-BY-4.0 | parental | 5 |" in card
    assert head(published)["license"] == "cc-by-4.0"
    assert head(published)["size_categories"] == ["n<1K"]


def test_the_datasheet_answers_section_by_section(published):
    sheet = (published / "DATASHEET.md").read_text()
    sections = [line[3:] for line in sheet.splitlines() if line.startswith("## ")]
    assert sections == SECTIONS
    for said in (
        "5 spans, 6.7 s, from\n5 clips of 5 sources",
        "| dark | 1 | The face is too dark",
        "| CC-BY-4.0 | parental | 5 | 6.7 |",
        "Institute of Babble",
        "parents babble.example",
        "median 6",
    ):
        assert said in sheet


def test_what_nobody_said_is_called_not_stated(project):
    changed_clips(project, age_months=np.nan)
    pack.run(stage(project), Level())
    sheet = (project / "data" / "pack" / "DATASHEET.md").read_text()
    assert "on behalf of whom?** Not stated." in sheet
    assert "Write to: not stated." in sheet
    assert "The catalogue gives no ages." in sheet


def test_a_strangers_words_stay_in_their_place(project):
    changed_clips(project, licence=HOSTILE)
    pack.run(stage(project), Level())
    folder = project / "data" / "pack"
    for name in ("README.md", "DATASHEET.md", "croissant.json"):
        page = (folder / name).read_text()
        assert "<script" not in page, name
        assert "\n# Mine" not in page, name
        assert "free" in page, name
    assert head(folder)["license"] == "other"
    assert head(folder)["license_link"] == "sources.parquet"
    # The table holds values, where nothing can be broken out of: there they stay as written.
    assert set(tables.read(folder / "sources.parquet")["licence"]) == {HOSTILE}


def test_a_source_under_two_rights_has_a_row_for_each(project):
    changed_clips(project, source="one home", licence=["CC0-1.0", "CC BY 4.0", None] * 2)
    pack.run(stage(project), Level())
    table = tables.read(project / "data" / "pack" / "sources.parquet")
    assert {row.licence: list(row.clips) for row in table.itertuples()} == {
        "": ["clip_2"],
        "CC BY 4.0": ["clip_1", "clip_4"],
        "CC0-1.0": ["clip_0", "clip_3"],
    }


def test_what_was_withdrawn_is_in_no_file(project):
    gone = NAMES[1]
    data = project / "data"
    rest = [name for name in NAMES if name != gone]
    clips = tables.read(data / "download" / "clips.parquet")
    tables.write(data / "download" / "clips.parquet", clips[clips["clip"] != gone])
    rows = [ClipRow(name, Reason.KEPT) for name in rest] + [ClipRow(gone, Reason.WITHDRAWN)]
    ledger.write_clips(data / "download" / "ledger.parquet", "download", rows, NAMES)
    # Fit has not been run again since, and still holds it.
    assert gone in ledger.kept(data / "fit" / "ledger.parquet")
    pack.run(stage(project), Level())
    for path in (data / "pack").iterdir():
        assert gone.encode() not in path.read_bytes(), path.name
        if path.suffix == ".parquet":
            assert gone not in str(tables.read(path).to_dict("list")), path.name
    assert NAMES[0] in str(tables.read(data / "pack" / "sources.parquet").to_dict("list"))
    told = json.loads((data / "pack" / "croissant.json").read_text())
    assert "1 withdrawn" in told["rai:dataCollectionMissingData"]


@outdated
def test_a_dataset_of_nothing_is_described_all_the_same(project, croissant):
    fit = project / "data" / "fit" / "ledger.parquet"
    ledger.write_clips(fit, "fit", [ClipRow("clip_0", Reason.FIT_POOR)], ["clip_0"])
    pack.run(stage(project, release=RELEASE), Level())
    folder = project / "data" / "pack"
    empty = {f"{name}-00000.parquet" for name in ("train", "val", "test")}
    assert {path.name for path in folder.iterdir()} == FILES | empty
    assert "configs" not in head(folder)
    issues = croissant(folder).metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())


@pytest.mark.parametrize(
    ("written", "name"),
    [("CC0-1.0", "CC0-1.0"), ("cc by-sa 4.0", "CC-BY-SA-4.0"), ("MIT", "MIT"), ("mine", None)],
)
def test_common_licences_are_known_however_they_are_written(written, name):
    assert rights.spdx(written) == name


def test_licences_are_known_together_or_not_at_all():
    assert rights.all_spdx(["MIT", "CC0 1.0", "MIT"]) == ["CC0-1.0", "MIT"]
    assert rights.all_spdx(["MIT", ""]) is None
    assert rights.all_spdx([]) is None
