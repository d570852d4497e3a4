"""The pyannote backend of who sounds when: a checkpoint of pyannote.audio, the hub's or one's own.

models/weights.lock names it `pyannote_voices`: a Lightning checkpoint of a PyanNet (what the hub
calls pytorch_model.bin), or the config.yaml of a pipeline whose `segmentation` is such a file
beside it. `isolate.pyannote_labels` says which of its classes is whom: a voice-type classifier
(KCHI, OCH, MAL, FEM), voice activity, or a diarization's segmentation, of nameless speakers.

The file is read without unpickling: whatever is in it beside numbers and names is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from numpy.typing import NDArray

from pipeline.core.backends import BackendInfo, file_digest
from pipeline.core.errors import BackendError, WeightsError
from pipeline.core.full_floats import full_floats
from pipeline.core.restoring import reading
from pipeline.core.weights import locked, of_the_user
from pipeline.voice import tagger
from pipeline.voice.backends import AT_ONCE_S, RATE, TRACK_HZ, Samples, Voices
from pipeline.voice.sounding import audible, louder, nobody, sung
from pipeline.voice.voices_windows import Scores, Windows, on_grid

if TYPE_CHECKING:
    from pipeline.voice.voices_network import PyanNet

LOCKED = "pyannote_voices"
_TASK = "pyannote.audio.core.task"
_EXPECTED = (
    "a whole checkpoint of pyannote.audio's PyanNet with nothing but numbers and names in it"
)
_SHORTEST = round(0.1 * RATE)


def info() -> BackendInfo:
    """Describe the backend.

    Raises:
        WeightsError: models/weights.lock names no checkpoint for it.
    """
    weights = of_the_user(LOCKED, "a pyannote.audio checkpoint")
    both = hashlib.sha256(f"{weights.sha256} {tagger.digest()}".encode()).hexdigest()
    return BackendInfo("voices", "pyannote", both, weights.licence, embedded=False)


def load(device: str) -> Pyannote:
    """Load the checkpoint that the lock names onto a device.

    Raises:
        WeightsError: it is missing, another file, cut short, or more than numbers and names.
    """
    return Pyannote(_checkpoint_of(locked(LOCKED)), device)


class Pyannote:
    """A `VoiceTracker` over any PyanNet."""

    def __init__(self, path: Path, device: str) -> None:
        import torch

        # Sums differ in the last bit with the number of threads; measurements must not.
        torch.set_num_threads(1)
        full_floats()
        self._device = device
        self._network, self._task = _read(path)
        self._network.to(device).eval()
        self._tagger = tagger.load(device)
        size = round(self._task.duration * RATE)
        self._windows = Windows(size, round(0.1 * size), self._network.shape.hop)

    @property
    def classes(self) -> tuple[str, ...]:
        """What it tells apart, in its own words."""
        return tuple(self._task.classes or ())

    def voices(self, sound: Samples, stem: Samples, labels: Mapping[str, str]) -> Voices:
        """See `VoiceTracker`.

        Raises:
            BackendError: `labels` misses a class, or calls none of them the infant.
        """
        whose = self._whose(labels)
        return self._weighed(self._windows.score(sound, self._said), sound, stem, whose)

    def voices_of(
        self, sounds: Sequence[Samples], stems: Sequence[Samples], labels: Mapping[str, str]
    ) -> list[Voices]:
        """See `VoiceTracker`.

        Raises:
            BackendError: as for one.
        """
        whose, at_once = self._whose(labels), max(1, round(AT_ONCE_S / self._task.duration))
        heard = self._windows.scores(sounds, self._said, at_once)
        clips = zip(heard, sounds, stems, strict=True)
        return [self._weighed(scores, sound, stem, whose) for scores, sound, stem in clips]

    def _weighed(
        self, scores: Scores, sound: Samples, stem: Samples, whose: Sequence[str]
    ) -> Voices:
        """Who sounds when, of scores (frames, classes) as the network gives them."""
        steps = len(sound) // round(RATE / TRACK_HZ) + 1
        if len(sound) < _SHORTEST:
            return nobody(steps)
        shape = self._network.shape
        scores = on_grid(scores, (shape.reach - 1) / 2, shape.hop, round(RATE / TRACK_HZ), steps)
        tracks = {who: _greatest(scores, whose, who) for who in ("infant", "adult", "other")}
        # What only knows that somebody speaks leaves it to the separator who it is.
        voice, nearer = _greatest(scores, whose, "voice"), louder(stem, sound, steps)
        infant = np.maximum(tracks["infant"], voice * nearer)
        adult = np.maximum(tracks["adult"], voice * (1 - nearer))
        heard = audible(sound, steps)
        infant = infant * np.minimum(heard, audible(stem, steps))
        tags = self._tagger.tags(sound, stem, infant)
        return Voices(infant, adult * heard, tracks["other"] * heard, sung(stem, infant), tags)

    def _whose(self, labels: Mapping[str, str]) -> list[str]:
        # Speakers of a diarization are numbered: speaker#1, speaker#2.
        names = [name.split("#")[0] for name in self.classes]
        unknown = sorted({name for name in names if name not in labels})
        if unknown:
            raise BackendError(
                f"pyannote: isolate.pyannote_labels says nothing of {', '.join(unknown)}; "
                f"its classes are {', '.join(self.classes)}"
            )
        whose = [labels[name] for name in names]
        if not {"infant", "voice"} & set(whose):
            raise BackendError(
                f"pyannote: isolate.pyannote_labels calls none of {', '.join(self.classes)} "
                "infant or voice"
            )
        return whose

    def _said(self, windows: NDArray[np.float32]) -> Scores:
        import torch

        with torch.inference_mode():
            logits = self._network(torch.from_numpy(windows)[:, None].to(self._device))
            if self._task.powerset_max_classes is None:
                return np.asarray(torch.sigmoid(logits).cpu().numpy(), np.float32)
            odds = torch.softmax(logits, -1).cpu().numpy()
        return np.asarray(odds @ _members(self._task), np.float32)


class Problem(Enum):
    """Stands for pyannote.audio's class of that name, whose import takes a dozen seconds."""

    BINARY_CLASSIFICATION = 0
    MONO_LABEL_CLASSIFICATION = 1
    MULTI_LABEL_CLASSIFICATION = 2
    REPRESENTATION = 3
    REGRESSION = 4


