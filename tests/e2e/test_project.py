"""The whole graph, as a data engineer runs it: nothing twice, nothing lost, the same anywhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from pipeline.core import ledger, tables
from pipeline.dataset import shards
from pipeline.params import STAGES
from tests.e2e.project import LINE, NO_NETWORK, SMALL, Project, Ran, may_cut_off

pytestmark = pytest.mark.slow

MEASURING = ("download", "isolate", "landmarks", "fit")
JUDGING = ("download", "isolate", "landmarks", "select", "fit", "pack")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Ran]:
    project = Project.copy(tmp_path_factory.mktemp("project"), **SMALL)
    fetched = project.dvc("repro", "download")
    assert fetched.code == 0, fetched.output
    ran = project.cut_off("repro") if may_cut_off() else project.dvc("repro")
    assert ran.code == 0, ran.output
    project.commit()
    return project, Ran(0, fetched.output + ran.output, fetched.seconds + ran.seconds)


@pytest.fixture
def project(finished: tuple[Project, Ran], tmp_path: Path) -> Project:
    """The finished project, copied, for a test to change."""
    return finished[0].copied(tmp_path / "project")


def test_every_stage_after_download_does_without_a_network(finished: tuple[Project, Ran]) -> None:
    if not may_cut_off():
        pytest.skip("this machine lets nobody make a place without a network")
    project = finished[0]
    told = project.command(
        "-c",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        within=NO_NETWORK,
    )
    assert "unreachable" in told.output
    assert set(STAGES) == set(finished[1].lines)


def test_every_stage_says_one_line(finished: tuple[Project, Ran]) -> None:
    said = [name for name, *_ in LINE.findall(finished[1].output)]
    # DVC runs what does not wait for one another in any order.
    assert sorted(said) == sorted(STAGES)


def test_nothing_vanishes(finished: tuple[Project, Ran]) -> None:
    project = finished[0]
    came_in = SMALL["nursery"]["clips"]
    for stage in JUDGING:
        rows = ledger.read_clips(project.root / "data" / stage / "ledger.parquet")
        assert len(rows) == came_in
        came_in = (rows["state"] == "kept").sum()
    assert came_in == shards.index(project.root / "data/pack")["clip"].nunique() > 0


def test_a_second_run_does_nothing(finished: tuple[Project, Ran]) -> None:
    again = finished[0].dvc("repro")
    assert again.code == 0
    assert again.lines == {}
    assert "Running stage" not in again.output


def test_metrics_and_plots_can_be_read(finished: tuple[Project, Ran]) -> None:
    project = finished[0]
    shown = project.command("-m", "dvc", "metrics", "show", "--json")
    assert "lve" in shown.output
    plots = project.dvc("plots", "show")
    assert plots.code == 0, plots.output
    page = Path(plots.output.split("file://")[-1].split()[0]).read_text()
    # The report's own figures are among them.
    for name in ("learning", "funnel", "yield", "retention"):
        assert name in page, name
    assert "pack: kept" in page


def test_the_summary_is_one_screen_and_json_is_for_programs(finished: tuple[Project, Ran]) -> None:
    project = finished[0]
    words = project.cradle("summary")
    assert words.code == 0
    assert len(words.output.splitlines()) <= 40
    assert "report.html" in words.output
    assert "fitted mesh" in (project.root / "data/audit/report.html").read_text()
    content = json.loads(project.cradle("summary", "--json").output)
    assert content["clips"] == SMALL["nursery"]["clips"]


def test_what_is_stored_and_what_nothing_needs(project: Project) -> None:
    said = json.loads(project.cradle("status", "--json").output)
    assert said["stages"] == {}
    assert not any(step["to_measure"] for step in said["steps"].values())
    faces = project.root / "data/.store/face"
    needed = sorted(faces.glob("??/*"))
    stale = faces / "00" / ("0" * 64)
    shutil.copytree(needed[0], stale)
    would = json.loads(project.cradle("store", "gc", "--dry-run", "--json").output)
    assert would["removed"]["face"] == 1
    assert "features" not in would["removed"]
    assert stale.exists()
    assert project.cradle("store", "gc", "--rev", "HEAD").code == 0
    assert sorted(faces.glob("??/*")) == needed
    project.change(fit={"age_spread_months": 4.0})
    said = json.loads(project.cradle("status", "--json").output)
    assert len(said["steps"]["fit"]["to_measure"]) > 0
    assert said["steps"]["fit"]["core_seconds"] > 0
    assert "fit" in said["stages"]
    assert project.cradle("store", "gc", "--rev", "no_such_rev").code == 1


def test_what_was_pushed_elsewhere_is_not_measured_again(project: Project, tmp_path: Path) -> None:
    there, store = str(tmp_path / "there"), project.root / "data/.store"
    before = project.bytes_of("data/fit/**/*.parquet")
    held_back = json.loads(project.cradle("store", "push", there, "--json").output)["held_back"]
    assert held_back > 0
    pushed = json.loads(project.cradle("store", "push", there, "--media", "--json").output)
    assert pushed["moved"] == held_back
    assert there in (project.root / "data/remotes.csv").read_text()
    shutil.rmtree(store)
    lost = project.cradle("status", "--json")
    assert lost.code == 0, lost.output
    assert "isolate" in json.loads(lost.output)["not_told_whole"]
    pulled = project.cradle("store", "pull", there)
    assert pulled.code == 0, pulled.output
    made = {step: sorted((store / step).glob("??/*")) for step in ("media", "stem", "face", "fit")}
    ran = project.dvc("repro", "--force", "fit")
    assert ran.code == 0, ran.output
    logged = [
        json.loads(line)
        for path in (store / "logs").glob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    kept = set(tables.read(project.root / "data/download/clips.parquet")["clip"])
    assert not [it for it in logged if it["clip"] in kept]
    assert made == {step: sorted((store / step).glob("??/*")) for step in made}
    assert project.bytes_of("data/fit/**/*.parquet") == before


@pytest.mark.parametrize(
    "words", [["status"], ["capacity", "--clips", "1e6", "--cores", "64"], ["store", "gc"]]
)
def test_what_only_looks_does_without_models(
    finished: tuple[Project, Ran], words: list[str]
) -> None:
    code = (
        f"import sys; from pipeline.__main__ import main; code = main({words});"
        "heavy = {'torch', 'mediapipe', 'transformers'} & set(sys.modules);"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)"
    )
    looked = finished[0].command("-c", code)
    assert looked.code == 0, looked.output


def test_why_tells_of_any_clip(finished: tuple[Project, Ran]) -> None:
    project = finished[0]
    rows = ledger.read_clips(project.root / "data/select/ledger.parquet")
    for clip, reason in zip(rows["clip"][::3], rows["reason"][::3], strict=True):
        told = project.cradle("why", clip)
        assert told.code == 0, told.output
        assert reason in told.output
    unknown = project.cradle("why", "nobody")
    assert unknown.code == 1
    assert "nobody" in unknown.output
    assert "Traceback" not in unknown.output


def test_a_threshold_costs_no_measurement(project: Project) -> None:
    project.change(select={"max_yaw_deg": 30.0})
    ran = project.dvc("repro", "select")
    assert set(ran.lines) == {"select"}
    assert ran.lines["select"].measured == 0
    assert ran.lines["select"].seconds < 3
    told = project.cradle("diff", "HEAD", "--json")
    assert told.code == 0, told.output
    assert {row["cause"] for row in json.loads(told.output)} <= {"thresholds"}
    assert project.cradle("diff", "no_such_rev").code == 1


def test_an_experiment_runs_with_one_parameter_changed(project: Project) -> None:
    for name, most_deg in (("narrow", 1), ("wide", 30)):
        ran = project.dvc(
            "exp", "run", "-n", name, "-S", f"select.max_yaw_deg={most_deg}", "select"
        )
        assert ran.code == 0, ran.output
        assert set(ran.lines) == {"select"}
    told = project.cradle("diff", "narrow", "--json")
    assert told.code == 0, told.output
    flipped = json.loads(told.output)
    assert {row["by"] for row in flipped} == {"select.max_yaw_deg 1.0 -> 30.0"}
    assert any(row["frames"] for row in flipped)


def test_a_comment_in_a_measuring_module_costs_no_measurement(project: Project) -> None:
    for module in ("pipeline/face/landmarks.py", "pipeline/voice/isolate.py"):
        path = project.root / module
        path.write_text(path.read_text() + "\n# Said in other words.\n")
    ran = project.dvc("repro")
    assert ran.code == 0, ran.output
    assert {"isolate", "landmarks"} <= set(ran.lines)
    # The report's drawings are named by no table, and went with what nothing needed.
    assert not {stage: n for stage, n in ran.measured.items() if n and stage != "audit"}


def test_one_clip_more_is_one_clip_measured(project: Project) -> None:
    project.add_another()
    ran = project.dvc("repro", "fit")
    assert ran.code == 0, ran.output
    assert {name: ran.measured[name] for name in MEASURING} == dict.fromkeys(MEASURING, 1)


def test_workers_and_order_change_no_byte(finished: tuple[Project, Ran], project: Project) -> None:
    tables = "data/[!.]*/**/*.parquet"
    project.change(run={"workers": 1})
    project.forget(3)
    ran = project.dvc("repro", "--force", "select")
    assert ran.code == 0, ran.output
    assert ran.measured == {"download": 3, "isolate": 3, "landmarks": 3, "select": 0}
    assert project.bytes_of(tables) == finished[0].bytes_of(tables)
    assert project.lock == finished[0].lock


def test_switched_off_the_nursery_leaves_nothing(project: Project) -> None:
    project.change(nursery={"clips": 0})
    ran = project.dvc("repro", "select")
    assert ran.code == 0, ran.output
    for stage in ("download", "isolate", "landmarks", "select"):
        for path in (project.root / "data" / stage).rglob("*.parquet"):
            assert len(tables.read(path)) == 0, path


def test_a_wrong_parameter_stops_before_any_work(project: Project) -> None:
    project.change(train={"learning_rat": 0.1})
    ran = project.dvc("repro", "--force", "download")
    assert ran.code != 0
    assert "params.yaml: train.learning_rat: no such key; allowed here:" in ran.output
    assert "Traceback" not in ran.output


def test_a_malformed_catalogue_is_told_line_by_line(project: Project) -> None:
    sources = project.root / "data/sources.csv"
    header = sources.read_text().splitlines()[0].split(",")
    bad = [{"id": "Bad Id", "address": "x.mp4"}, {"id": "fine", "consent": "maybe"}]
    lines = [",".join(row.get(name, "") for name in header) for row in bad]
    sources.write_text("\n".join([",".join(header), *lines]) + "\n")
    ran = project.dvc("repro", "download")
    assert ran.code != 0
    assert "Traceback" not in ran.output
    assert "line 2" in ran.output
    assert "line 3" in ran.output


def test_frames_that_were_judged_are_on_record(finished: tuple[Project, Ran]) -> None:
    frames: pd.DataFrame = tables.read(finished[0].root / "data/select/frames.parquet")
    clips = tables.read(finished[0].root / "data/download/clips.parquet")
    counted = frames.groupby("clip").size()
    for clip, expected in zip(clips["clip"], clips["frames"], strict=True):
        assert counted[clip] == expected
