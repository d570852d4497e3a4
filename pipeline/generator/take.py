"""What becomes of a sound and its faces: files in a folder, or lines as they come.

    with Take(samples=1, width=64) as take:
        take.hear(sound); take.see(latents)        # piece by piece, on disk
        take.save(face, draw, out, ...)            # face.npz, face.glb, face.mp4

All of them say that they are synthetic.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import numpy as np
from numpy.typing import NDArray

from pipeline.generator import video
from pipeline.generator.face import Face, Moving
from pipeline.generator.features import FPS, RATE_HZ
from pipeline.generator.generate import Made
from pipeline.generator.video import MARK, Draw

Floats = NDArray[np.float32]
Animate = Callable[[Path, NDArray, Moving, NDArray, dict[str, Any]], None]
"""(a .glb, triangles, vertices, seconds, what the file says of itself)"""


class Take:
    """A sound and the faces that were made for it, on disk while they come."""

    def __init__(self, samples: int, width: int) -> None:
        self._samples, self._width = samples, width

    def __enter__(self) -> Self:
        import soundfile

        self._folder = tempfile.TemporaryDirectory(prefix="cradle-")
        self._sound = Path(self._folder.name) / "sound.wav"
        self._wave = soundfile.SoundFile(self._sound, "w", RATE_HZ, 1, "PCM_16")
        self._rows = [self._path(number).open("wb") for number in range(self._samples)]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()
        self._folder.cleanup()

    def hear(self, sound: Floats) -> None:
        """Add (n,) samples at 16 kHz."""
        self._wave.write(np.clip(sound, -1.0, 1.0))

    def see(self, latents: Floats) -> None:
        """Add (samples, m, width)."""
        for file, rows in zip(self._rows, latents, strict=True):
            file.write(np.ascontiguousarray(rows, np.float32).data)

    def latents(self) -> list[Floats]:
        """Each sample's (T, width), read from disk as it is needed; nothing can be added after."""
        self._close()
        return [
            np.memmap(self._path(number), np.float32, "r").reshape(-1, self._width)
            for number in range(self._samples)
        ]

    @property
    def sound(self) -> Path:
        """The sound, 16 kHz mono."""
        self._close()
        return self._sound

    def _close(self) -> None:
        self._wave.close()
        for file in self._rows:
            file.close()

    def _path(self, number: int) -> Path:
        return Path(self._folder.name) / f"{number}.f32"


def save(
    made: Made,
    sound: Floats | Path,
    face: Face,
    draw: Draw,
    animate: Animate,
    out: Path,
    name: str = "face",
    origin: str = "",
) -> None:
    """Write latents (npz), the moving mesh (glb) and a video with the sound (mp4).

    Args:
        made: by the generator.
        sound: (N,) at 16 kHz, or a file of it.
        face: the morphable model that the latents are of.
        draw: renders one face.
        animate: writes a moving mesh.
        out: a folder, made where it is not there.
        name: of the files, without their ends.
        origin: digest of the generator.
    """
    out.mkdir(parents=True, exist_ok=True)
    about: dict[str, Any] = {
        "synthetic": True,
        "comment": MARK,
        "generator": origin,
        "face": face.name,
    }
    np.savez(
        out / f"{name}.npz",
        expression=made.latents,
        identity=made.identity,
        age=made.age,
        fps=np.float32(FPS),
        vocalization=made.vocalization,
        **about,
    )
    vertices = Moving(face, made.identity, made.latents, made.age)
    seconds = np.arange(len(made.latents)) / FPS
    animate(out / f"{name}.glb", np.asarray(face.triangles), vertices, seconds, about)
    video.write(out / f"{name}.mp4", {"synthetic": vertices}, draw, sound)


class Lines:
    """One line of JSON a frame, written as soon as it is known, after one that says what they are.

    {"synthetic": true, "fps": 30.0, "look_ahead_s": 0.2, "identity": [...], "age": [...], ...}
    {"frame": 0, "expression": [0.1312, ...]}
    """

    def __init__(self, file: TextIO, about: dict[str, Any]) -> None:
        self._file, self.frames = file, 0
        self._line({"synthetic": True, "comment": MARK, "fps": FPS, **about})

    def see(self, latents: Floats) -> None:
        """Write the frames of (1, m, width)."""
        for row in latents[0]:
            values = [round(float(value), 5) for value in row]
            self._line({"frame": self.frames, "expression": values})
            self.frames += 1

    def _line(self, content: dict[str, Any]) -> None:
        self._file.write(json.dumps(content, allow_nan=False) + "\n")
        self._file.flush()
