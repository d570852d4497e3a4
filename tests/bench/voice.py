"""`cradle bench voice`: how well the infant's voice is taken out of everything else, how fast.

Synthetic mixtures with known parts, in rooms and without; with `--media FOLDER` (or CRADLE_MEDIA)
also real ones, from FOLDER/cry, laugh, speech and noise, without the files that the network was
trained on. Beside each figure stand the mixture itself, a spectral gate, harmonic-percussive
separation, the packages of `uv sync --group peers` where they are installed, and demucs where
models/weights.lock names its weights.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from pipeline import media
from pipeline.core.backends import file_digest
from pipeline.core.code import PROJECT
from pipeline.core.errors import WeightsError
from pipeline.nursery import sound
from pipeline.voice.backends import RATE, SEPARATORS, Separator
from pipeline.voice.separation_file import separate_file
from tests.bench._figures import Figure, report
from tests.bench._peers import harmonic_part, installed, spectral_gate
from tests.bench._watched import own_peak_kb
from tests.voice.mixing import BESIDE, mixture, si_sdr_db

Separate = Callable[[np.ndarray], np.ndarray]
Cases = Sequence[tuple[np.ndarray, np.ndarray]]
"""Mixtures (n,) and the infants in them (n,)."""

LEVELS_DB = (-5, 0, 5, 10)
KINDS = ("cry", "laugh", "babble", "fuss")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table and return 0 where every figure is reached."""
    options = _options(argv)
    separator: Separator = SEPARATORS.load(options.separator, "cpu")
    ways = {**_peers(options.separator), options.separator: _stem_by(separator)}
    figures = [*synthetic(ways, options.count), *speed(separator)]
    if options.media and options.media.is_dir():
        figures += real(ways, options.media)
    else:
        print("no --media FOLDER: real recordings are left out")
    if options.hours:
        figures += long_recording(options.separator, options.hours)
    return report("voice", figures, options.json)


def _stem_by(separator: Separator) -> Separate:
    return lambda mixed: separator.separate(mixed, RATE)[0]


def _peers(own: str) -> dict[str, Separate]:
    peers: dict[str, Separate] = {
        "input": lambda mixed: mixed,
        "gate": spectral_gate,
        "harmonic": harmonic_part,
        **installed(),
    }
    if own != "demucs":
        try:
            peers["demucs"] = _stem_by(SEPARATORS.load("demucs", "cpu"))
        except WeightsError as error:
            print(f"demucs is left out: {error}")
    return peers


def synthetic(ways: Mapping[str, Separate], count: int) -> list[Figure]:
    """Median gain at 0 dB by what is beside the infant, and what becomes of a clean voice."""
    cases = {
        beside: [_in_a_room(KINDS[n % 4], beside, 1000 + n) for n in range(count)]
        for beside in BESIDE
    }
    figures = []
    for beside, some in cases.items():
        asked = 10.0 if beside == "adult" else None
        figures += _gains(f"synthetic, {beside}, 0 dB", ways, some, asked)
    everything = [case for some in cases.values() for case in some]
    figures += _gains("synthetic, all, 0 dB", ways, everything, 12.0)
    clean = [mixture(KINDS[n % 4], None, 1000 + n)[:2] for n in range(count)]
    return figures + _kept("synthetic, clean", ways, clean, None)


