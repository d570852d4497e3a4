"""Real recordings: read, parted from what is kept for validation, and given other voices.

REAL/cry/*.wav                   infants on phones; a name begins with the device, which parts them
REAL/speech/*.wav                adults saying digits: digit_speaker_take.wav
BANK/{train,val}/speech/SPEAKER/*.flac    adults of many languages
BANK/{train,val}/noise/GROUP/*.flac       households, streets, animals
BANK/{train,val}/music/*.flac
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import fft
from scipy.signal import butter, resample_poly, sosfilt

RATE = 16000
LONGEST_S = 60.0
_SIZE, _HOP = 512, 128
_BINS = _SIZE // 2 + 1

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Recordings:
    """One side of the split: waves at 16 kHz, loudest 0.5, and the SHA-256 of every file."""

    cries: list[Array]
    speakers: dict[str, list[Array]]
    noises: dict[str, list[Array]]
    digests: list[str]


@dataclass(frozen=True)
class Split:
    """What is held out: a share of the phones, and so many last takes of the last speaker."""

    held_devices: float
    held_takes: int


def read(real: Path | None, bank: Path | None, validation: bool, split: Split) -> Recordings:
    """Read one side of the split; a folder that is not given holds nothing."""
    cries, words = _of_infants(real, validation, split) if real else ([], {})
    side = bank / ("val" if validation else "train") if bank else None
    speakers = {**words, **_groups(side / "speech")} if side else words
    noises = {**_groups(side / "noise"), **_groups(side / "music")} if side else {}
    everything = [*cries, *_flat(speakers), *_flat(noises)]
    return Recordings(
        _waves(cries),
        {name: _waves(paths) for name, paths in speakers.items()},
        {name: _waves(paths) for name, paths in noises.items()},
        [hashlib.sha256(path.read_bytes()).hexdigest() for path in everything],
    )


def _of_infants(
    folder: Path, validation: bool, split: Split
) -> tuple[list[Path], dict[str, list[Path]]]:
    cries = sorted((folder / "cry").glob("*.wav"))
    devices = sorted({path.name[:8].lower() for path in cries})
    held = set(devices[:: round(1 / split.held_devices)])
    words = sorted((folder / "speech").glob("*.wav"))
    speakers: dict[str, list[Path]] = {}
    for path in words:
        if _held_take(path, words, split.held_takes) == validation:
            speakers.setdefault(path.stem.split("_")[1], []).append(path)
    return [path for path in cries if (path.name[:8].lower() in held) == validation], speakers


def _groups(folder: Path) -> dict[str, list[Path]]:
    """Files by the folder that they lie in."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*.flac")):
        found.setdefault(f"{folder.name}/{path.parent.name}", []).append(path)
    return found


def _flat(groups: dict[str, list[Path]]) -> Iterable[Path]:
    return (path for paths in groups.values() for path in paths)


def _held_take(path: Path, everything: list[Path], takes: int) -> bool:
    speakers = sorted({other.stem.split("_")[1] for other in everything})
    _, speaker, take = path.stem.split("_")
    last = max(int(other.stem.split("_")[2]) for other in everything)
    return speaker == speakers[-1] and int(take) > last - takes


def _waves(paths: list[Path]) -> list[Array]:
    waves = []
    for path in paths:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            wave = file.read(round(LONGEST_S * rate), dtype="float32", always_2d=True).mean(1)
        if rate != RATE:
            wave = resample_poly(wave, RATE, rate).astype(np.float32)
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
