"""The cluster file of the guide is one that Ray takes, and asks for what the guide says."""

from __future__ import annotations

import re

import pytest
import yaml

from pipeline.core.code import PROJECT
from pipeline.face import landmarks
from pipeline.generator import featured
from pipeline.morph import fit_stage
from pipeline.voice import isolate

FILE = PROJECT / "pipeline/core/cluster.yaml"
GUIDE = FILE.with_name("CLUSTER.md")

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def test_ray_takes_it() -> None:
    util = pytest.importorskip("ray.autoscaler._private.util", reason="Ray is not installed")
    content = yaml.safe_load(FILE.read_text())
    util.validate_config(util.prepare_config(content))
    with pytest.raises(Exception, match="no_such_key"):
        util.validate_config(util.prepare_config({**content, "no_such_key": 1}))


def test_it_starts_ray_out_of_the_shared_folder_with_nothing_sent_anywhere() -> None:
    content = yaml.safe_load(FILE.read_text())
    starts = [
        line
        for kind in ("head_start_ray_commands", "worker_start_ray_commands")
        for line in content[kind]
        if "ray start" in line
    ]
    assert len(starts) == 2
    for line in starts:
        assert line.startswith("cd /shared/cradle && ")
        assert "RAY_USAGE_STATS_ENABLED=0" in line
    assert len(content["provider"]["worker_ips"]) == content["max_workers"]


def test_the_guide_names_what_is_there() -> None:
    for name in re.findall(r"\]\((?!http)([^)#]+)\)", GUIDE.read_text()):
        assert (GUIDE.parent / name).exists(), name


def test_the_guide_tells_the_shares_of_a_gpu_that_steps_ask_for() -> None:
    row = re.compile(r"^\| (`\w+`(?:, \w+)?) \| ([\d.]+) \|", re.MULTILINE)
    told = dict(row.findall(GUIDE.read_text()))
    assert {name: float(share) for name, share in told.items()} == {
        "`stem`": isolate._STEM_NEEDS.gpu,
        "`stem`, demucs": isolate._DEMUCS_NEEDS.gpu,
        "`voice`": isolate._VOICE_NEEDS.gpu,
        "`features`, voc2vec": featured._NETWORK_NEEDS.gpu,
        "`face`, mediapipe": landmarks._NEEDS.gpu,
        "`face`, fan": landmarks._ON_GPU["fan"].gpu,
        "`fit`": fit_stage._NEEDS.gpu,
    }
