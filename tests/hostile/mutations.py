"""Random damage to real files, the same for the same number.

content, name = mutation(seeds(folder), 4711)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tests.media.making import clip

KINDS = {
    "plain.mp4": (),
    "faststart.mp4": ("-movflags", "+faststart"),
    "fragments.mp4": ("-movflags", "+frag_keyframe+empty_moov"),
    "plain.mkv": (),
    "plain.ts": (),
    "plain.avi": ("-c:v", "mpeg4", "-c:a", "mp3"),
    "plain.webm": ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"),
    "plain.mov": ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le"),
}
Damage = Callable[[bytearray, np.random.Generator], None]


def seeds(folder: Path) -> list[tuple[str, bytes]]:
    """The files that are damaged: short films in every container, by name."""
    return [
        (name, clip(folder / name, *words, span_s=0.5, size="32x32").read_bytes())
        for name, words in KINDS.items()
    ]


def mutation(files: Sequence[tuple[str, bytes]], number: int) -> tuple[bytes, str]:
    """Damaged content, and the name of the file that it was made of."""
    rng = np.random.default_rng(number)
    name, plain = files[number % len(files)]
    content = bytearray(plain)
    for _ in range(int(rng.integers(1, 4))):
        DAMAGES[int(rng.integers(len(DAMAGES)))](content, rng)
    return bytes(content), name


def _place(content: bytearray, rng: np.random.Generator) -> int:
    """Half of the damage hits the beginning, where headers are."""
    end = len(content) if rng.random() < 0.5 else min(len(content), 600)
    return int(rng.integers(0, max(1, end)))


def _overwrite(content: bytearray, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(1, 12))):
        place = _place(content, rng)
        content[place : place + 1] = bytes([int(rng.integers(256))])


def _flip(content: bytearray, rng: np.random.Generator) -> None:
    place = _place(content, rng)
    content[place : place + 1] = bytes(it ^ (1 << rng.integers(8)) for it in content[place:][:1])


def _truncate(content: bytearray, rng: np.random.Generator) -> None:
    del content[_place(content, rng) :]


def _remove(content: bytearray, rng: np.random.Generator) -> None:
    place = _place(content, rng)
    del content[place : place + int(rng.integers(1, 400))]


def _repeat(content: bytearray, rng: np.random.Generator) -> None:
    place, span = _place(content, rng), int(rng.integers(1, 4000))
    content[place:place] = content[place : place + span]


def _blank(content: bytearray, rng: np.random.Generator) -> None:
    place, span = _place(content, rng), int(rng.integers(1, 800))
    held = content[place : place + span]
    content[place : place + span] = bytes([int(rng.choice([0, 255]))]) * len(held)


def _number(content: bytearray, rng: np.random.Generator) -> None:
    """A count, a length or an offset that is as large as it can be, or odd."""
    place = _place(content, rng) // 4 * 4
    value = int(rng.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x0FFFFFF0]))
    content[place : place + 4] = value.to_bytes(4, "big" if rng.random() < 0.7 else "little")


def _swap(content: bytearray, rng: np.random.Generator) -> None:
    one, other, span = _place(content, rng), _place(content, rng), int(rng.integers(4, 200))
    content[one : one + span], content[other : other + span] = (
        content[other : other + span],
        content[one : one + span],
    )


DAMAGES: tuple[Damage, ...] = (
    *(_overwrite, _flip, _truncate, _remove, _repeat, _blank, _number, _swap),
)
