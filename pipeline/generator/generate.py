"""A face for a sound: what `cradle generate SOUND -o DIR` does.

made = generate(sound, 16_000, generator, "cry")
made.latents          # (T, 64), 30 frames a second, from the sound's first sample on
save(made, sound, 16_000, face, draw, Path("out"))   # out/face.npz and out/face.mp4
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from pipeline.core.errors import CradleError
from pipeline.generator import features, spans, video
from pipeline.generator.checkpoint import Generator
from pipeline.generator.face import Face, decode
from pipeline.generator.features import FPS, RATE_HZ
from pipeline.generator.spans import Span
from pipeline.generator.video import Draw

Floats = NDArray[np.float32]


class GenerateError(CradleError):
    """A sound that no face can be made for."""


@dataclass(frozen=True)
class Made:
    """What the generator made of a sound; all of it synthetic."""

    vocalization: str
    latents: Floats
    """(T, 64)"""
    identity: Floats
    """(32,)"""
    age: Floats
    """(1,)"""


def generate(
    sound: Floats,
    rate_hz: int,
    generator: Generator,
    vocalization: str | None = None,
    *,
    identity: Floats | None = None,
    age: Floats | None = None,
    seed: int = 0,
    steps: int = 8,
    guidance: float = 1.0,
) -> Made:
    """Make a face move to a sound.

    Args:
        sound: (N,) or (N, channels), -1..1, the infant's voice with little else.
        rate_hz: its rate.
        generator: as trained.
        vocalization: one that the generator knows; None tells it nothing.
        identity, age: (32,) and (1,) latents of the face; the average infant's where None.
        seed: of the noise that the sample begins from.
        steps: DDIM steps.
        guidance: how far to push from what is guessed without the sound.

    Raises:
        GenerateError: the sound is shorter than a frame, or the vocalization is not known.
    """
    known = generator.vocalizations
    if vocalization is not None and vocalization not in known:
        raise GenerateError(
            f"vocalization {vocalization!r} is not one this generator knows: {', '.join(known)}"
        )
    heard = to_features_rate(sound, rate_hz)
    frames = int(len(heard) * FPS / RATE_HZ)
    if frames < 1:
        raise GenerateError(
            f"the sound has {len(heard)} samples, a frame needs {RATE_HZ / FPS:.0f}"
        )
    audio = features.load(generator.about["feature"]["name"]).extract(heard, frames)
    layout = generator.denoiser.layout
    span = Span(
        span_id="sound",
        clip="sound",
        vocalization=vocalization or "",
        start_frame=0,
        expression=np.zeros((frames, layout.expression), np.float32),
        valid=np.zeros(frames, bool),
        audio=audio,
        identity=_or_average(identity, layout.identity),
        age=_or_average(age, layout.age),
        synthetic=True,
    )
    batch = spans.whole(span, known).to(str(generator.expression.mean.device))
    latents = generator.sample(batch, seed, steps, guidance)[0].cpu().numpy()
    return Made(vocalization or "", latents, span.identity, span.age)


def to_features_rate(sound: Floats, rate_hz: int) -> Floats:
    """Mix to one channel and resample to 16 kHz, (N,)."""
    mono = np.asarray(sound, np.float32)
    mono = mono.mean(axis=1) if mono.ndim == 2 else mono
    if rate_hz == RATE_HZ:
        return mono
    shared = gcd(rate_hz, RATE_HZ)
    return resample_poly(mono, RATE_HZ // shared, rate_hz // shared).astype(np.float32)


def guess_vocalization(name: str, known: list[str]) -> str | None:
    """Find a vocalization's name at the start of a word of a file's name; the first one counts."""
    words = "".join(c if c.isalnum() else " " for c in name.lower()).split()
    return next((kind for word in words for kind in known if word.startswith(kind)), None)


def save(made: Made, sound: Floats, rate_hz: int, face: Face, draw: Draw, out: Path) -> None:
    """Write `face.npz` (latents, vertices in mm) and `face.mp4` with the sound into a folder.

    Both say that they are synthetic.
    """
    out.mkdir(parents=True, exist_ok=True)
    vertices = decode(face, made.identity, made.latents, made.age)
    np.savez(
        out / "face.npz",
        expression=made.latents,
        identity=made.identity,
        age=made.age,
        vertices_mm=vertices,
        fps=np.float32(FPS),
        synthetic=np.bool_(True),
    )
    video.write(out / "face.mp4", {"synthetic": vertices}, draw, to_features_rate(sound, rate_hz))


def _or_average(latent: Floats | None, width: int) -> Floats:
    return np.zeros(width, np.float32) if latent is None else np.asarray(latent, np.float32)
