from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from pipeline.core.stage import Stage
from pipeline.generator import train
from pipeline.generator.params import Evaluate, Network, Train, Weights
from tests.generator.world import ToyFace, make_pack

SMALL = Train(
    steps=200,
    batch_spans=8,
    window_frames=48,
    learning_rate=2e-3,
    warmup_steps=10,
    ema_decay=0.95,
    # What is noise in the toy world's law is in what is judged too.
    filter_fit_noise=False,
    jitter=0.2,
    noise_floor=0.0,
    validate_every_steps=10,
    validation_levels=2,
    network=Network(layers=2, width=32, heads=2, dropout=0.0),
    weights=Weights(lips=0.1, lips_velocity=0.1),
)


class Unlogged:
    """Curves that go nowhere."""

    step = 0

    def log_metric(self, name, value):
        pass

    def make_summary(self):
        pass


def stage_in(root: Path, name: str, params) -> Stage:
    runner = SimpleNamespace(run=SimpleNamespace(device="cpu"))
    return Stage(name, params, None, root, None, runner)


@dataclass(frozen=True)
class Trained:
    root: Path
    face: ToyFace
    line: str


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Threads beside other work mostly wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Trained:
    """The tiny world with a generator trained in it."""
    root = tmp_path_factory.mktemp("world")
    make_pack(root / "data/pack")
    face = ToyFace()
    summary = train.run(stage_in(root, "train", SMALL), face)
    return Trained(root, face, summary.line("train", 0.0))


@pytest.fixture
def evaluate_params() -> Evaluate:
    return Evaluate(videos=1, plotted_spans=2, sample_steps=4)
