"""Real voices made into other voices: pitch, length, vocal tract, bandwidth, breath and rhythm.

Few real recordings may be learned from. Each becomes many that could have been made: of another
child or adult, by a better microphone, of another vocalization.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, uniform_filter1d
from scipy.signal import butter, resample_poly, sosfilt

from pipeline.nursery.performance import perform
from pipeline.nursery.sound.voice import loudness_to_amplitude

RATE = 16000
_HOP = 160

Array = NDArray[np.float32]


def revoiced(wave: Array, pitch: float, tract: float, pace: float) -> Array:
    """Let a voice (n,) sound `pitch` times as high and `pace` times as long, (about n * pace,).

    Its resonances move by `tract`: 1.2 is a vocal tract a sixth shorter.
    """
    longer = stretched(wave, pace * pitch)
    ratio = Fraction(pitch).limit_denominator(24)
    moved = resample_poly(longer, ratio.denominator, ratio.numerator).astype(np.float32)
    return _with_tract(moved, tract / pitch)


def stretched(wave: Array, factor: float) -> Array:
    """Let a sound last `factor` times as long at its own pitch (phase vocoder)."""
    size, hop = 1024, 256
    spectra = _spectra(wave, size, hop)
    places = np.arange(0, len(spectra) - 1.001, 1 / factor)
    low = places.astype(int)
    part = (places - low)[:, None]
    magnitude = np.abs(spectra[low]) * (1 - part) + np.abs(spectra[low + 1]) * part
    expected = 2 * np.pi * hop * np.arange(size // 2 + 1) / size
    advance = np.angle(spectra[low + 1]) - np.angle(spectra[low]) - expected
    advance = expected + advance - 2 * np.pi * np.round(advance / (2 * np.pi))
    phase = np.angle(spectra[:1]) + np.concatenate(
        [np.zeros((1, advance.shape[1])), np.cumsum(advance[:-1], 0)]
    )
    return _sound(magnitude * np.exp(1j * phase), size, hop, round(len(wave) * factor))


def breathed(wave: Array, rng: np.random.Generator) -> Array:
    """The same voice without its larynx, as in a whisper: its envelope over noise."""
    spectra = _spectra(wave, 512, 128)
    noise = _spectra(rng.standard_normal(len(wave)).astype(np.float32), 512, 128)
    return _sound(noise / 16.0 * np.exp(_envelope(np.abs(spectra))), 512, 128, len(wave))


def widened(wave: Array, rng: np.random.Generator, edge_hz: float = 3700.0) -> Array:
    """Give a voice from a telephone the highs that were cut off.

    Harmonics come of a bent wave, and so stand where the pitch puts them (spectral band
    replication, after Makhoul and Berouti 1979); they follow the level of the band below.
    """
    bent = np.abs(wave) + 0.5 * np.sign(wave) * np.sqrt(np.abs(wave) * max(_top(wave), 1e-3))
    breath = rng.standard_normal(len(wave)).astype(np.float32)
    below = sosfilt(_band(0.5 * edge_hz, 0.95 * edge_hz), wave)
    level = np.sqrt(np.maximum(uniform_filter1d(below**2, 400), 1e-12))
    highs = np.zeros(len(wave))
    lower, gain_db = edge_hz, rng.uniform(-9, 0)
    while lower < 7700:
        upper = min(1.4 * lower, 7900)
        band = _band(lower, upper)
        for source, share in ((bent, 1.0), (breath, rng.uniform(0.05, 0.6))):
            part = sosfilt(band, source)
            own = np.sqrt(np.maximum(uniform_filter1d(part**2, 400), 1e-10))
            highs += share * 10 ** (gain_db / 20) * level * part / own
        lower, gain_db = upper, gain_db - rng.uniform(1, 9)
    return (wave + highs).astype(np.float32)


def in_rhythm(voice: Array, kind: str, span_s: float, rng: np.random.Generator) -> Array:
    """Let a voice sound in the rhythm of another vocalization, its inhalations breathed.

    Without these a network would learn that whatever is a real recording is a cry.
    """
    sounding = _sounding(voice)
    samples = round(span_s * RATE)
    start = int(rng.integers(0, len(sounding)))
    sustained = np.resize(np.roll(sounding, -start), samples)
    performance = perform(kind, span_s, rng)
    loud = loudness_to_amplitude(performance.sampled(performance.energy, RATE))
    rough = np.clip(performance.sampled(performance.noisiness, RATE) * rng.uniform(0.3, 2.0), 0, 1)
    return (loud * ((1 - rough) * sustained + rough * breathed(sustained, rng))).astype(np.float32)


def pauses(wave: Array) -> tuple[Array, float]:
    """What is heard while the voice of a recording pauses (m,), and the voice's power over it."""
    steps = len(wave) // _HOP
    frames = wave[: steps * _HOP].reshape(steps, _HOP)
    level = gaussian_filter1d(np.sqrt((frames**2).mean(1)), 1.5)
    top, floor = np.quantile(level, 0.98), np.quantile(level, 0.05)
    loud = maximum_filter1d((level > max(np.sqrt(floor * top), 0.03 * top)).astype(int), 9) > 0
    rest = frames[~loud].ravel()
    floor_power = float((rest**2).mean()) if len(rest) > RATE // 4 else floor**2
    return rest, float((wave**2).mean()) / max(floor_power, 1e-12)


