"""Short-time spectra of 16 kHz sound, and what the network hears of them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16000
SIZE = 640
HOP = 160
BINS = SIZE // 2 + 1
FRAME_HZ = RATE / HOP
PITCHES = 64
FEATURES = BINS + PITCHES

_LOWEST_HZ, _HIGHEST_HZ = 80.0, 1100.0
_QUIET = 1e-3


def analyse(sound: Tensor) -> Tensor:
    """Spectra (batch, frames, BINS), complex, of sounds (batch, n); frames = n // HOP + 1."""
    import torch

    spectra = torch.stft(
        sound, SIZE, HOP, window=_window(), center=True, pad_mode="constant", return_complex=True
    )
    return spectra.transpose(1, 2)


def synthesise(spectra: Tensor, samples: int) -> Tensor:
    """Sounds (batch, samples) of spectra (batch, frames, BINS): the inverse of `analyse`."""
    import torch

    return torch.istft(
        spectra.transpose(1, 2), SIZE, HOP, window=_window(), center=True, length=samples
    )


def loudness(spectra: Tensor) -> Tensor:
    """Reference level (batch,) of a sound: that of its louder frames, but never below silence."""
    import torch

    levels = spectra.abs().square().mean(-1).sqrt()
    return torch.quantile(levels, 0.95, dim=1).clamp_min(_QUIET)


def features(spectra: Tensor, level: Tensor) -> Tensor:
    """What the network hears, (batch, frames, FEATURES).

    The logarithmic spectrum beside the sound's own level, and how well each of `PITCHES` pitches
    between 80 and 1100 Hz explains the frame (normalised autocorrelation).
    """
    import torch

    magnitude = spectra.abs() / level[:, None, None]
    spectrum = (torch.log10(magnitude.square() + 1e-6) + 3.0) / 2.0
    correlation = torch.fft.irfft(magnitude.pow(0.7), SIZE)
    first = correlation[..., :1].clamp_min(1e-4)
    low, part = _lags()
    salience = correlation[..., low] * (1 - part) + correlation[..., low + 1] * part
    return torch.cat([spectrum, 2.0 * salience / first], -1)


@lru_cache(maxsize=1)
def _window() -> Tensor:
    import torch

    return torch.hann_window(SIZE).sqrt()


@lru_cache(maxsize=1)
def _lags() -> tuple[Tensor, Tensor]:
    import torch

    pitches_hz = torch.logspace(
        torch.tensor(_LOWEST_HZ).log10().item(), torch.tensor(_HIGHEST_HZ).log10().item(), PITCHES
    )
    lags = RATE / pitches_hz
    low = lags.floor().long()
    return low, lags - low
