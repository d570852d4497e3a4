"""voc2vec, the encoder of non-verbal voices (Koudounas et al. 2025), and its kin.

Any of voc2vec, voc2vec-as-pt, voc2vec-ls-pt and voc2vec-hubert-ls-pt, as their authors publish
them: a folder with config.json, preprocessor_config.json and model.safetensors. models/weights.lock
says which of them is meant:

    voc2vec:
      path: models/voc2vec/model.safetensors
      sha256: ...
      licence: Apache-2.0
      origin: https://huggingface.co/alkiskoudounas/voc2vec-ls-pt at its revision

It runs through the package transformers, which is not one of Cradle's own. It is frozen, and hears
a clip whole: it attends both ways and normalises over time, so that it cannot follow a stream.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.backends import BackendInfo
from pipeline.core.batches import padded
from pipeline.core.errors import BackendError, WeightsError
from pipeline.core.full_floats import full_floats
from pipeline.core.weights import locked, of_the_user

if TYPE_CHECKING:
    from torch import Tensor

NAME = "voc2vec"
MODELS = {"wav2vec2": "Wav2Vec2Model", "hubert": "HubertModel"}
LONGEST_SAMPLES = 60 * 16_000
"""What is heard at once; of a longer clip each part hears a margin of its neighbours too."""
MARGIN_SAMPLES = 5 * 16_000
AT_ONCE_SAMPLES = 120 * 16_000
"""Of several sounds, what a GPU is given at a time. In a model of the base size it takes less than
2 GB, of which most is attention where the parts are the longest."""

Floats = NDArray[np.float32]
Layer = int | str


def info() -> BackendInfo:
    """Describe the encoder.

    Raises:
        WeightsError: models/weights.lock names no weights for it.
    """
    weights = of_the_user(NAME, "a voc2vec's model.safetensors")
    digest = _digest(weights.sha256, weights.file.parent)
    return BackendInfo("audio_features", NAME, digest, weights.licence, embedded=False)


def load(device: str = "cpu") -> Voc2vec:
    """Load the model that the lock names, at its last layer.

    Raises:
        WeightsError: it is missing, another file, or a model of another kind.
        BackendError: transformers is not installed.
    """
    told = info()
    return read(locked(NAME).parent, told.digest, device)


def read(folder: Path, digest: str, device: str = "cpu") -> Voc2vec:
    """Load the model in a folder, at its last layer.

    Raises:
        WeightsError: it is a model of another kind, or not whole.
        BackendError: transformers is not installed.
    """
    kind = _json(folder / "config.json").get("model_type")
    if kind not in MODELS:
        raise WeightsError(
            f"{folder}/config.json: a model of type {kind!r}; {' and '.join(MODELS)} are known"
        )
    try:
        import transformers
    except ImportError:
        raise BackendError(
            "audio_features: voc2vec runs through the package transformers, which is not "
            "installed; `uv pip install transformers`, or take features.backend: logmel"
        ) from None
    try:
        model, found = getattr(transformers, MODELS[kind]).from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise WeightsError(
            f"{folder}: not a whole {kind}: {' '.join(str(error).split())}"
        ) from None
    missing = sorted(set(found["missing_keys"]) - {"masked_spec_embed"})
    if missing:
        raise WeightsError(f"{folder}: not a whole {kind}: without {missing[0]}")
    full_floats()
    normalised = bool(_json(folder / "preprocessor_config.json").get("do_normalize", True))
    return Voc2vec(model.to(device).eval().requires_grad_(False), normalised, digest)


class Voc2vec:
    """An `Encoder`: the hidden states of one layer, or of all of them side by side."""

    name = NAME
    reach_samples = None

    def __init__(self, model: Any, normalised: bool, digest: str, layer: Layer = -1) -> None:
        self._model, self._normalised, self.digest = model, normalised, digest
        config = model.config
        self.layers = int(config.num_hidden_layers) + 1
        if isinstance(layer, int) and not -self.layers <= layer < self.layers:
            raise BackendError(
                f"features.layer: {layer}; this voc2vec has 0 to {self.layers - 1}, and mix"
            )
        self.layer = layer
        self.mixed = self.layers if layer == "mix" else 1
        self.width = self.mixed * int(config.hidden_size)
        self._window, self.hop_samples = _field(config.conv_kernel, config.conv_stride)
        self.first_centre_samples = (self._window - 1) / 2

    def at(self, layer: Layer) -> Voc2vec:
        """The same model, read at another layer: 0 before the first, -1 after the last, or mix."""
        return Voc2vec(self._model, self._normalised, self.digest, layer)

    def encode(self, sound: Floats) -> Floats:
        """Encode (N,) sound at 16 kHz; no window for less than there is in one."""
        rows, parts = self._asked(sound)
        for part in parts:
            rows[part.first : part.last] = part.own(self._hidden(part.sound))
        return rows

    def encode_all(self, sounds: Sequence[Floats]) -> list[Floats]:
        """Encode several, `AT_ONCE_SAMPLES` at a time, each as by itself within rounding."""
        whole, asked = [], []
        for sound in sounds:
            rows, parts = self._asked(sound)
            whole.append(rows)
            asked += [(rows, part) for part in parts]
        for group in padded([len(part.sound) for _, part in asked], AT_ONCE_SAMPLES):
            some = [asked[place] for place in group]
            found = self._hidden_of([part.sound for _, part in some])
            for (rows, part), hidden in zip(some, found, strict=True):
                rows[part.first : part.last] = part.own(hidden)
        return whole

    def _asked(self, sound: Floats) -> tuple[Floats, list[_Part]]:
        """Room for the windows of a sound, and the parts that it is heard in."""
        windows = max(0, (len(sound) - self._window) // self.hop_samples + 1)
        if self._normalised and len(sound):
            sound = (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)
        rows = np.zeros((windows, self.width), np.float32)
        parts = []
        for first, last, start, stop in self._parts(windows):
            begin, end = start * self.hop_samples, (stop - 1) * self.hop_samples + self._window
            # What is left after the last window counts for a norm over time.
            heard = sound[begin : end if stop < windows else None]
            parts.append(_Part(first, last, start, heard))
        return rows, parts

    def _parts(self, windows: int) -> Iterator[tuple[int, int, int, int]]:
        """First and last window of each part, and of what is heard for its sake."""
        margin, step = MARGIN_SAMPLES // self.hop_samples, LONGEST_SAMPLES // self.hop_samples
        for first in range(0, windows, step):
            last = min(windows, first + step)
            yield first, last, max(0, first - margin), min(windows, last + margin)

    def _hidden(self, sound: Floats) -> Floats:
        import torch

        return self._states(torch.from_numpy(np.ascontiguousarray(sound, np.float32))[None])[0]

    def _hidden_of(self, sounds: Sequence[Floats]) -> list[Floats]:
        """The same of several sounds, of which the first is the longest."""
        import torch

        if len(sounds) == 1:
            return [self._hidden(sounds[0])]
        lengths = [len(sound) for sound in sounds]
        heard = torch.zeros(len(sounds), lengths[0])
        for row, sound in zip(heard, sounds, strict=True):
            row[: len(sound)] = torch.from_numpy(np.ascontiguousarray(sound, np.float32))
        there = torch.arange(lengths[0]) < torch.tensor(lengths)[:, None]
        with _apart(self._model, lengths):
            found = self._states(heard, attention_mask=there.to(self._model.device))
        windows = [(length - self._window) // self.hop_samples + 1 for length in lengths]
        return [mine[:count] for mine, count in zip(found, windows, strict=True)]

    def _states(self, heard: Tensor, **mask: Tensor) -> Floats:
        """Of sounds (batch, n) on the CPU, (batch, windows, width)."""
        import torch

        with torch.no_grad():
            out = self._model(heard.to(self._model.device), output_hidden_states=True, **mask)
        states = out.hidden_states if self.layer == "mix" else [out.hidden_states[self.layer]]
        return torch.cat(list(states), -1).float().cpu().numpy()


@dataclass(frozen=True)
class _Part:
    """Windows `first` to `last` of a sound, and what is heard for their sake, from `start` on."""

    first: int
    last: int
    start: int
    sound: Floats

    def own(self, hidden: Floats) -> Floats:
        """Of what was heard (windows, width), what belongs to its own windows."""
        return hidden[self.first - self.start : self.last - self.start]


@contextmanager
def _apart(model: Any, lengths: Sequence[int]) -> Iterator[None]:
    """Let the convolutions of a model hear each of several sounds (batch, n) by itself.

    Some are normed over all of a sound, so what it is filled up with would count; attention, which
    is most of the work, can be told to leave that out.
    """
    import torch

    plain = model.feature_extractor.forward

    def forward(sounds: Any) -> Any:
        found = [plain(one[None, :length]) for one, length in zip(sounds, lengths, strict=True)]
        longest = found[0].shape[-1]
        filled = [torch.nn.functional.pad(it, (0, longest - it.shape[-1])) for it in found]
        return torch.cat(filled)

    model.feature_extractor.forward = forward
    try:
        yield
    finally:
        del model.feature_extractor.forward


def _field(kernels: list[int], strides: list[int]) -> tuple[int, int]:
    """Samples that a window of stacked convolutions sees, and from one window to the next."""
    window = stride = 1
    for kernel, step in zip(kernels, strides, strict=True):
        window += (kernel - 1) * stride
        stride *= step
    return window, stride


def _digest(weights: str, folder: Path) -> str:
    told = [_json(folder / name) for name in ("config.json", "preprocessor_config.json")]
    return hashlib.sha256(json.dumps([weights, *told], sort_keys=True).encode()).hexdigest()


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise WeightsError(f"{path}: belongs to the weights of voc2vec: {error}") from None
    return found if isinstance(found, dict) else {}
