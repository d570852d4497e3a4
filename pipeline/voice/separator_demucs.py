"""Any pretrained model of the demucs package as a separator: its vocals are the stem.

It separates voices from music and keeps the parent with the child; it is here as the peer that
everyone knows. The file is named by models/weights.lock:

    demucs:
      path: models/demucs/955717e8-8726e21a.th    # as `demucs` fetches it, or from a local repo
      sha256: ...
      licence: MIT
      origin: https://dl.fbaipublicfiles.com/demucs/hybrid_transformer/955717e8-8726e21a.th
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.backends import BackendInfo
from pipeline.core.errors import WeightsError
from pipeline.core.full_floats import full_floats
from pipeline.core.restoring import reading
from pipeline.core.weights import locked, of_the_user
from pipeline.voice.backends import RATE, Wave
from pipeline.voice.separation_chunks import Piece, Work, overlapped, together, whole

NAME = "demucs"

_STEMS = ("infant", "vocals")
_LONGEST_S = 30.0
_AT_ONCE = 4
"""Chunks that a GPU is given at a time: of htdemucs' 7.8 s they take 1.8 GB beside the weights."""


def info() -> BackendInfo:
    """Describe the backend.

    Raises:
        WeightsError: the lock does not say which weights it should have.
    """
    weights = of_the_user(NAME, "a model that the demucs package fetches")
    return BackendInfo("separation", NAME, weights.sha256, weights.licence, embedded=False)


def load(device: str) -> Demucs:
    """Load the model onto a device.

    Raises:
        WeightsError: it is missing, another than the lock says, or no model of the package.
    """
    info()
    return Demucs(locked(NAME), device)


class Demucs:
    """A `Separator`: the vocals of a model that was trained on music."""

    def __init__(self, path: Path, device: str) -> None:
        import torch

        torch.set_num_threads(1)
        full_floats()
        self._device = device
        self._model = read_model(path).to(device).eval()
        known = [name for name in _STEMS if name in self._model.sources]
        if not known:
            raise WeightsError(
                f"{path}: gives {', '.join(self._model.sources)}; one of {', '.join(_STEMS)} is "
                "needed"
            )
        self._source = self._model.sources.index(known[0])

    def separate(self, sound: Wave, rate: int) -> tuple[Wave, Wave]:
        """See `Separator`; `rate` is 16 kHz."""
        if rate != RATE:
            raise ValueError(f"{rate} Hz where {RATE} were expected")
        stem = whole(self.stream([sound]))
        return stem, sound - stem

    def stems(self, sounds: Sequence[Wave]) -> list[Wave]:
        """See `Separator`."""
        return together(sounds, self._cut, self._of_pieces)

    def stream(self, blocks: Iterable[Wave]) -> Iterator[Wave]:
        """See `Separator`."""
        return self._cut(blocks, lambda piece: self._of_pieces([piece])[0])

    def _cut(self, blocks: Iterable[Wave], work: Work) -> Iterator[Wave]:
        chunk, hop = self._pieces
        return overlapped(blocks, work, chunk, hop)

    @cached_property
    def _pieces(self) -> tuple[int, int]:
        """Samples of a chunk, and from one to the next, that are whole samples to the model too."""
        unit = RATE // gcd(RATE, int(self._model.samplerate))
        span_s = min(float(self._model.segment), _LONGEST_S)
        chunk = max(4, int(span_s * RATE) // unit) * unit
        return chunk, chunk // unit * 3 // 4 * unit

    def _of_pieces(self, pieces: Sequence[Piece]) -> list[Wave]:
        """The stems (n,) of pieces of one length (n,), which the model hears a few at a time."""
        few = [pieces[at : at + _AT_ONCE] for at in range(0, len(pieces), _AT_ONCE)]
        heard = [np.stack([piece.heard for piece in some]) for some in few]
        return [stem for waves in heard for stem in self._at_once(waves)]

    def _at_once(self, waves: Wave) -> Wave:
        """The stems (chunks, n) of waves (chunks, n)."""
        import torch
        from scipy.signal import resample_poly

        common = gcd(RATE, int(self._model.samplerate))
        up, down = int(self._model.samplerate) // common, RATE // common
        there = np.asarray(resample_poly(waves, up, down, axis=-1), np.float32)
        channels = torch.from_numpy(there)[:, None].expand(-1, self._model.audio_channels, -1)
        with torch.inference_mode():
            found = self._model(channels.to(self._device))[:, self._source].mean(1)
        back = resample_poly(found.cpu().numpy(), down, up, axis=-1)
        return np.asarray(back[:, : waves.shape[-1]], np.float32)


def read_model(path: Path) -> Any:
    """Read a model in the package's own format, of which nothing but tensors and numbers is run.

    Raises:
        WeightsError: it is no such file, or asks for anything beyond the package's models.
    """
    import torch
    from demucs.demucs import Demucs as Time
    from demucs.hdemucs import HDemucs
    from demucs.htdemucs import HTDemucs

    safe = torch.serialization.safe_globals([HTDemucs, HDemucs, Time, Fraction])
    with reading(path, "a model as the demucs package saves it (.th)"), safe:
        package = torch.load(path, "cpu", weights_only=True)
        return _built(package, (HTDemucs, HDemucs, Time))


def _built(package: Any, known: tuple[type, ...]) -> Any:
    klass = package["klass"]
    if klass not in known:
        raise ValueError(f"it holds a {klass!r}")
    accepted = inspect.signature(klass).parameters
    kwargs = {name: value for name, value in package["kwargs"].items() if name in accepted}
    model = klass(*package["args"], **kwargs)
    model.load_state_dict({name: value.float() for name, value in package["state"].items()})
    return model
