"""Follows faces from picture to picture with mediapipe's mesh, at less cost where there is one.

mediapipe looks for faces in every picture in which it follows fewer than it may, a third of what
the picture costs it. Of one face that has been alone for a while the mesh itself says whether it
is still there; whether another has come is looked for now and then.
"""

from __future__ import annotations

from pipeline.face.backends import SAME_PLACE, Face, Picture, overlap
from pipeline.face.mediapipe_boxes import BoxDetector
from pipeline.face.mediapipe_mesh import MeshDetector, score_of

ALONE_FRAMES = 5
"""So many pictures with one face, and others are no longer looked for in each; twice as many each
time that this was wrong, as to begin anew costs as much as several pictures."""
LOOK_EVERY = 10
"""Pictures from one look for others to the next, from then on."""
STAYS = 0.25
"""Share of a face's size that its landmarks move by on average at the most, from one picture to the
next: beyond it is another face, or the same the wrong way up."""


class MeshFollower:
    """A `FaceDetector` that follows up to `faces` faces."""

    def __init__(self, faces: int, boxes: BoxDetector) -> None:
        self._boxes = boxes
        self._all = MeshDetector(faces, still=False)
        self._single: MeshDetector | None = None
        self._alone, self._patience = 0, ALONE_FRAMES
        self._last: Face | None = None

    def detect(self, picture: Picture) -> list[Face]:
        """Faces in an RGB picture, (H, W, 3)."""
        if self._last is not None:
            face = self._follow(picture, self._last)
            if face is not None:
                self._last = face
                return [face]
            self._last, self._alone = None, 0
            self._patience *= 2
            # What it saw last is long ago.
            self._all.reset()
        found = self._all.detect(picture)
        self._alone = self._alone + 1 if len(found) == 1 else 0
        if self._alone >= self._patience:
            self._begin(picture, found[0])
        return found

    def reset(self) -> None:
        """Forget what was followed."""
        self._alone, self._patience, self._last = 0, ALONE_FRAMES, None
        self._all.reset()

    def close(self) -> None:
        """Give back the graphs; the detector of boxes is shared."""
        self._all.close()
        if self._single is not None:
            self._single.close()

    def _begin(self, picture: Picture, face: Face) -> None:
        """Follow a face by itself from the next picture on, if it is what is seen first."""
        if self._single is None:
            self._single = MeshDetector(1, still=False)
        else:
            self._single.reset()
        self._alone = 0
        seen = self._single.detect(picture)
        if seen and _stays(seen[0], face):
            self._last = face
        else:
            self._patience *= 2

    def _follow(self, picture: Picture, last: Face) -> Face | None:
        """The face that was there before, None where it is gone or not alone any more."""
        assert self._single is not None
        seen = self._single.detect(picture)
        if not seen or not _stays(seen[0], last):
            return None
        self._alone += 1
        if self._alone % LOOK_EVERY:
            return seen[0].scored(float("nan"))
        boxes = self._boxes.detect(picture)
        if any(overlap(box, seen[0].box) <= SAME_PLACE for box, _ in boxes):
            return None
        return seen[0].scored(score_of(seen[0].points, boxes))


def _stays(face: Face, last: Face) -> bool:
    from pipeline.face.meshes import apart

    left, top, right, bottom = last.box
    return apart(face.points, last.points) < STAYS * max(right - left, bottom - top)
