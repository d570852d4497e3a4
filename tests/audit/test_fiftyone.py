"""The folder for FiftyOne is what its importer of temporal detections reads."""

import json

import pytest

from pipeline.commands import fiftyone as command
from pipeline.core.errors import CradleError
from pipeline.dataset.fiftyone import DATA, LABELS, export
from tests.audit import fake


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return fake.build(tmp_path_factory.mktemp("run"))


def written(folder):
    return [json.loads((folder / name).read_text()) for name in (LABELS, DATA)]


def test_every_frame_that_was_judged_has_one_word(root, tmp_path):
    clips, stretches = export(root, tmp_path / "out")
    told, videos = written(tmp_path / "out")
    assert clips == len(told["labels"]) == len(videos) == 6
    assert stretches == sum(map(len, told["labels"].values()))
    hidden = [(told["classes"][r["label"]], r["support"]) for r in told["labels"]["hidden"]]
    # Frames are counted from 1, both ends included.
    assert ("mouth_hidden", [11, 80]) in hidden
    assert [told["classes"][r["label"]] for r in told["labels"]["poor_fit"]] == ["fit_poor"]
    for rows in told["labels"].values():
        supports = [row["support"] for row in rows]
        assert [a for a, _ in supports] == [1, *(b + 1 for _, b in supports[:-1])]
        assert supports[-1][1] == fake.FRAMES


def test_it_points_at_videos_and_copies_none(root, tmp_path):
    export(root, tmp_path / "out")
    _, videos = written(tmp_path / "out")
    assert all(
        path.startswith(str((root / "data" / ".store").resolve())) for path in videos.values()
    )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [DATA, LABELS]


def test_a_clip_without_media_is_left_out(tmp_path):
    root = fake.build(tmp_path / "run", videos=False)
    assert export(root, tmp_path / "out") == (0, 0)


def test_writing_again_gives_the_same_bytes_and_other_folders_are_left_alone(root, tmp_path):
    export(root, tmp_path)
    before = (tmp_path / LABELS).read_bytes()
    export(root, tmp_path)
    assert (tmp_path / LABELS).read_bytes() == before
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(CradleError, match="holds other files"):
        export(root, tmp_path)


def test_without_a_run_it_says_how_to_make_one(tmp_path):
    with pytest.raises(CradleError, match=r"clips\.parquet: not found; `make run`"):
        export(tmp_path, tmp_path / "out")


def test_the_command_says_how_to_open_it(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(root)
    parser = command.argparse.ArgumentParser()
    command.arguments(parser)
    assert command.run(parser.parse_args([str(tmp_path / "out")])) == 0
    assert "FiftyOneTemporalDetectionDataset" in capsys.readouterr().out
