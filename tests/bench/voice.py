"""`cradle bench voice`: how well the infant's voice is told from everything else, and how fast.

Synthetic mixtures with known parts; with `--media FOLDER` (or CRADLE_MEDIA) also real ones, from
FOLDER/cry, laugh, speech and noise, without the files that the network was trained on. Beside each
figure stand the mixture itself, a spectral gate and harmonic-percussive separation.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.ndimage import median_filter
from scipy.signal import istft, resample_poly, stft

from pipeline import media
from pipeline.core.backends import file_digest
from pipeline.core.code import PROJECT
from pipeline.voice.backends import (
    RATE,
    SEPARATORS,
    TRACK_HZ,
    TYPES,
    VOICES,
    Separator,
    VoiceTracker,
)
from pipeline.voice.measure import isolate
from pipeline.voice.measures import measures
from tests.bench._figures import Figure, report
from tests.voice.mixing import BESIDE, f1, mixture, si_sdr_db

Separate = Callable[[np.ndarray], np.ndarray]


class Both(NamedTuple):
    """What separates, and what tells who sounds."""

    separator: Separator
    tracker: VoiceTracker


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table and return 0 where every figure is reached."""
    options = _options(argv)
    separator: Separator = SEPARATORS.load(options.separator, "cpu")
    backend = Both(separator, VOICES.load(options.voices, "cpu"))
    ways: dict[str, Separate] = {
        "input": lambda sound: sound,
        "gate": spectral_gate,
        "harmonic": harmonic_part,
        options.separator: lambda sound: separator.separate(sound, RATE)[0],
    }
    figures = [*synthetic(backend, ways, options.count), *speed(backend)]
    if options.media and options.media.is_dir():
        figures += [*real_mixtures(ways, options.media), *real_files(backend, options.media)]
    else:
        print("no --media FOLDER: real recordings are left out")
    return report("voice", figures, options.json)


def synthetic(backend: Both, ways: dict[str, Separate], count: int) -> list[Figure]:
    """SI-SDR at 0 dB by what is beside the infant, and what is told of who and which type."""
    figures = []
    for beside in (None, *BESIDE):
        cases = [mixture(TYPES[n % 3], beside, 1000 + n) for n in range(count)]
        figures += _gains(f"synthetic, {beside or 'clean'}", ways, [c[:2] for c in cases])
        figures += _told(beside or "clean", backend, cases)
    return figures


def _gains(
    title: str, ways: dict[str, Separate], cases: Sequence[tuple[np.ndarray, np.ndarray]]
) -> list[Figure]:
    figures = []
    for name, separate in ways.items():
        after = np.mean([si_sdr_db(separate(sound), truth) for sound, truth in cases])
        figures.append(Figure(f"{title}: SI-SDR, {name}", float(after), unit="dB"))
    if title.endswith("clean"):
        # Against itself or a whisper of noise there is nothing to be gained, only to be lost.
        return figures
    gain = figures[-1].reached - figures[0].reached
    figures.append(Figure(f"{title}: gain", gain, unit="dB", note=f"{len(cases)} mixtures"))
    return figures


def _told(title: str, backend: Both, cases: Sequence[tuple]) -> list[Figure]:
    overlap, right = [], []
    for number, (sound, _, performance) in enumerate(cases):
        found = isolate(sound, *backend)
        true = performance.sampled(performance.energy, TRACK_HZ) > 0.12
        overlap.append(f1(found.voices.infant > 0.5, true))
        scores = measures(found.sound, found.stem, found.voices)
        said = max(TYPES, key=lambda name: np.nan_to_num(scores[name]))
        right.append(said == TYPES[number % 3])
    return [
        Figure(f"synthetic, {title}: infant frames, F1", float(np.mean(overlap))),
        Figure(f"synthetic, {title}: type right", float(np.mean(right))),
    ]


def speed(backend: Both) -> list[Figure]:
    """Seconds of sound a second of work."""
    sound, _, _ = mixture("cry", "adult", 1, span_s=30.0)
    isolate(sound, *backend)
    began = time.perf_counter()
    isolate(sound, *backend)
    rate = 30.0 / (time.perf_counter() - began)
    return [Figure("speed, one core", rate, asked=20.0, op=">=", unit="x real time")]


def real_mixtures(ways: dict[str, Separate], folder: Path) -> list[Figure]:
    """SI-SDR of real infants over real noise and talk at 0 dB."""
    infants = {kind: _sounds(folder / kind) for kind in ("cry", "laugh")}
    others = {kind: _sounds(folder / kind) for kind in ("noise", "speech")}
    figures = []
    for infant, voices in infants.items():
        clean = [(wave, wave) for wave in voices.values()][:24]
        figures += _gains(f"real {infant}, clean", ways, clean)
        for beside, waves in others.items():
            rng = np.random.default_rng(5)
            rest = list(waves.values())
            cases = [_mixed(wave, rest, rng) for wave in list(voices.values())[:24]]
            figures += _gains(f"real {infant} over {beside}", ways, cases)
    return figures


def real_files(backend: Both, folder: Path) -> list[Figure]:
    """Share of real recordings in which an infant is heard for half a second or more."""
    figures = []
    for kind in ("cry", "laugh", "speech", "noise"):
        about = []
        for wave in _sounds(folder / kind).values():
            found = isolate(wave, *backend)
            about.append(measures(found.sound, found.stem, found.voices))
        heard = [row["infant_s"] >= 0.5 for row in about]
        note = f"{sum(heard)} of {len(heard)}"
        figures.append(Figure(f"real {kind}: infant heard", float(np.mean(heard)), note=note))
        if kind in TYPES:
            right = [
                max(TYPES, key=lambda name: row[name]) == kind
                for row, yes in zip(about, heard, strict=True)
                if yes
            ]
            figures.append(Figure(f"real {kind}: called {kind}", float(np.mean(right))))
    return figures


def _mixed(
    wave: np.ndarray, rest: list[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    other = np.concatenate([rest[rng.integers(len(rest))] for _ in range(8)])
    other = np.resize(other, len(wave))
    return wave + other * np.sqrt((wave**2).mean() / max((other**2).mean(), 1e-9)), wave


def _sounds(folder: Path) -> dict[str, np.ndarray]:
    found = {}
    for path in sorted(p for p in folder.glob("*") if p.suffix in (".wav", ".ogg", ".flac")):
        if file_digest(path) in _trained_on():
            continue
        wave, rate = media.read_sound(path)
        mono = wave.mean(1) if wave.ndim == 2 else wave
        common = np.gcd(rate, RATE)
        wave = resample_poly(mono, RATE // common, rate // common)
        found[path.name] = (0.5 * wave / max(np.abs(wave).max(), 1e-4)).astype(np.float32)
    return found


@cache
def _trained_on() -> frozenset[str]:
    """Digests of the recordings that the embedded network has seen: they can show nothing."""
    listed = PROJECT / "models" / "voice" / "trained_on.sha256"
    return frozenset(listed.read_text(encoding="utf-8").split())


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


def _back(spectra: np.ndarray, samples: int) -> np.ndarray:
    size = 2 * (spectra.shape[0] - 1)
    _, sound = istft(spectra, RATE, nperseg=size)
    return np.resize(sound[:samples], samples).astype(np.float32)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cradle bench voice", description=__doc__)
    given = os.environ.get("CRADLE_MEDIA")
    parser.add_argument("--media", type=Path, default=Path(given) if given else None)
    parser.add_argument("--separator", default="embedded")
    parser.add_argument("--voices", default="embedded")
    parser.add_argument("--count", type=int, default=24, help="mixtures of each kind")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(argv)