def lasting(rest: Array, span_s: float, rng: np.random.Generator) -> Array:
    """A room's noise pieced together out of pauses, `span_s` long, of standard deviation 0.1."""
    pieces, have = [], 0
    while have < span_s * RATE:
        cut = min(len(rest), RATE // 8 + int(rng.integers(0, RATE)))
        start = int(rng.integers(0, len(rest) - cut + 1))
        pieces.append(rest[start : start + cut] * np.hanning(cut).astype(np.float32) ** 0.2)
        have += cut
    wave = np.concatenate(pieces)[: round(span_s * RATE)]
    return (0.1 * wave / max(float(wave.std()), 1e-6)).astype(np.float32)


def sentence(words: list[Array], span_s: float, rng: np.random.Generator) -> Array:
    """Words strung to sentences, `span_s` long: they run into one another, and pitch moves."""
    track = np.zeros(round(1.4 * span_s * RATE), np.float32)
    at, gap_s = round(rng.uniform(0, 0.4) * RATE), rng.uniform(-0.06, 0.15)
    while at < len(track):
        for _ in range(int(rng.integers(2, 9))):
            word = words[rng.integers(len(words))]
            end = min(len(track), at + len(word))
            if end > at:
                track[at:end] += word[: end - at] * np.float32(rng.uniform(0.5, 1.0))
            at = max(0, end + round((gap_s + rng.exponential(0.04)) * RATE))
        at += round(rng.exponential(0.35) * RATE)
    return _intoned(track, round(span_s * RATE), rng)


def _intoned(wave: Array, samples: int, rng: np.random.Generator) -> Array:
    """Read a wave at a speed that wanders by some 10%: falling and rising voices."""
    bends = gaussian_filter1d(rng.standard_normal(samples // 160 + 2), 40)
    bends *= rng.uniform(0.0, 0.12) / max(float(bends.std()), 1e-9)
    speed = 1 + np.interp(
        np.arange(samples), 160 * np.arange(len(bends)), np.clip(bends, -0.3, 0.3)
    )
    places = np.cumsum(speed)
    return np.interp(places, np.arange(len(wave)), wave, right=0.0).astype(np.float32)


def _with_tract(wave: Array, factor: float) -> Array:
    """Move the envelope of a sound's spectrum by `factor` along frequency; pitch stays."""
    spectra = _spectra(wave, 512, 128)
    envelope = _envelope(np.abs(spectra))
    bins = np.arange(envelope.shape[1])
    places = np.minimum(bins / factor, bins[-1])
    low = np.minimum(places.astype(int), len(bins) - 2)
    part = places - low
    wanted = envelope[:, low] * (1 - part) + envelope[:, low + 1] * part
    gain = np.exp(np.clip(wanted - envelope, -3.0, 3.0))
    return _sound(spectra * gain, 512, 128, len(wave))


def _envelope(magnitude: NDArray) -> NDArray:
    """Logarithmic envelope of spectra (m, bins) by their first 20 cepstral coefficients."""
    cepstrum = fft.irfft(np.log(magnitude + 1e-5), axis=-1)
    cepstrum[:, 20:-19] = 0.0
    return np.asarray(fft.rfft(cepstrum, axis=-1).real)


def _sounding(voice: Array) -> Array:
    frames = voice[: len(voice) // _HOP * _HOP].reshape(-1, _HOP)
    level = np.abs(frames).max(1)
    return frames[level > 0.1 * level.max()].ravel()


def _spectra(wave: Array, size: int, hop: int) -> NDArray:
    padded = np.pad(wave, (size, size + hop)).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    return np.asarray(fft.rfft(frames * _window(size)))


def _sound(spectra: NDArray, size: int, hop: int, samples: int) -> Array:
    frames = fft.irfft(spectra.astype(np.complex64), size) * _window(size)
    out = np.zeros((len(frames) + size // hop, hop), np.float32)
    for part in range(size // hop):
        out[part : part + len(frames)] += frames[:, part * hop : (part + 1) * hop]
    wave = out.ravel()[size:] * np.float32(2 * hop / size)
    return np.pad(wave, (0, max(0, samples - len(wave))))[:samples]


def _window(size: int) -> Array:
    return np.sqrt(np.hanning(size + 1)[:-1]).astype(np.float32)


def _band(low_hz: float, high_hz: float) -> NDArray:
    return np.asarray(butter(4, (low_hz, min(high_hz, 7900)), "bandpass", fs=RATE, output="sos"))


def _top(wave: Array) -> float:
    return float(np.abs(wave).max(initial=0.0))
