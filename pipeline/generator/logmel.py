"""The embedded audio features: log-mel bands, pitch, how periodic the sound is, and its envelope.

Windows of 40 ms every 20 ms, as wide as six periods of an infant's lowest cry, and at the stride
of the wav2vec family, so that a learned encoder takes this one's place without other changes. The
bands tell harmonics, loudness and noise; the envelope (envelope.py), from three periods around a
window's middle, tells formants whatever the pitch.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from pipeline.core.backends import BackendInfo
from pipeline.generator.envelope import FFT as ENVELOPE_FFT
from pipeline.generator.envelope import PERIODS, UNVOICED_HZ, envelope

RATE_HZ = 16_000
HOP = 320
WINDOW = 640
FFT = 2048
FINER = 4
"""Lags a sample: at 1,500 Hz a period is 11 samples, too few to tell it from its multiples."""
BANDS = 40
BAND_RANGE_HZ = (100.0, 7800.0)
ENVELOPE_BANDS = 32
ENVELOPE_RANGE_HZ = (200.0, 7600.0)
PITCH_RANGE_HZ = (150.0, 2000.0)
LAGS = 120
PITCH_ZERO_HZ = 450.0
VOICED = 0.5
BATCH = 512
"""Windows at a time: their spectra take 100 times the memory of the sound."""
FLOOR_DB = -80.0

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


def info() -> BackendInfo:
    """Describe the encoder; it has no weights, so its settings stand for them."""
    settings = (
        RATE_HZ,
        HOP,
        WINDOW,
        FFT,
        FINER,
        BANDS,
        BAND_RANGE_HZ,
        PITCH_RANGE_HZ,
        VOICED,
        FLOOR_DB,
        ENVELOPE_BANDS,
        ENVELOPE_RANGE_HZ,
        ENVELOPE_FFT,
        PERIODS,
        UNVOICED_HZ,
    )
    digest = hashlib.sha256(repr(settings).encode()).hexdigest()
    return BackendInfo("audio_features", "logmel", digest, "MIT", embedded=True)


def load(device: str = "cpu") -> LogMel:
    """Make the encoder; it runs on the CPU wherever the rest does."""
    return LogMel()


class LogMel:
    """40 mel bands in dB, octaves above 450 Hz (0 where unvoiced), periodicity, envelope.

    Periodicity is 0..1; the envelope is told at 32 places, in dB.
    """

    name = "logmel"
    width = BANDS + 2 + ENVELOPE_BANDS
    hop_samples = HOP
    first_centre_samples = 0.0
    reach_samples = WINDOW // 2

    def __init__(self) -> None:
        self._taper = np.hanning(WINDOW + 1)[:-1]
        self._mel = mel_matrix()
        self._taper_lags = _autocorrelation(self._taper[None])[0]

    def encode(self, sound: Floats) -> Floats:
        """Encode (N,) sound at 16 kHz as (1 + N // 320, 74); windows are centred on hops."""
        whole = sound.astype(np.float64)
        windows, centres = _windows(whole), np.arange(1 + len(whole) // HOP) * HOP
        parts = (slice(at, at + BATCH) for at in range(0, len(windows), BATCH))
        return np.concatenate([self._described(windows[p], whole, centres[p]) for p in parts])

    def _described(self, windows: Doubles, sound: Doubles, centres: NDArray[np.intp]) -> Floats:
        windows = windows * self._taper
        power = np.abs(rfft(windows, FFT)) ** 2 / np.sum(self._taper**2) / WINDOW
        bands = np.maximum(10 * np.log10(power @ self._mel.T + 1e-12), FLOOR_DB)
        octaves, periodic = self._pitch(windows)
        pitch_hz = np.where(periodic >= VOICED, PITCH_ZERO_HZ * 2.0**octaves, 0.0)
        formants = _placed(envelope(sound, centres, pitch_hz, RATE_HZ, FLOOR_DB))
        return np.column_stack([bands, octaves, periodic, formants]).astype(np.float32)

    def _pitch(self, windows: Doubles) -> tuple[Doubles, Doubles]:
        """Find the strongest period by the autocorrelation over the taper's own (Boersma 1993)."""
        lags = _autocorrelation(windows)
        level = lags[:, :1] + 1e-7
        likeness = lags / level / np.maximum(self._taper_lags / self._taper_lags[0], 1e-3)
        low, high = (round(FINER * RATE_HZ / hz) for hz in reversed(PITCH_RANGE_HZ))
        range_ = np.arange(low, high + 1)
        # A period's multiples are as good as the period itself: a small price on length decides.
        best = low + np.argmax(likeness[:, range_] - 0.02 * np.log2(range_ / low), axis=1)
        lag, periodic = _vertex(likeness, best)
        octaves = np.log2(FINER * RATE_HZ / lag / PITCH_ZERO_HZ)
        periodic = np.clip(periodic, 0.0, 1.0)
        return np.where(periodic >= VOICED, octaves, 0.0), periodic


def _windows(sound: Doubles) -> Doubles:
    count = 1 + len(sound) // HOP
    padded = np.zeros((count - 1) * HOP + WINDOW)
    padded[WINDOW // 2 : WINDOW // 2 + len(sound)] = sound[: len(padded) - WINDOW // 2]
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]


def _autocorrelation(windows: Doubles) -> Doubles:
    return FINER * irfft(np.abs(rfft(windows, FFT)) ** 2, FINER * FFT)[:, : FINER * LAGS]


def _vertex(likeness: Doubles, best: NDArray[np.intp]) -> tuple[Doubles, Doubles]:
    """Lay a parabola through each peak and its neighbours; return its place and height."""
    rows = np.arange(len(best))
    left, middle, right = (likeness[rows, best + step] for step in (-1, 0, 1))
    bend = left - 2 * middle + right
    peak = bend < -1e-9
    shift = np.where(peak, 0.5 * (left - right) / np.where(peak, bend, -1.0), 0.0)
    shift = np.clip(shift, -0.5, 0.5)
    return best + shift, middle - 0.25 * (left - right) * shift


def _placed(spectra: Doubles) -> Doubles:
    """Read envelopes (n, bins) at places of equal distance on the mel scale."""
    first, last = _mel(np.array(ENVELOPE_RANGE_HZ))
    hz = _hz(np.linspace(first, last, ENVELOPE_BANDS))
    low, share = np.divmod(hz * ENVELOPE_FFT / RATE_HZ, 1.0)
    below = low.astype(np.intp)
    return np.asarray((1 - share) * spectra[:, below] + share * spectra[:, below + 1])


def mel_matrix() -> Doubles:
    """Triangular bands of equal width on the mel scale, (bands, FFT // 2 + 1), peaking at 1.

    A band narrower than a bin takes the bin nearest to its middle.
    """
    low, high = _mel(np.array(BAND_RANGE_HZ))
    edges = _hz(np.linspace(low, high, BANDS + 2))
    bins = np.arange(FFT // 2 + 1) * RATE_HZ / FFT
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    bands = np.clip(np.minimum(rise, fall), 0.0, None)
    nearest = np.abs(bins - edges[1:-1, None]).argmin(axis=1)
    empty = np.flatnonzero(bands.sum(axis=1) == 0)
    bands[empty, nearest[empty]] = 1.0
    return bands


def _mel(hz: Doubles) -> Doubles:
    return 2595 * np.log10(1 + hz / 700)


def _hz(mel: Doubles) -> Doubles:
    return 700 * (10 ** (mel / 2595) - 1)
