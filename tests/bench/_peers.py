"""What cleans sound without having heard infants: peers of the separators.

Two are written here; others are packages that bring their weights along (`uv sync --group peers`),
and are left out where they are not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.ndimage import median_filter
from scipy.signal import istft, resample_poly, stft

RATE = 16000
Separate = Callable[[np.ndarray], np.ndarray]

_RNNOISE_DELAY = 960
"""Samples at 48 kHz by which RNNoise's output comes later than its input: two of its frames."""


def spectral_gate(sound: np.ndarray) -> np.ndarray:
    """Keep what stands 6 dB or more above each frequency's own floor, as noise reducers do."""
    _, _, spectra = stft(sound, RATE, nperseg=512)
    size = np.abs(spectra)
    floor = np.quantile(size, 0.2, axis=1, keepdims=True)
    keep = size**2 / (size**2 + (2 * floor + 1e-9) ** 2)
    return _back(spectra * keep, len(sound))


def harmonic_part(sound: np.ndarray) -> np.ndarray:
    """Keep what lasts over time rather than over frequency (Fitzgerald 2010)."""
    _, _, spectra = stft(sound, RATE, nperseg=1024)
    size = np.abs(spectra)
    lasting, sudden = median_filter(size, (1, 17)), median_filter(size, (17, 1))
    return _back(spectra * lasting**2 / (lasting**2 + sudden**2 + 1e-12), len(sound))


def installed() -> dict[str, Separate]:
    """Peers that are packages, by name; says which to install for those that are not."""
    found: dict[str, Separate] = {}
    for package, load in _PACKAGES.items():
        try:
            found.update(load())
        except ImportError as error:
            print(f"{package} is left out ({error}): `uv sync --group peers`")
    return found


def _noisereduce() -> Mapping[str, Separate]:
    from noisereduce import reduce_noise

    def stationary(sound: np.ndarray) -> np.ndarray:
        return np.asarray(reduce_noise(sound, RATE, stationary=True), np.float32)

    def following(sound: np.ndarray) -> np.ndarray:
        return np.asarray(reduce_noise(sound, RATE, stationary=False), np.float32)

    return {"noisereduce, stationary": stationary, "noisereduce, not stationary": following}


def _rnnoise() -> Mapping[str, Separate]:
    from pyrnnoise import rnnoise

    def cleaned(sound: np.ndarray) -> np.ndarray:
        wave = np.pad(resample_poly(sound, 3, 1), (0, _RNNOISE_DELAY)).clip(-1, 1)
        wave = np.pad(wave, (0, -len(wave) % rnnoise.FRAME_SIZE)).astype(np.float32)
        state = rnnoise.create()
        try:
            frames = wave.reshape(-1, rnnoise.FRAME_SIZE)
            made = [rnnoise.process_mono_frame(state, frame)[0] for frame in frames]
        finally:
            rnnoise.destroy(state)
        late = np.concatenate(made)[_RNNOISE_DELAY : _RNNOISE_DELAY + 3 * len(sound)]
        return resample_poly(late / 32767, 1, 3).astype(np.float32)

    return {"RNNoise": cleaned}


_PACKAGES: Mapping[str, Callable[[], Mapping[str, Separate]]] = {
    "noisereduce": _noisereduce,
    "pyrnnoise": _rnnoise,
}


def _back(spectra: np.ndarray, samples: int) -> np.ndarray:
    size = 2 * (spectra.shape[0] - 1)
    _, sound = istft(spectra, RATE, nperseg=size)
    return np.resize(sound[:samples], samples).astype(np.float32)