class Resolution(Enum):
    """Likewise."""

    FRAME = 1
    CHUNK = 2


@dataclass
class Specifications:
    """Likewise: what a checkpoint says of its task."""

    problem: Problem = Problem.MULTI_LABEL_CLASSIFICATION
    resolution: Resolution = Resolution.FRAME
    duration: float = 5.0
    min_duration: float | None = None
    warm_up: tuple[float, float] | None = (0.0, 0.0)
    classes: list[str] | None = field(default_factory=list)
    powerset_max_classes: int | None = None
    permutation_invariant: bool = False


def _member(cls: Any, name: str) -> Enum:
    """Serve the enumerations that early releases of Python 3.11 write as getattr(class, name)."""
    for known in (Problem, Resolution):
        if cls is known:
            return known[name]
    raise ValueError(f"it asks for {name!r} of a thing that is no enumeration")


def _checkpoint_of(path: Path) -> Path:
    """The checkpoint itself: of a pipeline, the file that its config names, by digest."""
    if path.suffix not in (".yaml", ".yml"):
        return path
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))["pipeline"]["params"]
        named, digest = said["segmentation"], said["segmentation_sha256"]
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError):
        raise WeightsError(
            f"{path}: expected a pipeline's config with params.segmentation, a file beside it, "
            "and params.segmentation_sha256"
        ) from None
    checkpoint = path.parent / Path(str(named)).name
    found = file_digest(checkpoint)
    if found != digest:
        raise WeightsError(f"{checkpoint}: sha256 {found[:12]}..., expected {str(digest)[:12]}...")
    return checkpoint


def _read(path: Path) -> tuple[PyanNet, Specifications]:
    import torch
    from torch.torch_version import TorchVersion

    from pipeline.voice.voices_network import PyanNet

    stand_ins: list[Any] = [
        (cls, f"{_TASK}.{cls.__name__}") for cls in (Problem, Resolution, Specifications)
    ]
    by_name = (_member, "builtins.getattr")
    safe = torch.serialization.safe_globals([*stand_ins, by_name, TorchVersion])
    with reading(path, _EXPECTED), safe:
        content = torch.load(path, map_location="cpu", weights_only=True)
        about, sizes = content["pyannote.audio"], content["hyper_parameters"]
        task = about["specifications"]
        network = PyanNet(_shape(about["architecture"], sizes, task))
        weights = {
            name: value
            for name, value in content["state_dict"].items()
            if not name.startswith(("loss_func.", "validation_metric."))
        }
        network.load_state_dict(weights)
    return network, task


def _shape(architecture: Mapping[str, str], sizes: Mapping[str, Any], task: Specifications) -> Any:
    from pipeline.voice.voices_network import Shape

    if architecture["class"] != "PyanNet":
        raise ValueError(f"it is a {architecture['class']}")
    if task.resolution is not Resolution.FRAME:
        raise ValueError("it scores whole windows, not frames")
    classes = len(_members(task)) if task.powerset_max_classes else len(task.classes or ())
    return Shape(classes, sizes["sincnet"], sizes["lstm"], sizes["linear"])


def _members(task: Specifications) -> NDArray[np.float32]:
    """Which classes (subsets, classes) each class of a powerset stands for (Plaquet 2023)."""
    count = len(task.classes or ())
    sets = [
        members
        for size in range((task.powerset_max_classes or 0) + 1)
        for members in combinations(range(count), size)
    ]
    table = np.zeros((len(sets), count), np.float32)
    for row, members in enumerate(sets):
        table[row, list(members)] = 1.0
    return table


def _greatest(scores: Scores, whose: Sequence[str], who: str) -> NDArray[np.float32]:
    columns = [number for number, name in enumerate(whose) if name == who]
    return scores[:, columns].max(1) if columns else np.zeros(len(scores), np.float32)
