"""What the embedded separator sees of a sound: spectra, and how loud the seconds around are."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SIZE = 640
HOP = 320
BINS = SIZE // 2 + 1
LEVEL = 75
"""Frames to each side that decide how loud a sound counts as."""

_LIFT = 0.3
_UNIT = (SIZE / 2) ** 0.5
"""Root mean square of a spectrum, under the root of a Hann window, of a sound of 1."""
_QUIET = 1e-3


def frames_of(samples: int) -> int:
    """How many frames a sound has: from its first sample to after its last."""
    return -(-samples // HOP) + 1


def analyse(sound: Tensor) -> Tensor:
    """Spectra (batch, BINS, frames_of(n)), complex, of sounds (batch, n)."""
    window = torch.hann_window(SIZE, device=sound.device).sqrt()
    # What only the tail of a window saw would be divided by next to nothing afterwards.
    sound = F.pad(sound, (0, -sound.shape[-1] % HOP))
    return torch.stft(
        sound, SIZE, HOP, window=window, center=True, pad_mode="constant", return_complex=True
    )


def synthesise(spectra: Tensor, samples: int) -> Tensor:
    """Sounds (batch, samples) of spectra (batch, BINS, frames): the inverse of `analyse`."""
    window = torch.hann_window(SIZE, device=spectra.device).sqrt()
    return torch.istft(spectra, SIZE, HOP, window=window, center=True, length=samples)


def levels(spectra: Tensor, there: Tensor | None = None) -> Tensor:
    """How loud (batch, frames) the seconds around each frame are, as a root mean square.

    Of sounds that were filled up to one length, `there` (batch, frames) is 1 in their frames.
    """
    power = spectra[:, :-1].abs().square().mean(1, keepdim=True)
    if there is None:
        near = _around(power, count_include_pad=False)
    else:
        known = there[:, None]
        # The frame that begins before a sound's end, and is centred after it, is none of its own.
        near = _around(power * known) / _around(known).clamp_min(1 / (2 * LEVEL + 1))
    return near.sqrt().clamp_min(_QUIET)[:, 0] / _UNIT


def features(spectra: Tensor, there: Tensor | None = None) -> Tensor:
    """Compressed real and imaginary parts and the logarithm, (batch, 3, BINS - 1, frames).

    They stand beside the loudness of the seconds around, so that it does not matter how loud a
    sound was recorded.
    """
    level = _UNIT * levels(spectra, there)[:, None]
    spectra = spectra[:, :-1]
    size = spectra.abs() / level + 1e-4
    pressed = spectra / level * size.pow(_LIFT - 1)
    return torch.stack([pressed.real, pressed.imag, 0.3 * size.log()], 1)


def _around(frames: Tensor, **how: bool) -> Tensor:
    """The mean of frames (batch, 1, frames) over as many to each side as decide on a level."""
    return F.avg_pool1d(frames, 2 * LEVEL + 1, 1, LEVEL, **how)
