"""What was heard of a clip: its sound above the infant's stem, and who sounds when between them.

    spectrogram_picture(sound, stem, [(0.4, 1.9, "infant")])    # a WebP of 640 px by 216 px

Time runs to the right, 0 to 8 kHz upwards, 70 dB from black to white under the loudest of both.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline import media
from pipeline.audit.read import Account
from pipeline.core import vault
from pipeline.core.store import Entry, Store

WIDTH_PX, HEIGHT_PX, LANE_PX = 640, 96, 8
COLOURS = {"infant": (11, 127, 171), "adult": (217, 115, 13), "other": (140, 140, 140)}
SOUND, STEM = "sound_16k.flac", "stem_16k.flac"
_RATE, _SIZE, _HOP = 16000, 512, 128
_RANGE_DB = 70.0
_QUALITY = 60

Wave = NDArray[np.floating]
Picture = NDArray[np.uint8]
Span = tuple[float, float, str]


@dataclass(frozen=True)
class Heard:
    """What the report shows of a clip's sound."""

    picture: str
    """A data URI."""
    players: tuple[tuple[str, str], ...]
    """Name and data URI of the sound and of the stem, where the report may carry them."""


class Listener:
    """Takes clips in turn, and lets the page carry their sound up to a size in all."""

    def __init__(self, account: Account, store: Store, sound_mb: float) -> None:
        self._account, self._store = account, store
        self._left = sound_mb * 1e6

    def of_clip(self, clip: str) -> Heard | None:
        """What was heard of a clip; None where its sound or stem is not at hand."""
        files = [
            self._store.find(kind, str(self._account.about(stage, clip).get(key)))
            for kind, stage, key in (
                ("media", "download", "media_key"),
                ("stem", "isolate", "stem_key"),
            )
        ]
        paths = [
            entry.path / name
            for entry, name in zip(files, (SOUND, STEM), strict=True)
            if isinstance(entry, Entry) and (entry.path / name).exists()
        ]
        if len(paths) < 2:
            return None
        events = self._account.of_clip("isolate", "events", clip)
        columns = (events[name].to_pylist() for name in ("start_s", "end_s", "who"))
        rows = zip(*columns, strict=True)
        sound, stem = (media.read_sound(path)[0] for path in paths)
        picture = _uri("image/webp", spectrogram_picture(sound, stem, rows))
        size = sum(path.stat().st_size for path in paths) * 4 / 3
        if size > self._left:
            return Heard(picture, ())
        self._left -= size
        names = ("sound", "infant's stem")
        contents = (_uri("audio/flac", vault.read(path)) for path in paths)
        return Heard(picture, tuple(zip(names, contents, strict=True)))


def spectrogram_picture(sound: Wave, stem: Wave, events: Iterable[Span]) -> bytes:
    """Draw a sound (n,) at 16 kHz, its stem (n,), and events (start_s, end_s, who), as a WebP."""
    import cv2

    above, below = spectrograms(sound, stem)
    lanes = _lanes(events, max(len(sound), 1) / _RATE)
    drawn = np.concatenate([above, lanes, below])[:, :, ::-1]
    _, content = cv2.imencode(".webp", drawn, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    return content.tobytes()


def spectrograms(*waves: Wave) -> list[Picture]:
    """Draw sounds (n,) at 16 kHz, (HEIGHT_PX, WIDTH_PX, 3) each, on one scale of loudness."""
    levels = [_levels_db(wave) for wave in waves]
    top = max(float(level.max()) for level in levels)
    return [_coloured(1 + (level - top) / _RANGE_DB) for level in levels]


def _levels_db(wave: Wave) -> NDArray[np.float64]:
    """Level (HEIGHT_PX, WIDTH_PX) in dB, high frequencies first."""
    import cv2

    padded = np.pad(np.asarray(wave, np.float32), _SIZE // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _SIZE)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_SIZE), axis=1)) ** 2
    # Averaging over what falls into one pixel, so that nothing short is missed.
    small = cv2.resize(power.T[::-1], (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(10 * np.log10(small + 1e-9), np.float64)


def _coloured(shares: NDArray[np.float64]) -> Picture:
    import cv2

    shades = (np.clip(shares, 0, 1) * 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(shades, cv2.COLORMAP_MAGMA)[:, :, ::-1], np.uint8)


def _lanes(events: Iterable[Span], span_s: float) -> Picture:
    """One lane for each of `COLOURS`, filled where somebody sounds."""
    lanes = np.full((len(COLOURS) * LANE_PX, WIDTH_PX, 3), 255, np.uint8)
    order = list(COLOURS)
    for start_s, end_s, who in events:
        lane = order.index(who) * LANE_PX
        first, last = (round(at / span_s * WIDTH_PX) for at in (start_s, end_s))
        lanes[lane + 1 : lane + LANE_PX - 1, first : max(last, first + 1)] = COLOURS[who]
    return lanes


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
