"""What ships of each kind of vocalization: numbers of examples, in vocalizations.safetensors.

Synthetic infants of every kind that the nursery performs, and real cries, as they are and in the
rhythm of the other kinds, so that a real voice does not come to mean a cry.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import laughter
import mixtures
import numpy as np
import yaml
from numpy.typing import NDArray
from recordings import RATE, Recordings, Split, read, revoiced
from safetensors.numpy import save_file
from scipy.ndimage import gaussian_filter1d
from scipy.signal import fftconvolve

from pipeline.nursery import sound
from pipeline.nursery.performance import perform
from pipeline.nursery.sound.room import impulse_response
from pipeline.voice.events import stretches
from pipeline.voice.pitch import pitch_hz
from pipeline.voice.vocalizations import Discriminant
from pipeline.voice.vocalizations_features import vector

HERE = Path(__file__).resolve().parent
MADE = HERE.parents[1] / "tmp" / "voices"
KINDS = ("babble", "cry", "fuss", "laugh")
SPAN_S = 6.0
_SLOWER = {"laugh": (0.8, 1.2), "babble": (0.55, 0.9), "fuss": (0.7, 1.1), "cry": (0.7, 1.3)}

Array = NDArray[np.float32]


def main() -> int:
    """Write the examples, and how well held-out infants' kinds are told by them."""
    params = yaml.safe_load((HERE / "params.yaml").read_text(encoding="utf-8"))
    real = Path(params["real"]).expanduser() if params["real"] else None
    split = Split(params["held_devices"], params["held_takes"])
    rng = np.random.default_rng([params["seed"], 5])
    examples = _examples(params["examples"], read(real, None, False, split), rng)
    held = _examples(params["examples"] // 4, read(real, None, True, split), rng)
    MADE.mkdir(parents=True, exist_ok=True)
    save_file(
        {kind: examples[kind].astype(np.float16) for kind in KINDS},
        MADE / "vocalizations.safetensors",
    )
    learned = Discriminant.fit(examples)
    right = {kind: _share_right(learned, kind, held[kind]) for kind in KINDS}
    (HERE / "vocalizations.json").write_text(json.dumps(right, indent=1) + "\n")
    print({kind: len(rows) for kind, rows in examples.items()}, right)
    return 0


def _share_right(learned: Discriminant, kind: str, rows: Array) -> float:
    said = learned.scores(rows).argmax(1)
    return round(float((said == learned.names.index(kind)).mean()), 4)


def _examples(count: int, real: Recordings, rng: np.random.Generator) -> dict[str, Array]:
    """Rows of `count` sounds of each kind and origin."""
    voices = [mixtures.apart(wave)[0] for wave in real.cries]
    found = {}
    for kind in KINDS:
        waves = [synthetic(kind, rng) for _ in range(count)]
        if voices:
            waves += [_in_rhythm(voices, kind, rng) for _ in range(count)]
        if kind == "laugh":
            waves += [laughing(voices, rng) for _ in range(2 * count)]
        if voices and kind == "cry":
            waves += [*voices, *(_voice(voices, rng) for _ in range(count))]
        rows = [row for wave in waves for row in _rows(recorded(wave, rng))]
        found[kind] = np.stack(rows).astype(np.float32)
    return found


def synthetic(kind: str, rng: np.random.Generator) -> Array:
    """An infant of the nursery, in another voice."""
    wave = sound.infant(perform(kind, SPAN_S, rng), RATE, rng).astype(np.float32)
    return revoiced(
        wave, 2 ** rng.uniform(-0.3, 0.3), rng.uniform(0.9, 1.1), rng.uniform(0.85, 1.2)
    )


def _in_rhythm(voices: list[Array], kind: str, rng: np.random.Generator) -> Array:
    return mixtures.in_rhythm(_voice(voices, rng), kind, rng.uniform(*_SLOWER[kind]), rng)


def laughing(voices: list[Array], rng: np.random.Generator) -> Array:
    """Laughter put together out of a real or a synthetic voice."""
    own = _voice(voices, rng) if voices and rng.random() < 0.7 else synthetic("babble", rng)
    return laughter.laughing(own, SPAN_S, rng)


def _voice(voices: list[Array], rng: np.random.Generator) -> Array:
    """A real voice as that of another infant."""
    voice = voices[rng.integers(len(voices))]
    return revoiced(voice, 2 ** rng.uniform(-0.5, 0.5), rng.uniform(0.85, 1.2), 1.0)


def recorded(wave: Array, rng: np.random.Generator) -> Array:
    """Through some microphone, in some room, over some noise."""
    spectrum = np.fft.rfft(wave)
    octaves = np.linspace(0, RATE / 2, len(spectrum))
    spectrum *= 10 ** (np.interp(octaves, np.linspace(0, RATE / 2, 9), rng.normal(0, 4, 9)) / 20)
    wave = np.fft.irfft(spectrum, len(wave)).astype(np.float32)
    if rng.random() < 0.4:
        room = impulse_response(RATE, rng, rng.uniform(0.15, 0.8), rng.uniform(-3, 9))
        wave = fftconvolve(wave, room)[: len(wave)].astype(np.float32)
    noise = rng.standard_normal(len(wave)).astype(np.float32) * float(wave.std())
    return np.asarray(wave + noise * 10 ** (rng.uniform(-45, -8) / 20), np.float32)


def _rows(wave: Array) -> Iterator[Array]:
    """One row for each event of a voice that sounds alone."""
    if np.abs(wave).max() < 1e-4:
        return
    pitch = pitch_hz(wave)
    steps = len(wave) // 320
    level = np.sqrt((wave[: steps * 320].reshape(steps, 320) ** 2).mean(1))
    sounding = gaussian_filter1d(level, 1.5) > 0.06 * np.quantile(level, 0.98)
    for start, end in stretches(sounding.astype(np.float32)):
        if end - start >= 10:
            yield vector(wave, pitch, start / 50, end / 50)


if __name__ == "__main__":
    sys.exit(main())
