"""Frames in which the mesh has gone over to somebody else's face.

A head that comes before the infant's takes the landmarker along: from one frame to the next the
mesh leaps onto it, and goes on as sure as before, or is lost and comes back on it. Nothing of that
face is covered, so no other cue speaks. Where the mesh leaps, or was lost, the two faces are
compared: the colours of skin and the pattern of light and dark that brows, eyes, nose and hair
leave differ less through a clip of one person than between any two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.face.cover_features import median, sample
from pipeline.face.mesh import RIGID
from pipeline.face.swatches import chromaticity, layout

Floats = NDArray[np.float32]
Frames = NDArray[np.int64]

LEAP = 0.4
"""From one frame to the next, in radii of the face: 0.3 at a jump cut, 0.7 and more onto another
head."""
ANOTHER_PERSON = 0.16
"""Distance of looks: up to 0.08 through a clip of one person, 0.19 and more between two."""
KNOWN_AGAIN = 0.10
"""Distance of one frame from what somebody looks like up to which it is them: mostly 0.02 to 0.08,
0.13 and more of another."""
FEWEST = 200
"""Swatches seen of both without which they are not told apart."""
SAMPLED = 16
"""Frames, evenly spread, that say what somebody looks like."""
BLOCK = 256
"""Frames looked at together, so that memory does not grow with the track."""
COMPARED, FRAMES_TELL = 8, 2
"""So many frames of two spells are compared one by one, and so many in which somebody is known
again tell of all."""
MOST_SPELLS = 64
"""Of a shot the longest that are told apart; of more, as where nothing is followed for long, the
others are each somebody's of whom nothing is known."""


@dataclass(frozen=True)
class Look:
    """What somebody looks like: colours and lightness, nan where nothing of the face is seen."""

    frames: Floats
    """(S, 852, 3) in some frames."""
    usual: Floats
    """(852, 3) in the middle of them."""


@dataclass
class _Person:
    """Somebody who is seen in one shot."""

    look: Look
    spells: list[int]
    """Numbers of those in which it is them."""
    frames: NDArray[np.integer]
    """In order."""

    @property
    def stretch(self) -> tuple[int, int]:
        """From the first frame to the last, and how many."""
        return int(self.frames[-1] - self.frames[0]), len(self.frames)


def own(
    tracks: Sequence[NDArray[np.void]], usable: Sequence[NDArray[np.bool_]]
) -> list[NDArray[np.bool_]]:
    """In which frames (F,) of each track of one shot the mesh lies on the face the track is of.

    What comes before a face leaves again: of two people it is the one who is there over the longer
    stretch, from the first frame to the last, in whatever tracks and whoever takes up more of it.

    Args:
        tracks: records of each, in the order of frames.
        usable: (F, 852) of each, whether a swatch is skin in the picture that the head itself does
            not hide.
    """
    spells = [
        (number, spell)
        for number, records in enumerate(tracks)
        for spell in _spells(records["points"][:, RIGID, :2], records["frame"])
    ]
    there = [np.ones(len(records), bool) for records in tracks]
    if len(spells) == len(tracks):
        return there
    some = [(number, it[sample(len(it), SAMPLED)]) for number, it in spells]
    looks = [look(tracks[number][it], usable[number][it]) for number, it in some]
    people = _people(looks, [tracks[number]["frame"][it] for number, it in spells])
    for number, records in enumerate(tracks):
        mine = [(who, spells[n][1]) for who in people for n in who.spells if spells[n][0] == number]
        if len(mine) > 1:
            owner = max((who for who, _ in mine), key=lambda who: who.stretch)
            for who, it in mine:
                there[number][it] = who is owner
            there[number] |= _known_again(records["swatches"], usable[number], owner.look.usual)
    return there


def of_one(
    looks: Sequence[Look], frames: Sequence[NDArray[np.integer]], leads: Sequence[bool]
) -> list[int]:
    """Numbers of the tracks of one shot that are of one person, in order.

    Args:
        looks: what is seen in each, see `look`.
        frames: frame numbers (F,) of each.
        leads: whether each is an infant's beyond doubt, whom nobody else turns out.
    """
    people = _people(looks, frames)
    who = max(people, key=lambda it: (any(leads[number] for number in it.spells), it.stretch))
    return sorted(who.spells)


