"""Other tools that do a part of the same work, on the same clips: how long, and how rightly.

A tool that cleans sound stands beside the separator, on the sounds of the clips as they were mixed;
a filter that keeps a frame because a face is found stands beside the stage that looks at faces. All
work one after the other in this process, with the decoding of pictures counted to each.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from pipeline import media
from pipeline.core.code import PROJECT
from pipeline.face.backends import LANDMARKERS
from pipeline.face.measure import follow
from pipeline.media import child
from pipeline.nursery import CLIP, measure
from pipeline.nursery.scenes import scene_of
from pipeline.nursery.truth import LIPS, Truth, read
from pipeline.params import Everything, load
from pipeline.voice.backends import RATE, SEPARATORS
from tests.bench import _peers
from tests.bench._face_filters import Finds, filters
from tests.bench._figures import Figure
from tests.bench._seeing import Bools, balanced, kept
from tests.voice.mixing import si_sdr_db

FIRST_SEED, SIZE_PX = 2000, 384
KINDS = (
    *("cry", "laugh", "babble", "lying", "beside", "passing", "hand", "pacifier", "bottle"),
    *("blanket", "profile", "outside", "dark", "nobody", "adult"),
    *("talk", "television", "music", "noise"),
)
"""Six of ten show a mouth; in four something is heard beside the infant."""
HEARD_BESIDE = ("talk", "television", "music", "noise")
MOUTH_SEEN = 0.8
"""Share of the lips' landmarks in sight from which a mouth counts as visible."""


@dataclass(frozen=True)
class Clip:
    """One clip, and what is known of it."""

    kind: str
    video: Path
    truth: Truth
    infant: np.ndarray
    mixed: np.ndarray

    @property
    def span_s(self) -> float:
        """How long it is."""
        return float(self.truth.scene["span_s"])

    @property
    def mouth(self) -> Bools:
        """In which frames (F,) the infant's mouth is visible."""
        known = [n for n in LIPS if self.truth.landmark_known[n]]
        return np.asarray(self.truth.landmark_visibility[:, known].mean(1) >= MOUTH_SEEN)


@dataclass(frozen=True)
class Looked:
    """What one filter said of all clips, frame by frame."""

    mouth: Bools
    """Whether the mouth is visible."""
    good: Bools
    """Whether the frame is good for a dataset; a filter of faces says the same of both."""
    by_kind: dict[str, float]
    """Share of frames whose mouth it called visible."""
    cost: float
    """Seconds of a core, a second of clip."""


def figures(folder: Path, span_s: float, rounds: int) -> list[Figure]:
    """Make each kind of clip so many times, then let everyone at them."""
    params = load(PROJECT)
    cv2.setNumThreads(1)
    clips = [
        _made(folder / f"{number}_{kind}", kind, FIRST_SEED + number, span_s)
        for number in range(rounds)
        for kind in KINDS
    ]
    return [*_sounds(clips, params), *_faces(clips, params)]


def _made(folder: Path, kind: str, seed: int, span_s: float) -> Clip:
    scene = scene_of(kind, seed, span_s, SIZE_PX)
    folder.mkdir(parents=True)
    inputs = {"seed": scene.seed, "index": scene.index}
    measure(folder, {**inputs, "span_s": scene.span_s, "size_px": scene.height_px})
    infant, rest = (media.read_sound(folder / f"{name}.flac")[0] for name in ("infant", "rest"))
    return Clip(kind, folder / CLIP, read(folder), infant, infant + rest)


def _sounds(clips: Sequence[Clip], params: Everything) -> list[Figure]:
    separator = SEPARATORS.load(params.isolate.separator, "cpu")
    ways: dict[str, _peers.Separate] = {
        "ours": lambda mixed: separator.separate(mixed, RATE)[0],
        "spectral gate": _peers.spectral_gate,
        "harmonic part": _peers.harmonic_part,
        **_peers.installed(),
    }
    beside = [clip for clip in clips if clip.kind in HEARD_BESIDE]
    alone = [clip for clip in clips if clip.kind in ("cry", "laugh", "babble")]
    return [figure for name, it in ways.items() for figure in _sound(name, it, beside, alone)]


