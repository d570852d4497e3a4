"""Real recordings as stems: read, parted from what is kept for validation, and changed at random.

FOLDER/cry/*.wav     infants on phones; a name begins with the device, which parts the infants
FOLDER/speech/*.wav  adults saying digits: digit_speaker_take.wav
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import fft
from scipy.signal import butter, resample_poly, sosfilt

RATE = 16000
_SIZE, _HOP = 512, 128
_BINS = _SIZE // 2 + 1

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Recordings:
    """Waves at 16 kHz, loudest 0.5, and the SHA-256 of every file that they came from."""

    cries: list[Array]
    words: list[Array]
    digests: list[str]


def read(folder: Path | None, validation: bool, held_devices: float, held_takes: int) -> Recordings:
    """Read one side of the split; nothing at all where no folder is given.

    Args:
        folder: holds cry/ and speech/.
        validation: which side.
        held_devices: share of the phones whose cries are held out.
        held_takes: so many last takes of the last speaker by name are held out.
    """
    if folder is None:
        return Recordings([], [], [])
    cries = sorted((folder / "cry").glob("*.wav"))
    devices = sorted({path.name[:8].lower() for path in cries})
    step = round(1 / held_devices)
    held = set(devices[::step])
    cries = [path for path in cries if (path.name[:8].lower() in held) == validation]
    words = sorted((folder / "speech").glob("*.wav"))
    words = [path for path in words if _held_take(path, words, held_takes) == validation]
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (*cries, *words)]
    return Recordings(_waves(cries), _waves(words), digests)


def _held_take(path: Path, everything: list[Path], takes: int) -> bool:
    speakers = sorted({other.stem.split("_")[1] for other in everything})
    _, speaker, take = path.stem.split("_")
    last = max(int(other.stem.split("_")[2]) for other in everything)
    return speaker == speakers[-1] and int(take) > last - takes


def _waves(paths: list[Path]) -> list[Array]:
    waves = []
    for path in paths:
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
        wave = resample_poly(wave.mean(1), RATE, rate).astype(np.float32)
        top = float(np.abs(wave).max(initial=0.0))
        if top > 1e-3:
            waves.append(0.5 * wave / top)
    return waves


def revoiced(wave: Array, pitch: float, tract: float, tempo: float) -> Array:
    """Give a voice another pitch, another length of tract and another tempo, each as a ratio.

    A phase vocoder (Flanagan and Golden 1966) stretches time, resampling turns that into pitch,
    and the cepstral envelope is moved to where a tract shorter by `tract` has its formants.
    """
    if len(wave) < 2 * _SIZE:
        return wave
    slow = _stretched(wave, pitch / tempo)
    places = np.arange(0, len(slow) - 1, pitch)
    moved = np.interp(places, np.arange(len(slow)), slow).astype(np.float32)
    spectra = _spectra(moved)
    envelope = _envelope_db(spectra)
    wanted = np.minimum(np.arange(_BINS) * pitch / tract, _BINS - 1)
    low = np.minimum(wanted.astype(int), _BINS - 2)
    part = (wanted - low).astype(np.float32)
    target = envelope[:, low] * (1 - part) + envelope[:, low + 1] * part
    gain_db = np.clip(target - envelope, -30, 30)
    return _sound(spectra * 10 ** (gain_db / 20), len(moved))


def filled(wave: Array, rng: np.random.Generator) -> Array:
    """Put something above the 4 kHz at which phones cut off, so that its absence tells nothing.

    Rectifying the octave below makes harmonics of the same pitch; they fade as a voice does.
    """
    octave = sosfilt(_BAND, wave)
    above = sosfilt(_ABOVE, np.abs(octave) + 0.3 * rng.standard_normal(len(wave)) * np.abs(octave))
    level_db = rng.uniform(-18, 3)
    scale = np.sqrt(np.mean(octave**2) / max(float(np.mean(above**2)), 1e-12))
    return (wave + scale * 10 ** (level_db / 20) * above).astype(np.float32)


_BAND = butter(2, (1800, 3800), "bandpass", fs=RATE, output="sos")
_ABOVE = butter(6, 3700, "highpass", fs=RATE, output="sos")


def _stretched(wave: Array, ratio: float) -> Array:
    """Stretch a wave to `ratio` times its length, at the same pitch."""
    spectra = _spectra(wave)
    size, phase = np.abs(spectra), np.angle(spectra)
    turn = 2 * np.pi * _HOP * np.arange(_BINS) / _SIZE
    change = np.diff(phase, axis=0) - turn
    change -= 2 * np.pi * np.round(change / (2 * np.pi))
    places = np.arange(0, len(size) - 1.001, 1 / ratio)
    low = places.astype(int)
    part = (places - low)[:, None]
    sizes = size[low] * (1 - part) + size[low + 1] * part
    phases = phase[0] + np.cumsum((change + turn)[low], axis=0)
    return _sound(sizes * np.exp(1j * phases), round(len(places) * _HOP))


def _spectra(wave: Array) -> NDArray[np.complex64]:
    padded = np.pad(wave, (_SIZE, _SIZE))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _SIZE)[::_HOP]
    return fft.rfft(frames * _WINDOW)


def _sound(spectra: NDArray[np.complexfloating], samples: int) -> Array:
    frames = fft.irfft(spectra.astype(np.complex64), _SIZE) * _WINDOW
    parts = _SIZE // _HOP
    out = np.zeros((len(frames) + parts, _HOP), np.float32)
    for part in range(parts):
        out[part : part + len(frames)] += frames[:, part * _HOP : (part + 1) * _HOP]
    return np.asarray(out.ravel()[_SIZE : _SIZE + samples] / 1.5, np.float32)


def _envelope_db(spectra: NDArray[np.complexfloating], quefrencies: int = 28) -> Array:
    levels = 20 * np.log10(np.abs(spectra) + 1e-5)
    cepstrum = fft.irfft(levels, _SIZE)
    cepstrum[:, quefrencies : _SIZE - quefrencies + 1] = 0
    return np.asarray(fft.rfft(cepstrum).real, np.float32)


_WINDOW = np.hanning(_SIZE + 1)[:-1].astype(np.float32)
