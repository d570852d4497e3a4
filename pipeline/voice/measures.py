"""What can be said of a whole clip's sound in numbers; whether they are good enough is not said."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from pipeline.voice.backends import RATE, TRACK_HZ, Voices, Wave

SILENCE_DB = -100.0
LIKELY = 0.5
"""From here on a score says yes rather than no."""

_HOP = round(RATE / TRACK_HZ)
_FINE = 80
_FINE_HZ = RATE / _FINE

Floats = NDArray[np.float64]


def levels_db(wave: Wave, hop: int, steps: int) -> Floats:
    """Level (steps,) in dB of full scale, one value for each `hop` samples; at least -100."""
    wanted = steps * hop
    power = np.pad(np.asarray(wave, np.float64), (0, max(0, wanted - len(wave))))[:wanted] ** 2
    return np.maximum(10 * np.log10(power.reshape(steps, hop).mean(1) + 1e-12), SILENCE_DB)


def frame_levels_db(wave: Wave, frames: int, fps: float = 30.0) -> Floats:
    """Level (frames,) in dB of full scale during each frame of a video."""
    edges = np.minimum(np.round(np.arange(frames + 1) * RATE / fps).astype(int), len(wave))
    total = np.concatenate([[0.0], np.cumsum(np.asarray(wave, np.float64) ** 2)])
    power = np.diff(total[edges]) / np.maximum(np.diff(edges), 1)
    return np.maximum(10 * np.log10(np.maximum(power, 0) + 1e-12), SILENCE_DB)


def measures(sound: Wave, stem: Wave, voices: Voices) -> dict[str, float]:
    """Measures of a clip from its sound (n,), the infant's stem (n,) and the tracks.

    infant_s, adult_s, other_s   seconds in which each sounds
    snr_db           stem against all else while the infant sounds; nan if it never does
    adult_overlap    share of the infant's time in which an adult sounds too, and more surely than
                     music or noise, in which voices are easily imagined; nan likewise
    other_overlap    the same for music, television and noise
    decay_s          see `decay_s`
    clipped_share    see `clipped_share`
    """
    infant, adult, other = (
        track >= LIKELY for track in (voices.infant, voices.adult, voices.other)
    )
    own = {
        "infant_s": infant.sum() / TRACK_HZ,
        "adult_s": adult.sum() / TRACK_HZ,
        "other_s": other.sum() / TRACK_HZ,
        "snr_db": snr_db(sound, stem, infant),
        "adult_overlap": _mean((adult & (voices.adult > voices.other))[infant]),
        "other_overlap": _mean(other[infant]),
        "decay_s": decay_s(sound),
        "clipped_share": clipped_share(sound),
    }
    return {name: float(value) for name, value in own.items()}


def snr_db(sound: Wave, stem: Wave, where: NDArray[np.bool_]) -> float:
    """Power of the stem over that of the rest, in dB within +-60, where `where` (T,) at 50 Hz."""
    if not where.any():
        return float("nan")
    samples = np.repeat(where, _HOP)[: len(stem)]
    samples = np.pad(samples, (0, len(stem) - len(samples)))
    signal = float(np.sum(np.asarray(stem, np.float64)[samples] ** 2))
    rest = float(np.sum((np.asarray(sound, np.float64) - stem)[samples] ** 2))
    return float(np.clip(10 * np.log10((signal + 1e-12) / (rest + 1e-12)), -60, 60))


def decay_s(sound: Wave, fall_db: float = 20.0) -> float:
    """How long a sound takes to fall by 20 dB after it stops, in seconds; nan if unknown.

    No sound can die away faster than the room lets it: of all falls of the level the fast ones
    tell of the room, the slow ones of the voice (after Ratnam et al. 2003, doi
    10.1121/1.1616578). This is the lower quartile over the falls. It is taken of the mixture: a
    separator may cut the tail of a room away with everything else.
    """
    steps = len(sound) // _FINE
    if steps < 20:
        return float("nan")
    levels = levels_db(sound, _FINE, steps)
    smooth = 10 * np.log10(uniform_filter1d(10 ** (levels / 10), 4))
    falls = [_fall_s(smooth, at, fall_db) for at in _offsets(smooth)]
    known = [fall for fall in falls if fall is not None]
    return float(np.quantile(known, 0.25)) if known else float("nan")


def _offsets(levels: Floats) -> list[int]:
    """Steps at which the level is the highest of what comes within half a second after."""
    loud = levels.max() - 25.0
    ahead = maximum_filter1d(levels, round(0.5 * _FINE_HZ), origin=-round(0.25 * _FINE_HZ))
    peaks = (levels >= ahead - 1e-9) & (levels > max(loud, -60.0))
    return [int(at) for at in np.flatnonzero(peaks)]


def _fall_s(levels: Floats, at: int, fall_db: float) -> float | None:
    """Time from 3 dB to `fall_db` + 3 dB below the peak at `at`; None if it rises before."""
    after = levels[at : at + round(2.0 * _FINE_HZ)] - levels[at]
    begin = int(np.argmax(after < -3.0))
    end = int(np.argmax(after < -3.0 - fall_db))
    if begin == 0 or end == 0 or after[begin:end].max(initial=-3.0) > -2.0:
        return None
    return (end - begin) / _FINE_HZ


def clipped_share(sound: Wave) -> float:
    """Share of the audible sound that lies within 10% of its own top (99.95th percentile), 0..1.

    A voice passes its crests in a few thousandths of its time; a recording that was cut off dwells
    there. Resampling and lossy codecs ripple the flat tops, and later gain moves them anywhere, so
    neither exact plateaus nor full scale are asked for.
    """
    size = np.abs(sound)
    top = float(np.quantile(size, 0.9995)) if len(size) else 0.0
    if top < 0.01:
        return 0.0
    return float((size > 0.9 * top).sum() / max(int((size > 0.03 * top).sum()), 1))


def _mean(values: NDArray) -> float:
    return float(values.mean()) if len(values) else float("nan")
