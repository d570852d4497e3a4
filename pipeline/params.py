"""The shape of params.yaml: one section a stage, and what several stages share."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from pipeline.audit.params import Audit
from pipeline.core import vault
from pipeline.core.params import Params, read
from pipeline.core.runner import Run
from pipeline.dataset.params import Pack, Select
from pipeline.face.params import Landmarks
from pipeline.generator.params import Evaluate, Features, Train
from pipeline.morph.params import Fit
from pipeline.nursery.params import Nursery
from pipeline.sources.params import Download
from pipeline.voice.params import Isolate
from pipeline.voice.vocalizations_params import Vocalization

FILE = "params.yaml"
STAGES = (
    "download",
    "isolate",
    "landmarks",
    "select",
    "fit",
    "pack",
    "train",
    "evaluate",
    "audit",
)


class Everything(Params):
    """All of params.yaml."""

    run: Run
    vocalizations: tuple[Vocalization, ...] = Field(min_length=1)
    """What the dataset is about."""
    nursery: Nursery
    download: Download
    isolate: Isolate
    landmarks: Landmarks
    select: Select
    fit: Fit
    features: Features
    pack: Pack
    train: Train
    evaluate: Evaluate
    audit: Audit

    @field_validator("vocalizations")
    @classmethod
    def _names_differ(cls, value: tuple[Vocalization, ...]) -> tuple[Vocalization, ...]:
        names = [vocalization.name for vocalization in value]
        if len(set(names)) < len(names):
            raise ValueError(f"each vocalization needs a name of its own, found {names}")
        return value


def load(root: Path) -> Everything:
    """Read and check the params.yaml of a project; its media are opened with the key it names.

    Raises:
        ParamsError: every misfit, with file, key and what is allowed.
        VaultError: there is no such key.
    """
    everything = read(root / FILE, Everything)
    vault.use(everything.run.media_key, root)
    return everything
