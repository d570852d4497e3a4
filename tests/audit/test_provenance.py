"""What a report was made from: digests to be checked by hand, parameters with their defaults."""

import hashlib
import re
import shutil
import subprocess

import pytest
import yaml

from pipeline.audit import read
from pipeline.audit.provenance import INPUTS, provenance, source_digest
from pipeline.commands import summary
from pipeline.core.code import PROJECT
from pipeline.core.params import fit
from pipeline.params import Everything
from tests.audit import fake


def everything(**changes):
    content = yaml.safe_load((PROJECT / "params.yaml").read_text())
    for section, values in changes.items():
        content[section] |= values
    return fit(content, Everything, "params.yaml")


@pytest.fixture
def run(tmp_path):
    return fake.build(tmp_path, hostile=False, videos=False)


def told(project, /, **changes):
    return provenance(project, read.read(project / "data"), everything(**changes))


def test_files_have_the_digest_that_sha256sum_prints(run):
    (run / "data" / "sources.csv").write_bytes(b"id,address\n")
    found = dict(told(run).inputs)
    assert found["data/sources.csv"] == hashlib.sha256(b"id,address\n").hexdigest()
    assert found["data/overrides.csv"] == ""
    assert list(found) == list(INPUTS)


def test_other_media_have_another_digest(run):
    before = told(run)
    path = run / "data" / "download" / "clips.parquet"
    clips = read.tables.read(path)
    clips.loc[2, "media_digest"] = "other"
    read.tables.write(path, clips)
    after = told(run)
    assert before.clips == after.clips == 7
    assert before.media != after.media


def test_parameters_that_were_changed_are_told_with_their_defaults(run):
    changed = {param.key: param for param in told(run, select={"max_yaw_deg": 31.5}).changed}
    assert changed["select.max_yaw_deg"].value == "31.5"
    assert float(changed["select.max_yaw_deg"].default) != 31.5
    # How work is run is no part of what came out.
    keys = [param.key for param in told(run, run={"workers": 7}).params]
    assert not [key for key in keys if key.startswith("run")]
    assert "train.network.width" in keys
    assert len(keys) == len(set(keys))


def test_a_report_does_not_depend_on_how_it_was_run(run):
    assert told(run, run={"workers": 1}) == told(run, run={"workers": 3})


def test_the_code_s_digest_follows_the_code_alone(tmp_path):
    for name in ("pipeline/core", "stages"):
        shutil.copytree(
            PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    before = source_digest(tmp_path)
    (tmp_path / "stages" / "notes.txt").write_text("nothing that runs")
    assert source_digest(tmp_path) == before
    file = tmp_path / "pipeline" / "core" / "ids.py"
    file.rename(file.with_name("idents.py"))
    renamed = source_digest(tmp_path)
    assert renamed != before
    file.with_name("idents.py").write_text("x = 1\n")
    assert source_digest(tmp_path) not in (before, renamed)
    assert source_digest() == source_digest()


def git(folder, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def test_the_summary_names_the_commit_and_whether_files_differ_from_it(tmp_path):
    assert summary.origin(tmp_path) == {"code": source_digest(), "commit": None, "changed": None}
    git(tmp_path, "init", "-q")
    (tmp_path / "params.yaml").write_text("a: 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    clean = summary.origin(tmp_path)
    assert re.fullmatch("[0-9a-f]{40}", clean["commit"])
    assert clean["changed"] is False
    assert summary.in_words(clean).startswith(f"commit {clean['commit'][:12]}, code ")
    (tmp_path / "params.yaml").write_text("a: 2\n")
    changed = summary.origin(tmp_path)
    assert changed["changed"] is True
    assert "with changes" in summary.in_words(changed)
    assert "no commit" in summary.in_words({**clean, "commit": None})


@pytest.mark.parametrize("evaluation", [None, {"spans": 0}])
def test_where_nothing_was_kept_the_summary_says_so_and_tells_of_no_methods(evaluation):
    content = {
        "clips": 3,
        "kept": 0,
        "dropped": {"landmarks": {"no_face": 3}},
        "spans": 0,
        "latents": 0,
        "splits": {},
        "evaluation": evaluation,
        "report": "report.html",
        "origin": {"code": "0" * 64, "commit": None, "changed": None},
    }
    words = summary._words(content)
    assert words.startswith("3 clips in, 0 kept\n  dropped by landmarks: no_face 3\n0 latents")
    assert "lve" not in words
