"""What may be seen and heard of a clip, and who has asked to see the faces.

A face is uncovered for the one page that asked: whoever opens the clip after that, or again, finds
it covered. Landmarks and mesh show no face and need no asking.
"""

from __future__ import annotations

import secrets
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline import media
from pipeline.audit.read import Account
from pipeline.audit.review import faces, looked, reels
from pipeline.audit.review.footage import footage
from pipeline.audit.spectrogram import spectrograms
from pipeline.core.errors import CradleError
from pipeline.core.store import Store
from pipeline.dataset.overriding import plain

NUMBERS = "application/octet-stream"
LANDMARKS = 478

Content = tuple[bytes, str]


class NotHereError(CradleError):
    """There is no such thing of such a clip."""


class CoveredError(CradleError):
    """It shows faces, and this page has not asked for them."""


class Screen:
    """Draws what is asked for, and remembers the last of it."""

    def __init__(self, account: Account, store: Store, root: Path) -> None:
        self._account, self._store, self._root = account, store, root
        self._asked: dict[str, str] = {}
        self._drawn = lru_cache(maxsize=96)(self._draw)

    def uncover(self, clip: str, reviewer: str) -> str:
        """Record that somebody looks at a clip's faces; returns the key that shows them.

        Raises:
            CradleError: there is no such clip, or nobody says who looks.
        """
        who = plain(reviewer)[:40]
        if clip not in self._account.fates or not who:
            raise CradleError("say which clip, and who looks")
        looked.record(self._root / looked.LOOKED, clip, who)
        key = secrets.token_urlsafe(16)
        self._asked[key] = clip
        return key

    def shown(self, clip: str) -> dict[str, Any] | None:
        """What there is to see and hear of a clip; None where its media are gone."""
        of = footage(self._account, self._store, clip)
        if of is None:
            return None
        return {
            "width": of.width,
            "height": of.height,
            "veil": [*faces.veiled_size(of), faces.VEIL_COLUMNS],
            "reel": reels.REEL_FRAMES,
            "landmarks": LANDMARKS if of.landmarks is not None else 0,
            "mesh": of.fit is not None and bool(of.model),
            "sound": of.sound.exists(),
            "stem": of.stem is not None,
        }

    def answer(self, clip: str, what: str, key: str, reel: int) -> Content | Path:
        """One of the things that `shown` tells of: a file, or content and its type.

        Raises:
            NotHereError: there is no such thing of such a clip.
            CoveredError: it shows faces, and this page has not asked for them.
        """
        known = clip in self._account.fates
        of = footage(self._account, self._store, clip) if known else None
        if of is None:
            raise NotHereError(f"{clip}: no media are here")
        bare = bool(key) and self._asked.get(key) == clip
        if what == "video.mp4":
            if not bare:
                raise CoveredError("faces are shown on a click, which is recorded")
            return of.video
        if what in ("sound.flac", "stem.flac"):
            path = of.sound if what == "sound.flac" else of.stem
            if path is None or not path.exists():
                raise NotHereError(f"{clip}: {what} is not here")
            return path
        return self._drawn(clip, what, bare and what == "strip.jpg", reel)

    def _draw(self, clip: str, what: str, bare: bool, reel: int) -> Content:
        of = footage(self._account, self._store, clip)
        assert of is not None
        match what:
            case "strip.jpg":
                return faces.strip(of, of.frames, bare=bare), "image/jpeg"
            case "veil.png":
                return faces.veil(of), "image/png"
            case "sound.png" | "stem.png" if of.stem is not None and of.sound.exists():
                waves = [media.read_sound(path)[0] for path in (of.sound, of.stem)]
                # Drawn together, so that both are on one scale of loudness.
                sound, stem = spectrograms(*waves)
                return faces.png(sound if what == "sound.png" else stem), "image/png"
            case "landmarks" if of.landmarks is not None:
                return reels.landmarks(of, reel), NUMBERS
            case "mesh" if of.fit is not None:
                return reels.mesh(of, reel), NUMBERS
            case "triangles" if of.fit is not None:
                return reels.triangles(of), NUMBERS
        raise NotHereError(f"{clip}: {what} is not here")