def look(records: NDArray[np.void], usable: NDArray[np.bool_]) -> Look:
    """What somebody looks like in records (F,)."""
    which = sample(len(records), SAMPLED)
    shown = _shown(records["swatches"][which], usable[which])
    return Look(shown, median(shown, axis=0).astype(np.float32))


def _people(looks: Sequence[Look], frames: Sequence[NDArray[np.integer]]) -> list[_Person]:
    """Whoever is seen, of spells in each of which it is one person, the longest first.

    Nobody is in two places at once.
    """
    people: list[_Person] = []
    longest = sorted(range(len(frames)), key=lambda number: -len(frames[number]))
    for place, number in enumerate(longest):
        among = people if place < MOST_SPELLS else []
        known = next((it for it in among if _may_be(it, looks[number], frames[number])), None)
        if known is None:
            people.append(_Person(looks[number], [number], frames[number]))
        else:
            known.spells.append(number)
            known.frames = np.union1d(known.frames, frames[number])
    return people


def _may_be(who: _Person, look: Look, frames: NDArray[np.integer]) -> bool:
    """Whether a spell may show somebody."""
    return not np.isin(frames, who.frames).any() and _alike(who.look, look)


def _known_again(
    swatches: NDArray[np.uint8], usable: NDArray[np.bool_], face: Floats
) -> NDArray[np.bool_]:
    """In which frames (F,) somebody is seen who looks like this.

    Who comes before a face and leaves it may be of one spell with it.
    """
    found = np.zeros(len(swatches), bool)
    for start in range(0, len(found), BLOCK):
        block = slice(start, start + BLOCK)
        found[block] = _apart(_shown(swatches[block], usable[block]), face) < KNOWN_AGAIN
    return found


def _spells(rigid: Floats, frame: NDArray[np.int32]) -> list[Frames]:
    """Numbers of records in runs without a leap, of what no expression moves, (F, N, 2) px."""
    if not len(rigid):
        return []
    middle = rigid.mean(axis=1)
    radius = np.sqrt(np.square(rigid - middle[:, None]).sum(axis=2).mean(axis=1))
    leap = np.linalg.norm(np.diff(middle, axis=0), axis=1)
    leapt = leap > LEAP * np.minimum(radius[1:], radius[:-1])
    return np.split(np.arange(len(rigid)), np.flatnonzero(leapt | (np.diff(frame) > 1)) + 1)


def _shown(swatches: NDArray[np.uint8], usable: NDArray[np.bool_]) -> Floats:
    """Colour and lightness (F, 852, 3), nan where a swatch shows nothing of the face."""
    return np.where(usable[..., None], chromaticity(swatches), np.nan)


def _alike(one: Look, other: Look) -> bool:
    """Whether two looks may be one person's.

    Of a spell in which something lies before the face for most of it some frames tell.
    """
    if not _apart(one.usual[None], other.usual)[0] >= ANOTHER_PERSON:
        return True
    some, others = (it.frames[sample(len(it.frames), COMPARED)] for it in (one, other))
    nearest = np.sort([np.min(_apart(some, frame)) for frame in others])
    return bool(nearest[min(FRAMES_TELL, len(nearest)) - 1] < KNOWN_AGAIN)


def _apart(shown: Floats, face: Floats) -> NDArray[np.floating]:
    """How far faces (F, 852, 3) look from another, (F,), nan where too little of them is seen.

    Lips change too much to say.
    """
    apart = (shown - face)[:, ~layout().lips]
    light = apart[..., 2] - median(apart[..., 2], axis=1)[:, None]
    colour = np.hypot(apart[..., 0], apart[..., 1])
    found = median(colour, axis=1) + median(np.abs(light), axis=1)
    return np.where((~np.isnan(colour)).sum(axis=1) < FEWEST, np.nan, found)
