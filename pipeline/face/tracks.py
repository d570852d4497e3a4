"""Faces joined into tracks from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.face.backends import Box, Face, overlap
from pipeline.face.records import Notes

SAME_TRACK = 0.25
PATIENCE = 15
"""Frames that a track may miss and still go on where it was."""


@dataclass
class Track:
    """One face through time."""

    notes: Notes
    box: Box
    last: int
    shot: int
    """The frame that its shot begins with."""


class Tracks:
    """All tracks of a clip, growing frame by frame."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._shot = 0
        self.all: list[Track] = []

    def assign(self, faces: Sequence[Face], frame: int) -> list[Track]:
        """The track that each face continues or begins, by overlap with where it was last."""
        oldest = max(frame - PATIENCE, self._shot)
        live = [track for track in self.all if track.last >= oldest]
        pairs = [
            (overlap(face.box, track.box), number, track)
            for number, face in enumerate(faces)
            for track in live
        ]
        taken: dict[int, Track] = {}
        for share, number, track in sorted(pairs, key=lambda pair: -pair[0]):
            if share > SAME_TRACK and number not in taken and track not in taken.values():
                taken[number] = track
        return [self._continue(taken.get(number), face, frame) for number, face in enumerate(faces)]

    def _continue(self, track: Track | None, face: Face, frame: int) -> Track:
        if track is None:
            track = Track(Notes(self._folder), face.box, frame, self._shot)
            self.all.append(track)
        track.box, track.last = face.box, frame
        return track

    def cut(self, frame: int) -> None:
        """Let no track go on in `frame`, which begins another shot."""
        self._shot = frame

    def close(self) -> None:
        """Let go of the tracks' files."""
        for track in self.all:
            track.notes.close()
