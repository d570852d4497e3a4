"""One number a landmark: the share of it that can be seen, from everything that could hide it.

shares = cues(records, ...)     # of one track: {"covered": (F, 478), "hand": ..., ...}
seen = visibility(shares)       # (F, 478) in [0, 1]
hidden_by(shares)               # which cue decides in each frame: ["", "covered", ...]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.face.covering import hidden
from pipeline.face.mesh import MOUTH, POINTS, canonical
from pipeline.face.self_occlusion import seen

Floats = NDArray[np.float32]

UNDER_HAND = 0.1
"""What is left of a landmark under a hand: the hand model is sometimes wrong."""
USABLE_FACING, FACING = 0.11, (0.05, 0.35)
"""How far corners of a swatch face the camera, within these bounds, where it is looked at."""
USUAL_SCORE = 0.8
"""Quantile over a track of a landmark's score that it has when nothing covers it."""
SURE, UNSURE = 0.7, 0.3
"""Shares of that score at which a landmark counts in full, and at which it does not count."""
BLOCK = 256
"""Frames worked on at once, so that memory does not grow with the track."""
NOTHING_HIDES = 0.9
"""Share that a cue leaves to be seen from which on it hides nothing worth naming."""


def cues(
    records: NDArray[np.void],
    there: NDArray[np.bool_],
    mine: NDArray[np.bool_],
    device: str = "cpu",
) -> dict[str, Floats]:
    """What each cue leaves to be seen, (F, 478) in [0, 1] by name, of the frames of one track.

    mediapipe's own `visibility` is always 0 for faces: it carries no such measure. Scores of single
    landmarks come with FAN alone.

    Args:
        records: of one track, in the order of frames.
        there: (F, 852) what `usable` says of them.
        mine: (F,) in which of them it is the face that the track is of; see `strangers`.
        device: where the network runs that sees covers.
    """
    return {
        "covered": 1.0 - _covered(records["swatches"], there, mine, device),
        "another": np.repeat(mine.astype(np.float32)[:, None], POINTS, axis=1),
        "hand": np.where(records["under_hand"], np.float32(UNDER_HAND), np.float32(1.0)),
        "turned": turned(records),
        "outside": records["inside"].astype(np.float32),
        "unsure": sureness(records["scores"]),
    }


def _covered(
    swatches: NDArray[np.uint8], there: NDArray[np.bool_], mine: NDArray[np.bool_], device: str
) -> Floats:
    """How likely each landmark (F, 478) is covered, told from the frames of one person (F,)."""
    if mine.all():
        return steady(hidden(swatches, there, device))
    covered = np.zeros((len(mine), POINTS), np.float32)
    covered[mine] = steady(hidden(swatches[mine], there[mine], device))
    return covered


def turned(records: NDArray[np.void]) -> Floats:
    """What the pose of the head leaves to be seen of each landmark, (F, 478) in [0, 1]."""
    return seen(records["facing"])


def visibility(shares: Mapping[str, Floats]) -> Floats:
    """Visibility (F, 478) in [0, 1] of the landmarks of one track: what all cues leave of them."""
    first, *others = shares.values()
    left = first.astype(np.float32)
    for share in others:
        left *= share
    return left


def hidden_by(shares: Mapping[str, Floats], mouth: Floats | float = 1.0) -> list[str]:
    """The cue that takes most of the mouth or of the face in each frame (F,), "" where none does.

    Of the two, that is asked of which less is seen, since that decides. `mouth` is what counts as
    seen of it, which something thin or what comes again may make less than a mean over landmarks.
    """
    left = np.stack([[s[:, MOUTH].mean(axis=1), s.mean(axis=1)] for s in shares.values()])
    part = left.prod(axis=0).argmin(axis=0)
    of_part = np.take_along_axis(left, part[None, None], axis=1)[:, 0]
    seen_of_it = np.minimum(of_part.min(axis=0), mouth)
    names = list(shares)
    return [
        names[cue] if share < NOTHING_HIDES else ""
        for cue, share in zip(of_part.argmin(axis=0), seen_of_it, strict=True)
    ]


def usable(records: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which swatches (F, 852) show a face that neither the head nor the picture's edge hides."""
    first, second, third = canonical().triangles.T
    there = np.zeros((len(records), len(first)), bool)
    for block in _blocks(len(records)):
        facing = np.clip(records["facing"][block].astype(np.float32), *FACING)
        inside = records["inside"][block]
        ahead = (facing[:, first] + facing[:, second] + facing[:, third]) / 3 > USABLE_FACING
        there[block] = ahead & inside[:, first] & inside[:, second] & inside[:, third]
    return there


def sureness(scores: NDArray[np.floating]) -> Floats:
    """How far a landmarker believes its points (F, 478), against what it does in the same track.

    1 where it says nothing (nan).
    """
    if np.isnan(scores).all():
        return np.ones(scores.shape, np.float32)
    known = np.nan_to_num(scores.astype(np.float32))
    usual = np.quantile(known, USUAL_SCORE, axis=0)
    share = (known / np.maximum(usual, 1e-3) - UNSURE) / (SURE - UNSURE)
    return np.where(np.isnan(scores), 1.0, steady(np.clip(share, 0.0, 1.0))).astype(np.float32)


def steady(values: Floats) -> Floats:
    """Running median over five frames (F, N): what flickers for a frame covers nothing."""
    padded = np.pad(values, ((2, 2), (0, 0)), mode="edge")
    calm = np.empty(values.shape, np.float32)
    for block in _blocks(len(values)):
        count = len(values[block])
        a, b, c, d, e = (padded[block.start + k :][:count] for k in range(5))
        # Of four, the least and the most are not in the middle of five.
        low = np.maximum(np.minimum(a, b), np.minimum(c, d))
        high = np.minimum(np.maximum(a, b), np.maximum(c, d))
        calm[block] = np.maximum(np.minimum(low, high), np.minimum(e, np.maximum(low, high)))
    return calm


def lasting(values: Floats, frames: int) -> Floats:
    """What is seen (F,) for so many frames on end, an odd number, or up to where the track ends.

    A morphological opening: a mouth that shows for a moment between two at which something lies
    before it seldom does.
    """
    windows = np.lib.stride_tricks.sliding_window_view
    # Beyond the ends it may have been seen for long.
    padded = np.pad(values, frames - 1, constant_values=np.inf)
    return np.asarray(windows(windows(padded, frames).min(axis=1), frames).max(axis=1))


def _blocks(frames: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK) for start in range(0, frames, BLOCK))
