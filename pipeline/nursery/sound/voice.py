"""Source and filter: a glottal wave and breath noise through a vocal tract that moves.

The source is read from band-limited tables by phase; the tract is applied to short-time spectra,
so that a moving formant costs no loop over samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter1d
from scipy.signal import resample_poly

Array = NDArray[np.float64]

_TABLE = 2048
_TOP_HZ = 16000.0


@dataclass(frozen=True)
class Tract:
    """A vocal tract over time: centre and width of each formant (T, K), and the tilt (T,).

    `tilt_db` is how much the source falls per octave beyond its own 6 dB.
    """

    formants_hz: Array
    bandwidths_hz: Array
    tilt_db: Array


@dataclass(frozen=True)
class Source:
    """What the larynx does: tracks (T,) at `rate_hz`, T samples for the whole span.

    `amplitude` is linear, `voiced` mixes wave and breath, `noisiness` adds breath and roughness.
    """

    amplitude: Array
    voiced: Array
    f0_hz: Array
    noisiness: Array
    rate_hz: float


def vocalise(source: Source, tract: Tract, rate: int, rng: np.random.Generator) -> Array:
    """Sound of a source through a tract, (round(T / rate_hz * rate),), not normalised."""
    samples = round(len(source.amplitude) / source.rate_hz * rate)
    amplitude, voiced, f0_hz, noisiness = (
        _to_samples(track, samples)
        for track in (source.amplitude, source.voiced, source.f0_hz, source.noisiness)
    )
    wave = _glottal(f0_hz, noisiness, rate, rng)
    breath = rng.standard_normal(samples) * 0.5
    mix = voiced * (1 - 0.5 * noisiness) * wave + (0.03 + noisiness * 0.35) * breath
    return through(amplitude * mix, tract, rate)


def loudness_to_amplitude(energy: Array, range_db: float = 30.0) -> Array:
    """Amplitude 0..1 of an energy 0..1 that is linear in decibels, and silence at 0."""
    lowest = 10 ** (-range_db / 20)
    return (10 ** ((np.clip(energy, 0, 1) - 1) * range_db / 20) - lowest) / (1 - lowest)


def at_rate(sound: Array, rate: int, wanted: int, samples: int) -> Array:
    """Resample a sound from `rate` to `wanted`, cut or padded to `samples`."""
    common = gcd(rate, wanted)
    if wanted != rate:
        sound = np.asarray(resample_poly(sound, wanted // common, rate // common))
    return np.pad(sound, (0, max(0, samples - len(sound))))[:samples]


def _to_samples(track: Array, samples: int) -> Array:
    places = np.linspace(0, len(track) - 1, samples)
    return np.interp(places, np.arange(len(track)), track)


def _glottal(f0_hz: Array, noisiness: Array, rate: int, rng: np.random.Generator) -> Array:
    """Wave of the glottis at unit power, with jitter, and subharmonics where it is rough."""
    jitter = gaussian_filter1d(rng.standard_normal(len(f0_hz)), rate * 0.002)
    jitter /= max(float(jitter.std()), 1e-9)
    phase = np.cumsum(f0_hz * (1 + (0.003 + 0.03 * noisiness) * jitter)) / rate
    place = ((phase % 1.0) * _TABLE).astype(np.int64)
    top_hz = min(_TOP_HZ, 0.45 * rate)
    octave = np.clip(np.log2(top_hz / np.maximum(f0_hz, 20.0)).astype(np.int64), 2, 7)
    wave = _tables()[octave - 2, place]
    return wave * (1 + 0.7 * noisiness * np.cos(np.pi * phase))


@lru_cache(maxsize=1)
def _tables() -> Array:
    """Wave tables (6, _TABLE) of 4 to 128 harmonics that fall by 6 dB an octave."""
    phase = np.arange(_TABLE) / _TABLE
    rows = []
    wave = np.zeros(_TABLE)
    for harmonic in range(1, 129):
        # A little phase dispersion keeps the crest of a real glottal pulse, not of a saw.
        wave = wave + np.cos(2 * np.pi * harmonic * phase + 0.15 * harmonic**0.5) / harmonic
        if harmonic in (4, 8, 16, 32, 64, 128):
            rows.append(wave / wave.std())
    return np.stack(rows)


def through(sound: Array, tract: Tract, rate: int) -> Array:
    """Pass a sound (n,) through a moving tract by overlapped spectra of about 20 ms."""
    size = 1024 if rate > 24000 else 512
    hop = size // 4
    window = np.sqrt(np.hanning(size + 1)[:-1])
    padded = np.pad(sound, (size, size + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    centres_s = (np.arange(len(frames)) * hop - size / 2) / rate
    gain = _response(tract, centres_s * rate / max(len(sound), 1), size, rate)
    spectra = fft.rfft((frames * window).astype(np.float32))
    shaped = fft.irfft(spectra * gain, size) * window.astype(np.float32)
    return _overlap(shaped, hop)[size : size + len(sound)] / 2.0


def _overlap(frames: Array, hop: int) -> Array:
    """Add frames (m, size) that start every `hop` samples; size is a multiple of hop."""
    parts = frames.shape[1] // hop
    out = np.zeros((len(frames) + parts, hop))
    for part in range(parts):
        out[part : part + len(frames)] += frames[:, part * hop : (part + 1) * hop]
    return out.ravel()


def _response(tract: Tract, along: Array, size: int, rate: int) -> NDArray[np.float32]:
    """Gain (frames, size // 2 + 1) of the tract at places `along` 0..1 of its span."""
    steps = len(tract.tilt_db)
    index = np.clip(np.round(along * (steps - 1)), 0, steps - 1).astype(np.int64)
    hz = np.fft.rfftfreq(size, 1 / rate).astype(np.float32)
    octaves = np.log2(np.maximum(hz, 100.0) / 500.0)
    squared = np.exp(-0.2302585 * tract.tilt_db[index, None].astype(np.float32) * octaves)
    for k in range(tract.formants_hz.shape[1]):
        centre = tract.formants_hz[index, k][:, None].astype(np.float32)
        half = 0.5 * tract.bandwidths_hz[index, k][:, None].astype(np.float32)
        # Two poles at centre +- i half, unit gain at 0 Hz.
        pole = centre**2 + half**2
        squared *= pole**2 / (((hz - centre) ** 2 + half**2) * ((hz + centre) ** 2 + half**2))
    return np.sqrt(squared)
