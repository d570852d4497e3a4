"""`cradle bench voices`: who sounds when, what it is, and what it costs to know.

Synthetic mixtures with known parts; with `--media FOLDER` (or CRADLE_MEDIA) also real recordings
from FOLDER/cry, laugh, speech, noise and face, without the files that the network was trained on.
Where a real infant sounds is told by an energy gate over the recording before it is mixed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from scipy.ndimage import gaussian_filter1d
from scipy.signal import resample_poly

from pipeline import media
from pipeline.core.backends import file_digest
from pipeline.core.code import PROJECT
from pipeline.core.errors import CradleError
from pipeline.core.runner import Run
from pipeline.params import load
from pipeline.voice import events_table
from pipeline.voice.backends import RATE, SEPARATORS, TRACK_HZ, VOICES
from pipeline.voice.events import events
from pipeline.voice.measure import Isolated, isolate
from pipeline.voice.measures import LIKELY, measures
from pipeline.voice.vocalizations import Typist, learn
from pipeline.voice.vocalizations_table import column_of, shares, typed
from tests.bench._figures import Figure, report
from tests.bench._watched import Watched, watched
from tests.voice.mixing import BESIDE, mixture
from tests.voice.world import downloaded, isolated

KINDS = ("cry", "laugh", "babble", "fuss")
RATIOS_DB = (-5.0, 0.0, 5.0, 10.0)
HOP = round(RATE / TRACK_HZ)
TALK_PIECE_S = 2.5
SOUNDS = (".wav", ".ogg", ".flac")


@dataclass
class Counts:
    """Frames that were said, true, and both; pooled over sounds."""

    said: int = 0
    true: int = 0
    both: int = 0

    def add(self, said: np.ndarray, true: np.ndarray) -> None:
        """Take in two boolean tracks, cut to the shorter."""
        steps = min(len(said), len(true))
        said, true = said[:steps], true[:steps]
        self.said += int(said.sum())
        self.true += int(true.sum())
        self.both += int((said & true).sum())

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.both / max(1, self.said + self.true)

    @property
    def share(self) -> float:
        """Share of what was true that was said."""
        return self.both / max(1, self.true)


class Ear:
    """The separator and the tracker under test."""

    def __init__(self, separator: str, tracker: str) -> None:
        self.separator, self.tracker = SEPARATORS.load(separator), VOICES.load(tracker)
        self.labels = load(PROJECT).isolate.pyannote_labels

    def hear(self, wave: np.ndarray) -> Isolated:
        """Everything that is measured of a sound (n,) at 16 kHz."""
        return isolate(wave, self.separator, self.tracker, self.labels)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table and return 0 where every figure is reached."""
    options = _options(argv)
    ear = Ear(options.separator, options.voices)
    figures = [*synthetic(ear, options.count), *synthetic_adults(ear, options.count)]
    if options.media and options.media.is_dir():
        figures += [*real_frames(ear, options.media), *real_adults(ear, options.media)]
        figures += real_types(ear, options.media)
    else:
        print("no --media FOLDER: real recordings are left out")
    figures += [*speed(ear), *same_bytes(), *long_recording(options)]
    return report("voices", figures, options.json)


def synthetic(ear: Ear, count: int) -> Iterator[Figure]:
    """F1 of the infant's frames at 0 dB by what is beside it; `count` mixtures each."""
    everything = Counts()
    for beside in (None, *BESIDE):
        counts = Counts()
        for number in range(count):
            wave, _, performance = mixture(KINDS[number % 4], beside, 3000 + number)
            true = performance.sampled(performance.energy, TRACK_HZ) > 0.12
            said = ear.hear(wave).voices.infant >= LIKELY
            counts.add(said, true)
            everything.add(said, true)
        yield Figure(f"synthetic, {beside or 'clean'}: infant's frames, F1", counts.f1)
    yield Figure("synthetic, all: infant's frames, F1", everything.f1, 0.95, ">=")


def synthetic_adults(ear: Ear, count: int) -> Iterator[Figure]:
    """Share of the frames of synthetic adults alone that are called infant."""
    counts = Counts()
    for number in range(count):
        wave = BESIDE["adult"](4.0, RATE, np.random.default_rng([91, number]))
        wave = wave.astype(np.float32)
        counts.add(ear.hear(wave).voices.infant >= LIKELY, sounding(wave))
    yield Figure("synthetic adults called infant", counts.share, 0.05, unit="of frames")


