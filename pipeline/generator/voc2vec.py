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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.backends import BackendInfo
from pipeline.core.errors import BackendError, WeightsError
from pipeline.core.weights import locked, of_the_user

NAME = "voc2vec"
MODELS = {"wav2vec2": "Wav2Vec2Model", "hubert": "HubertModel"}
LONGEST_SAMPLES = 60 * 16_000
"""What is heard at once; of a longer clip each part hears a margin of its neighbours too."""
MARGIN_SAMPLES = 5 * 16_000

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
        windows = max(0, (len(sound) - self._window) // self.hop_samples + 1)
        if self._normalised and len(sound):
            sound = (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)
        rows = np.zeros((windows, self.width), np.float32)
        for first, last, start, stop in self._parts(windows):
            begin, end = start * self.hop_samples, (stop - 1) * self.hop_samples + self._window
            # What is left after the last window counts for a norm over time.
            heard = sound[begin : end if stop < windows else None]
            rows[first:last] = self._hidden(heard)[first - start : last - start]
        return rows

    def _parts(self, windows: int) -> Iterator[tuple[int, int, int, int]]:
        """First and last window of each part, and of what is heard for its sake."""
        margin, step = MARGIN_SAMPLES // self.hop_samples, LONGEST_SAMPLES // self.hop_samples
        for first in range(0, windows, step):
            last = min(windows, first + step)
            yield first, last, max(0, first - margin), min(windows, last + margin)

    def _hidden(self, sound: Floats) -> Floats:
        import torch

        heard = torch.from_numpy(np.ascontiguousarray(sound, np.float32))[None]
        with torch.no_grad():
            out = self._model(heard.to(self._model.device), output_hidden_states=True)
        states = out.hidden_states if self.layer == "mix" else [out.hidden_states[self.layer]]
        return torch.cat(list(states), -1)[0].float().cpu().numpy()


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
