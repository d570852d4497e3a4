"""Adults who talk: formant synthesis with syllables, prosody and consonants; and television."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, sosfilt

from pipeline.nursery.sound.music import music
from pipeline.nursery.sound.voice import Array, Source, Tract, at_rate, vocalise

_RATE_HZ = 200.0

# Hillenbrand et al. 1995, men: first three formants of eight vowels.
_VOWELS_HZ = np.array(
    [
        [342, 2322, 3000],
        [427, 2034, 2684],
        [580, 1799, 2605],
        [768, 1333, 2522],
        [652, 997, 2538],
        [497, 910, 2459],
        [378, 997, 2343],
        [623, 1200, 2550],
    ],
    dtype=float,
)


def adult_speech(
    span_s: float, rate: int, rng: np.random.Generator, female: bool | None = None
) -> Array:
    """Talk of one adult, (round(span_s * rate),), loudest 0.5: 4 to 5 syllables a second.

    The sex is drawn when not given; F0 stays within 85 to 180 Hz (men), 150 to 280 Hz (women).
    """
    if female is None:
        female = bool(rng.random() < 0.5)
    steps = max(8, round(span_s * _RATE_HZ))
    tracks = _phrases(steps, female, rng)
    sound = vocalise(tracks[0], tracks[1], rate, rng)
    sound = sound + _fricatives(tracks[2], rate, rng)
    sound = at_rate(sound, rate, rate, round(span_s * rate))
    return 0.5 * sound / max(float(np.abs(sound).max(initial=0.0)), 1e-9)


def television(span_s: float, rate: int, rng: np.random.Generator) -> Array:
    """Sound of a set in the room: voices over music, squeezed through a small loudspeaker."""
    # A small loudspeaker gives nothing above 9 kHz: half the rate is enough to make it.
    coarse = rate // 2 if rate > 36000 else rate
    first = adult_speech(span_s, coarse, rng)
    second = np.roll(adult_speech(span_s, coarse, rng), round(rng.uniform(0, span_s) * coarse))
    programme = first + rng.uniform(0.0, 0.8) * second
    programme = programme + rng.uniform(0.2, 0.9) * music(span_s, coarse, rng)
    band_hz = (rng.uniform(120, 250), min(rng.uniform(5000, 9000), 0.45 * coarse))
    speaker = butter(2, band_hz, "bandpass", fs=coarse, output="sos")
    pressed = np.tanh(3.0 * sosfilt(speaker, programme))
    pressed = at_rate(pressed, coarse, rate, round(span_s * rate))
    return 0.5 * pressed / max(float(np.abs(pressed).max(initial=0.0)), 1e-9)


def _phrases(steps: int, female: bool, rng: np.random.Generator) -> tuple[Source, Tract, Array]:
    """Larynx, tract and fricative noise (T,) of phrases of 1 to 3 s with pauses between."""
    stretch = rng.uniform(1.1, 1.25) if female else rng.uniform(0.92, 1.05)
    pitch_hz = rng.uniform(160, 245) if female else rng.uniform(88, 150)
    amplitude, voiced, hiss = np.zeros(steps), np.ones(steps), np.zeros(steps)
    f0_hz, vowel = np.full(steps, pitch_hz), np.tile(_VOWELS_HZ[2], (steps, 1))
    at = round(rng.uniform(0, 0.3) * _RATE_HZ)
    while at < steps:
        end = min(steps, at + round(rng.uniform(1.0, 3.2) * _RATE_HZ))
        along = np.linspace(0, 1, end - at)
        bend = rng.uniform(0.02, 0.12) * np.sin(2 * np.pi * (rng.uniform(0.5, 2) * along))
        f0_hz[at:end] = pitch_hz * (1.12 - 0.25 * along + bend)
        rate_hz = rng.uniform(4.0, 5.2)
        while at < end:
            stop = min(end, at + max(8, round(_RATE_HZ / rate_hz * rng.uniform(0.6, 1.5))))
            _say(amplitude, voiced, hiss, vowel, at, stop, rng)
            at = stop
        at = end + round(rng.uniform(0.15, 0.7) * _RATE_HZ)
    smooth = gaussian_filter1d(vowel, 0.025 * _RATE_HZ, axis=0) * stretch
    formants = np.concatenate([smooth, np.full((steps, 1), 3600 * stretch)], 1)
    widths = np.tile([70.0, 100.0, 160.0, 250.0], (steps, 1)) * rng.uniform(0.8, 1.5)
    f0_hz = np.clip(gaussian_filter1d(f0_hz, 4), 80, 285)
    breath = np.full(steps, rng.uniform(0.02, 0.12))
    level = gaussian_filter1d(amplitude, 0.008 * _RATE_HZ)
    tilt = np.full(steps, rng.uniform(3.0, 7.0))
    return Source(level, voiced, f0_hz, breath, _RATE_HZ), Tract(formants, widths, tilt), hiss


def _say(
    amplitude: Array,
    voiced: Array,
    hiss: Array,
    vowel: Array,
    start: int,
    stop: int,
    rng: np.random.Generator,
) -> None:
    """Write one syllable: a consonant (pause, hiss or murmur), then a vowel."""
    onset = min(stop, start + max(2, round((stop - start) * rng.uniform(0.15, 0.4))))
    consonant = rng.random()
    if consonant < 0.35:
        hiss[start:onset] = rng.uniform(0.05, 0.25)
    elif consonant < 0.6:
        amplitude[start:onset] = 0.12
    loud = rng.uniform(0.4, 1.0)
    amplitude[onset:stop] = loud * np.sin(np.linspace(0.25, np.pi - 0.25, stop - onset))
    vowel[start:stop] = _VOWELS_HZ[rng.integers(len(_VOWELS_HZ))] * rng.uniform(0.93, 1.07)


def _fricatives(level: Array, rate: int, rng: np.random.Generator) -> Array:
    samples = round(len(level) / _RATE_HZ * rate)
    low_hz = rng.uniform(2500, 4000)
    band = butter(2, (low_hz, min(9000.0, 0.45 * rate)), "bandpass", fs=rate, output="sos")
    track = np.interp(
        np.linspace(0, len(level) - 1, samples), np.arange(len(level)), gaussian_filter1d(level, 2)
    )
    return 2.0 * track * sosfilt(band, rng.standard_normal(samples))