def real_frames(ear: Ear, folder: Path) -> Iterator[Figure]:
    """F1 of real infants' frames over real noise and real talk."""
    everything = Counts()
    for kind in ("cry", "laugh"):
        voices = list(read(folder / kind).values())
        clean = Counts()
        for wave in voices:
            clean.add(ear.hear(wave).voices.infant >= LIKELY, sounding(wave))
        yield Figure(f"real {kind}, clean: infant's frames, F1", clean.f1)
        for beside in ("noise", "speech"):
            rest = list(read(folder / beside).values())
            for ratio_db in RATIOS_DB:
                counts = Counts()
                rng = np.random.default_rng(11)
                for wave in voices:
                    said = ear.hear(over(wave, rest, ratio_db, rng)).voices.infant >= LIKELY
                    counts.add(said, sounding(wave))
                    everything.add(said, sounding(wave))
                title = f"real {kind} over {beside} at {ratio_db:g} dB"
                yield Figure(f"{title}: infant's frames, F1", counts.f1)
    yield Figure("real, all mixtures: infant's frames, F1", everything.f1, 0.85, ">=")


def real_adults(ear: Ear, folder: Path) -> Iterator[Figure]:
    """Share of the frames of real adults' talk that are called infant."""
    counts = Counts()
    talk = {**read(folder / "speech"), **_tracks_of(folder / "face")}
    for name, wave in talk.items():
        own = Counts()
        own.add(ear.hear(wave).voices.infant >= LIKELY, sounding(wave))
        counts.add(ear.hear(wave).voices.infant >= LIKELY, sounding(wave))
        yield Figure(f"{name}: adult called infant", own.share, unit="of frames")
    note = f"{len(talk)} recordings"
    yield Figure("real adults called infant", counts.share, 0.05, unit="of frames", note=note)


def real_types(ear: Ear, folder: Path) -> Iterator[Figure]:
    """One label a clip: what the infant does, else talk, else noise."""
    known = load(PROJECT)
    typist = learn(known.vocalizations, PROJECT)
    clips = {kind: list(read(folder / kind).values()) for kind in ("cry", "laugh", "noise")}
    clips["talk"] = [piece for wave in read(folder / "speech").values() for piece in _pieces(wave)]
    recalls = []
    for kind, waves in clips.items():
        said = [label(ear.hear(wave), typist, known.select.min_infant_s) for wave in waves]
        recalls.append(said.count(kind) / max(1, len(said)))
        wrong = {name: said.count(name) for name in sorted(set(said)) if name != kind}
        yield Figure(f"real {kind}: called {kind}", recalls[-1], note=f"of {len(said)}; {wrong}")
    yield Figure("type of real clips, balanced accuracy", float(np.mean(recalls)), 0.85, ">=")


def label(found: Isolated, typist: Typist, min_infant_s: float) -> str:
    """What one clip is called: the infant's kind, `talk`, or `noise`."""
    about = measures(found.sound, found.stem, found.voices)
    if about["infant_s"] >= min_infant_s and about["infant_s"] >= about["adult_s"]:
        rows = typed(events_table.rows(events(found.voices, found.sound, found.stem)), typist)
        names = [kind.name for kind in typist.kinds]
        score = shares(rows.assign(clip=""), [""], names)
        return max(names, key=lambda name: np.nan_to_num(score[column_of(name)][0], nan=-1.0))
    return "talk" if about["adult_s"] >= min_infant_s else "noise"


def speed(ear: Ear) -> Iterator[Figure]:
    """Seconds of sound a second of work, separation and voices together, on one core."""
    wave, _, _ = mixture("cry", "adult", 1, span_s=30.0)
    ear.hear(wave)
    began = time.process_time()
    ear.hear(wave)
    rate = 30.0 / (time.process_time() - began)
    yield Figure("speed, one core", rate, 5.0, ">=", "x real time")


def same_bytes() -> Iterator[Figure]:
    """Whether the tables are the same however many workers measured."""
    sounds = {kind: mixture(kind, "adult", 80)[0] for kind in KINDS}
    tables = []
    for workers in (1, 2, 4):
        with tempfile.TemporaryDirectory() as folder:
            root = downloaded(Path(folder), sounds)
            isolated(root, load(PROJECT).vocalizations, Run(workers=workers, device="cpu"))
            made = sorted((root / "data" / "isolate").rglob("*.parquet/*"))
            tables.append([path.read_bytes() for path in made])
    others = sum(table != tables[0] for table in tables)
    yield Figure("tables that differ with 1, 2 and 4 workers", others, 0.0)