def _sound(
    name: str, separate: _peers.Separate, beside: Sequence[Clip], alone: Sequence[Clip]
) -> list[Figure]:
    separate(beside[0].mixed)
    began = _processor_s()
    made = [separate(clip.mixed) for clip in beside]
    cost = (_processor_s() - began) / sum(clip.span_s for clip in beside)
    gains = pd.Series(
        [
            si_sdr_db(stem, clip.infant) - si_sdr_db(clip.mixed, clip.infant)
            for stem, clip in zip(made, beside, strict=True)
        ]
    )
    told = gains.groupby([clip.kind for clip in beside]).median()
    quiet = [si_sdr_db(separate(clip.mixed), clip.infant) for clip in alone]
    untouched = float(np.median([si_sdr_db(clip.mixed, clip.infant) for clip in alone]))
    return [
        Figure(f"sound, {name}: seconds of a core", cost, unit="s/s"),
        Figure(
            f"sound, {name}: median gain",
            float(gains.median()),
            unit="dB",
            note=", ".join(f"{kind} {told[kind]:.1f}" for kind in HEARD_BESIDE),
        ),
        Figure(
            f"sound, {name}: infants with little beside them, SI-SDR",
            float(np.median(quiet)),
            unit="dB",
            note=f"{untouched:.1f} as they were",
        ),
    ]


def _faces(clips: Sequence[Clip], params: Everything) -> list[Figure]:
    looked = {"ours": _ours(clips, params)}
    for name, finds in filters().items():
        looked[name] = _found(clips, partial(_twice, finds))
    mouth = np.concatenate([clip.mouth for clip in clips])
    good = np.concatenate([clip.truth.good for clip in clips])
    kinds = pd.DataFrame({name: it.by_kind for name, it in looked.items()})
    kinds.insert(0, "truth", pd.Series({kind: _share(clips, kind) for kind in KINDS}))
    print("frames whose mouth is called visible:\n" + kinds.loc[list(KINDS)].round(2).to_string())
    found = []
    for name, it in looked.items():
        found += [
            Figure(f"faces, {name}: seconds of a core", it.cost, unit="s/s"),
            Figure(
                f"faces, {name}: visible mouths, balanced accuracy",
                balanced(mouth, it.mouth),
                note=f"{mouth.sum()} visible, {(~mouth).sum()} not; "
                f"good frames {balanced(good, it.good):.3f}",
            ),
        ]
    return found


def _twice(finds: Finds, video: Path) -> tuple[Bools, Bools]:
    found = finds(media.read_frames(video))
    return found, found


def _ours(clips: Sequence[Clip], params: Everything) -> Looked:
    landmarker = LANDMARKERS.load(params.landmarks.backend, "cpu")

    def looks(video: Path) -> tuple[Bools, Bools]:
        frames = follow(media.read_frames(video), landmarker, params.landmarks).frames
        seen = frames["found"].to_numpy(bool)
        for share, least in (
            ("mouth_visible", params.select.min_mouth_visible),
            ("mouth_inside", params.select.min_mouth_inside),
        ):
            seen = seen & (frames[share].to_numpy(float) >= least)
        return seen, kept(frames, params.select)

    return _found(clips, looks)


def _found(clips: Sequence[Clip], looks: Callable[[Path], tuple[Bools, Bools]]) -> Looked:
    looks(clips[0].video)
    began = _processor_s()
    said = [looks(clip.video) for clip in clips]
    cost = (_processor_s() - began) / sum(clip.span_s for clip in clips)
    shares = pd.Series([float(mouth.mean()) for mouth, _ in said])
    by_kind = shares.groupby([clip.kind for clip in clips]).mean()
    return Looked(
        np.concatenate([mouth for mouth, _ in said]),
        np.concatenate([good for _, good in said]),
        {kind: float(by_kind[kind]) for kind in KINDS},
        cost,
    )


def _share(clips: Sequence[Clip], kind: str) -> float:
    return float(np.mean([clip.mouth.mean() for clip in clips if clip.kind == kind]))


def _processor_s() -> float:
    """Of this process, and of the decoders that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime + child.used.processor_s
