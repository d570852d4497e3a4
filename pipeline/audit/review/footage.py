"""Where the media and measurements of a clip lie, as far as they are still here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline import media
from pipeline.audit.read import Account
from pipeline.audit.spectrogram import STEM
from pipeline.core.store import Entry, Store


@dataclass(frozen=True)
class Footage:
    """One clip's files; None for what was not made of it."""

    folder: Path
    frames: int
    width: int
    height: int
    """Of the picture, px."""
    stem: Path | None
    """The infant's voice alone, 16 kHz."""
    landmarks: Path | None
    fit: Path | None
    model: str
    """Which morphable model was fitted."""

    @property
    def video(self) -> Path:
        """Picture and sound."""
        return self.folder / media.VIDEO

    @property
    def sound(self) -> Path:
        """Sound alone, 16 kHz."""
        return self.folder / media.SOUND_16K


def footage(account: Account, store: Store, clip: str) -> Footage | None:
    """A clip's files; None where its media are gone."""
    about = account.about("download", clip)
    folder = _folder(store, "media", about.get("media_key"))
    if folder is None:
        return None
    return Footage(
        folder,
        int(about["frames"]),
        int(about["width"]),
        int(about["height"]),
        _file(store, "stem", account.about("isolate", clip).get("stem_key"), STEM),
        _file(store, "face", account.about("landmarks", clip).get("face_key"), "landmarks.npz"),
        _file(store, "fit", account.about("fit", clip).get("fit_key"), "fit.npz"),
        str(account.said[clip].get("fit", {}).get("backend", "")),
    )


def _file(store: Store, step: str, key: object, name: str) -> Path | None:
    folder = _folder(store, step, key)
    return folder / name if folder is not None and (folder / name).exists() else None


def _folder(store: Store, step: str, key: object) -> Path | None:
    found = store.find(step, key) if isinstance(key, str) else None
    return found.path if isinstance(found, Entry) else None