def long_recording(options: argparse.Namespace) -> Iterator[Figure]:
    """Memory and time of `cradle voices` on 2 h, and whether time grows as length does."""
    (short_s, _), (long_s, peak_gb) = (_listened(minutes) for minutes in options.long_min)
    times = options.long_min[1] / options.long_min[0]
    length = f"{options.long_min[1]} min"
    yield Figure(f"{length}: highest memory", peak_gb, 1.5, unit="GB", note="cradle voices")
    yield Figure(f"{length}: time a minute, against a shorter one", long_s / short_s / times, 1.2)


def _listened(minutes: int) -> Watched:
    """What `cradle voices` takes on so much sound."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder, "long.flac"), Path(folder, "events.json")
        wave = mixture("cry", "adult", 1, span_s=60.0)[0]
        with soundfile.SoundFile(path, "w", RATE, 1) as file:
            for _ in range(minutes):
                file.write(wave)
        return watched(["voices", str(path), "-o", str(out)])


def sounding(wave: np.ndarray) -> np.ndarray:
    """Steps (T,) at 50 Hz in which a recording of one voice stands out of its own quiet parts."""
    steps = len(wave) // HOP
    level = np.sqrt((wave[: steps * HOP].reshape(steps, HOP).astype(float) ** 2).mean(1) + 1e-12)
    level = gaussian_filter1d(level, 1.0)
    top, floor = np.quantile(level, 0.98), np.quantile(level, 0.05)
    return np.asarray(level > max(np.sqrt(floor * top), 0.05 * top))


def over(
    wave: np.ndarray, rest: list[np.ndarray], ratio_db: float, rng: np.random.Generator
) -> np.ndarray:
    """A voice `ratio_db` above other recordings, joined to its length."""
    other = np.concatenate([rest[rng.integers(len(rest))] for _ in range(8)])
    other = np.resize(other, len(wave))
    scale = np.sqrt((wave**2).mean() / max(float((other**2).mean()), 1e-9) / 10 ** (ratio_db / 10))
    both = wave + scale * other
    return np.asarray(0.7 * both / np.abs(both).max(), np.float32)


@cache
def read(folder: Path) -> dict[str, np.ndarray]:
    """Recordings at 16 kHz by name, loudest 0.5, without those that were trained on."""
    found = {}
    for path in sorted(path for path in folder.glob("*") if path.suffix in SOUNDS):
        if file_digest(path) not in _trained_on():
            found[path.name] = _at_rate(*media.read_sound(path))
    return found


def _tracks_of(folder: Path) -> dict[str, np.ndarray]:
    """What is heard in videos of adults, where anything is."""
    found = {}
    for path in sorted(folder.glob("adult_*.mp4")):
        with tempfile.TemporaryDirectory() as out:
            try:
                media.normalise(path, Path(out), media.Limits())
                wave = _at_rate(*media.read_sound(Path(out, media.SOUND_16K)))
            except (CradleError, OSError):
                continue
        if sounding(wave).any() and np.abs(wave).max() > 0.1:
            found[path.name] = wave
    return found


def _at_rate(wave: np.ndarray, rate: int) -> np.ndarray:
    mono = wave.mean(1) if wave.ndim == 2 else wave
    common = np.gcd(rate, RATE)
    wave = resample_poly(mono, RATE // common, rate // common)
    return (0.5 * wave / max(float(np.abs(wave).max()), 1e-4)).astype(np.float32)


def _pieces(wave: np.ndarray) -> list[np.ndarray]:
    size = round(TALK_PIECE_S * RATE)
    return [wave[at : at + size] for at in range(0, max(1, len(wave) - size // 2), size)]


@cache
def _trained_on() -> frozenset[str]:
    """Digests of the recordings that the embedded network has seen: they can show nothing."""
    listed = PROJECT / "models" / "voices" / "trained_on.sha256"
    return frozenset(listed.read_text(encoding="utf-8").split())


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cradle bench voices", description=__doc__)
    given = os.environ.get("CRADLE_MEDIA")
    parser.add_argument("--media", type=Path, default=Path(given) if given else None)
    parser.add_argument("--separator", default="embedded")
    parser.add_argument("--voices", default="embedded")
    parser.add_argument("--count", type=int, default=16, help="synthetic mixtures of each kind")
    parser.add_argument("--long-min", type=int, nargs=2, default=(30, 120), metavar="MINUTES")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(argv)