def _in_a_room(kind: str, beside: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Every other mixture with both in rooms, whose echo belongs to what it is an echo of."""
    mixed, infant, _ = mixture(kind, beside, seed)
    if seed % 2:
        return mixed, infant
    rng = np.random.default_rng([79, seed])
    rest = mixed - infant
    infant, rest = (sound.echo(x, RATE, rng, rng.uniform(0.3, 0.9), -6) for x in (infant, rest))
    return _mixed(np.asarray(infant), np.asarray(rest), 0.0)


def real(ways: Mapping[str, Separate], folder: Path) -> list[Figure]:
    """Median gain of real infants over real noise and talk, and SI-SDR of those that are clean."""
    figures = []
    for kind in ("cry", "laugh"):
        infants = _sounds(folder / kind)
        clean = [(wave, wave) for wave in infants]
        figures += _kept(f"real {kind}, clean", ways, clean, 20.0)
        for beside, name in (("noise", "noise"), ("speech", "talk")):
            rest = _sounds(folder / beside)
            for level_db in LEVELS_DB:
                rng = np.random.default_rng(5)
                some = [_mixed(wave, _drawn(rest, len(wave), rng), level_db) for wave in infants]
                asked = 8.0 if level_db == 0 else None
                figures += _gains(f"real {kind}, {name}, {level_db} dB", ways, some, asked)
    return figures


def speed(separator: Separator) -> list[Figure]:
    """Seconds of sound a second of work."""
    mixed, _, _ = mixture("cry", "adult", 1, span_s=30.0)
    separator.separate(mixed, RATE)
    began = time.process_time()
    separator.separate(mixed, RATE)
    rate = 30.0 / (time.process_time() - began)
    return [Figure("speed, one core", rate, asked=5.0, op=">=", unit="x real time")]


def long_recording(separator: str, hours: float) -> list[Figure]:
    """Memory and time of a recording of `hours`, and its time beside that of one half as long."""
    measured = [_measured(separator, span) for span in (hours / 2, hours)]
    (half_s, _), (whole_s, peak_mb) = measured
    return [
        Figure(f"{hours:g} h: peak memory", peak_mb, asked=1500.0, unit="MB"),
        Figure(f"{hours:g} h: time beside half of it", whole_s / half_s, asked=2.3, unit="x"),
    ]


def _measured(separator: str, hours: float) -> tuple[float, float]:
    """Seconds and peak megabytes of a process of its own that separates a file."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder, "long.wav"), Path(folder, "out.wav")
        minute, _, _ = mixture("cry", "television", 2, span_s=60.0)
        with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
            for _ in range(round(60 * hours)):
                file.write(minute)
        said = subprocess.run(
            [sys.executable, "-m", __name__, "--file", path, out, "--separator", separator],
            capture_output=True,
            text=True,
            check=True,
            cwd=PROJECT,
        )
    seconds, peak_mb = map(float, said.stdout.split())
    return seconds, peak_mb


def _separate_alone(separator: str, path: Path, out: Path) -> int:
    loaded = SEPARATORS.load(separator, "cpu")
    began = time.process_time()
    separate_file(path, loaded, out, None)
    peak_mb = own_peak_kb() / 1024
    print(time.process_time() - began, peak_mb)
    return 0


def _gains(
    title: str, ways: Mapping[str, Separate], cases: Cases, asked: float | None
) -> list[Figure]:
    before = [si_sdr_db(mixed, infant) for mixed, infant in cases]
    figures = []
    for name, separate in ways.items():
        after = [si_sdr_db(separate(mixed), infant) for mixed, infant in cases]
        gain = float(np.median(np.subtract(after, before)))
        figures.append(Figure(f"{title}: gain, {name}", gain, unit="dB"))
    *peers, own = figures
    note = f"{len(cases)} mixtures, best peer {max(peer.reached for peer in peers):.1f} dB"
    return [*peers, Figure(own.what, own.reached, asked, ">=", "dB", note)]


def _kept(
    title: str, ways: Mapping[str, Separate], cases: Cases, asked: float | None
) -> list[Figure]:
    """SI-SDR of what is made of clean voices; the input itself would only be infinite."""
    figures = []
    for name, separate in ways.items():
        if name != "input":
            after = [si_sdr_db(separate(mixed), infant) for mixed, infant in cases]
            figures.append(Figure(f"{title}: SI-SDR, {name}", float(np.median(after)), unit="dB"))
    *peers, own = figures
    return [*peers, Figure(own.what, own.reached, asked, ">=", "dB", f"{len(cases)} voices")]


def _mixed(infant: np.ndarray, rest: np.ndarray, level_db: float) -> tuple[np.ndarray, np.ndarray]:
    """The infant `level_db` above the rest in power over the whole, loudest 0.6."""
    ratio = np.sqrt((infant**2).mean() / max(float((rest**2).mean()), 1e-12))
    mixed = infant + rest * ratio * 10 ** (-level_db / 20)
    gain = 0.6 / max(float(np.abs(mixed).max()), 1e-6)
    return (gain * mixed).astype(np.float32), (gain * infant).astype(np.float32)


def _drawn(rest: list[np.ndarray], samples: int, rng: np.random.Generator) -> np.ndarray:
    """Some of what is to stand beside an infant, from anywhere in it."""
    whole = rest[rng.integers(len(rest))]
    return np.resize(np.roll(whole, -int(rng.integers(len(whole)))), samples)


def _sounds(folder: Path) -> list[np.ndarray]:
    found = []
    for path in sorted(p for p in folder.glob("*") if p.suffix in (".wav", ".ogg", ".flac")):
        if file_digest(path) in _trained_on():
            continue
        wave, rate = media.read_sound(path)
        mono = wave.mean(1) if wave.ndim == 2 else wave
        common = np.gcd(rate, RATE)
        wave = resample_poly(mono, RATE // common, rate // common)
        found.append((0.5 * wave / max(np.abs(wave).max(), 1e-4)).astype(np.float32))
    return found


@cache
def _trained_on() -> frozenset[str]:
    """Digests of the recordings that made the embedded network: they can show nothing."""
    folder = PROJECT / "models" / "separator"
    listed = [folder / f"{use}.sha256" for use in ("trained_on", "validated_on")]
    return frozenset(" ".join(path.read_text(encoding="utf-8") for path in listed).split())


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cradle bench voice", description=__doc__)
    given = os.environ.get("CRADLE_MEDIA")
    parser.add_argument("--media", type=Path, default=Path(given) if given else None)
    parser.add_argument("--separator", default="embedded")
    parser.add_argument("--count", type=int, default=24, help="synthetic mixtures of each kind")
    parser.add_argument("--hours", type=float, default=0.0, help="also separate so long a file")
    parser.add_argument("--file", type=Path, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    return parser.parse_args(argv)


if __name__ == "__main__":
    alone = _options(sys.argv[1:])
    raise SystemExit(_separate_alone(alone.separator, *alone.file))
