"""Measurements in a bucket or on a shared path: whatever fsspec opens, such as s3:// or file://.

    URL/cradle-store.json                                 {"format": 1}
    URL/clips/SOURCE/MEDIA/face/3f9a.../landmarks.npz     the files of a measurement
    URL/clips/SOURCE/MEDIA/face/3f9a....json              their sizes and SHA-256; written last
    URL/withdrawn/DIGEST                                  empty: nobody brings it here, or has it

SOURCE and MEDIA are the digests of a clip's file and of its media. So whatever was made of a clip,
by any parameters, lies in one folder; to take it back is to remove that, and what cannot be told
whose it is never leaves. A measurement without its list of files is none, so whoever is killed may
simply ask again. What comes is checked before it is published; nobody who writes into the bucket
can have anything written beside the store, or run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeVar

from pipeline.core import disk, vault
from pipeline.core.errors import CradleError
from pipeline.core.store import Store
from pipeline.core.words import without_addresses

MARK = "cradle-store.json"
FORMAT = {"format": 1}
CLIPS, WITHDRAWN = "clips", "withdrawn"
FORMATS = frozenset({".flac", ".jpg", ".json", ".mp4", ".npy", ".npz", ".parquet", ".wav"})
"""Names of files end so; none of these can hold code."""
TRANSFERS = 16
_BATCH = 1024
_PIECE = 1 << 20
_LIST_BYTES = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")
_STEP = re.compile(r"[a-z][a-z0-9_]{0,63}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")

T = TypeVar("T")
R = TypeVar("R")


class RemoteError(CradleError):
    """A place that cannot be reached, or that is no store."""


class Refused(CradleError):
    """A measurement that does not check; it is not published."""


@dataclass(frozen=True, order=True)
class Held:
    """A measurement, and whose it is."""

    source: str
    """SHA-256 of the file that the clip came in."""
    media: str
    """SHA-256 of the clip's media."""
    step: str
    key: str

    @property
    def path(self) -> str:
        """Where it lies below the URL."""
        return "/".join((CLIPS, self.source, self.media, self.step, self.key))

    @classmethod
    def listed_at(cls, path: str) -> Held | None:
        """The measurement whose list of files has this path; None where it is no such list."""
        parts = path.removesuffix(".json").split("/")
        if not path.endswith(".json") or len(parts) != 5 or parts[0] != CLIPS:
            return None
        _, source, media, step, key = parts
        digests = all(_DIGEST.fullmatch(it) for it in (source, media, key))
        return cls(source, media, step, key) if digests and _STEP.fullmatch(step) else None

    def is_of(self, digests: Collection[str]) -> bool:
        """Whether its clip, or the file that it came in, is among those."""
        return self.source in digests or self.media in digests


@dataclass
class Moved:
    """What came of a push or a pull."""

    moved: int = 0
    bytes: int = 0
    already: int = 0
    withdrawn: set[str] = field(default_factory=set)
    """Digests of those that stayed where they were because their clip was taken back."""
    held_back: int = 0
    """Pictures and sounds that anyone could watch, which nobody said may leave."""
    removed: int = 0
    """Files that the other side still had of what was taken back."""
    refused: dict[str, str] = field(default_factory=dict)
    """Why, by step and key."""


class Remote:
    """A store elsewhere.

    Raises:
        RemoteError: no such kind of place, or it cannot be reached; from every method.
    """

    def __init__(self, url: str) -> None:
        import fsspec

        if "@" in url.partition("://")[2].partition("/")[0]:
            raise RemoteError(
                "a URL with a password in it: it would be written down; name the account as its "
                "provider's own tools do (for S3: AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret)"
            )
        try:
            self._files, self._root = fsspec.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise RemoteError(
                f"{url}: {error}; a path, or s3://BUCKET/FOLDER after `uv sync --extra s3`"
            ) from None
        self._root = self._root.rstrip("/")
        self.url: str = self._files.unstrip_protocol(self._root)

    def prepare(self) -> None:
        """Mark the place as a store, unless it is one."""
        with self._reached():
            if not self._files.exists(self._at(MARK)):
                self._put(MARK, json.dumps(FORMAT).encode())

    def check(self) -> None:
        """Raise where the place is no store that this version can read."""
        with self._reached():
            if not self._files.exists(self._at(MARK)):
                raise RemoteError(f"{self.url}: nothing was pushed there; no {MARK}")
            said = self._files.cat_file(self._at(MARK))
        if said != json.dumps(FORMAT).encode():
            raise RemoteError(f"{self.url}: {MARK} is of another version, or of something else")

    def held(self) -> list[Held]:
        """Every measurement that is there whole, as far as names tell."""
        return sorted(it for path in self._paths(CLIPS) if (it := Held.listed_at(path)))

    def withdrawn(self) -> set[str]:
        """Digests of what was taken back, by anybody who pushes there."""
        names = (path.removeprefix(f"{WITHDRAWN}/") for path in self._paths(WITHDRAWN))
        return {name for name in names if _DIGEST.fullmatch(name)}

    def of(self, digests: Collection[str]) -> list[str]:
        """Paths of every file there, half a measurement's too, of clips or files by digest."""
        wanted = set(digests)
        return [path for path in self._paths(CLIPS) if wanted & set(path.split("/")[1:3])]

    def withdraw(self, digests: Collection[str]) -> int:
        """Remove all that is of clips or files by digest, for good; how many files that were."""
        for digest in sorted(set(digests) - self.withdrawn()):
            self._put(f"{WITHDRAWN}/{digest}", b"")
        found = self.of(digests)
        lists = [path for path in found if Held.listed_at(path)]
        folders = {
            "/".join(parts[: 2 if parts[1] in digests else 3])
            for parts in (path.split("/") for path in found)
        }
        with self._reached():
            # The lists first, so that nobody takes what is left for a measurement.
            if lists:
                self._files.rm([self._at(path) for path in lists])
            for folder in sorted(folders):
                self._files.rm(self._at(folder), recursive=True)
        return len(found)

    def send(self, held: Held, folder: Path) -> int:
        """Copy a measurement there; returns its bytes."""
        paths = sorted(folder.iterdir())
        listed = {_check_name(path.name): _told(path) for path in paths}
        with self._reached():
            self._makedirs(held.path)
            for path in paths:
                self._files.put_file(str(path), self._at(f"{held.path}/{path.name}"))
        self._put(f"{held.path}.json", json.dumps(listed, sort_keys=True).encode())
        return sum(int(it["size"]) for it in listed.values())

    def bring(self, held: Held, out: Path) -> int:
        """Copy a measurement into an empty folder; returns its bytes.

        Raises:
            Refused: its files are not what was pushed, or have names that no measurement has.
        """
        listed = self._list(held)
        for name, (size, digest) in listed.items():
            found = hashlib.sha256()
            with (out / name).open("wb") as copy:
                # No more than a byte beyond what is expected, whatever is there.
                for piece in self._read(f"{held.path}/{name}", size + 1):
                    found.update(piece)
                    copy.write(piece)
            if found.hexdigest() != digest:
                raise Refused(f"{name} is not what was pushed")
        return sum(size for size, _ in listed.values())

    def _list(self, held: Held) -> dict[str, tuple[int, str]]:
        text = b"".join(self._read(f"{held.path}.json", _LIST_BYTES))
        try:
            listed = {
                _check_name(name): (int(it["size"]), str(it["sha256"]))
                for name, it in json.loads(text).items()
            }
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Refused("its list of files cannot be read") from None
        if not listed:
            raise Refused("its list of files is empty")
        return listed

    def _read(self, path: str, most: int) -> Iterator[bytes]:
        name = path.rpartition("/")[2]
        with self._reached(name):
            file = self._files.open(self._at(path), "rb")
        with file:
            while most > 0:
                with self._reached(name):
                    piece = file.read(min(_PIECE, most))
                if not piece:
                    return
                most -= len(piece)
                yield piece

    def _paths(self, below: str) -> Iterator[str]:
        with self._reached():
            self._files.invalidate_cache()
            found = self._files.find(self._at(below))
        start = f"{self._root}/"
        return (str(path).removeprefix(start) for path in found)

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _put(self, path: str, content: bytes) -> None:
        """Write a small file that is there whole or not at all."""
        with self._reached():
            self._makedirs(path.rpartition("/")[0])
            if self._is_folder:
                partial = f"{self._at(path)}.partial"
                self._files.pipe_file(partial, content)
                self._files.mv(partial, self._at(path))
            else:
                self._files.pipe_file(self._at(path), content)

    def _makedirs(self, path: str) -> None:
        # In a bucket, folders are no more than names.
        if self._is_folder:
            self._files.makedirs(self._at(path), exist_ok=True)

    @property
    def _is_folder(self) -> bool:
        return "file" in self._files.protocol

    @contextmanager
    def _reached(self, wanted: str = "") -> Iterator[None]:
        try:
            yield
        except CradleError:
            raise
        except FileNotFoundError as error:
            if wanted:
                raise Refused(f"{wanted} is not there") from None
            raise RemoteError(f"{self.url}: {error}") from None
        except Exception as error:  # Each kind of place has its own way to fail.
            words = without_addresses(f"{type(error).__name__}: {error}")[:300]
            raise RemoteError(f"{self.url}: {words}") from None


def push(
    store: Store,
    remote: Remote,
    wanted: Iterable[Held],
    withdrawn: Collection[str] = (),
    media: bool = False,
) -> Moved:
    """Copy what is here and not there.

    Args:
        store: what is here.
        remote: where to.
        wanted: measurements, whether or not the store has them.
        withdrawn: digests of what was taken back here; it is removed there too.
        media: whether pictures and sounds may leave that are not sealed.

    Raises:
        RemoteError: the place cannot be reached; what was copied before stays.
    """
    remote.prepare()
    remote.check()
    never = set(withdrawn) | remote.withdrawn()
    done = Moved(removed=remote.withdraw(never) if never else 0)
    there = {(it.step, it.key) for it in remote.held()}
    ahead = []
    for held in sorted(set(wanted)):
        folder = store.folder(held.step, held.key)
        if not folder.is_dir():
            continue
        if held.is_of(never):
            done.withdrawn |= {held.source, held.media} & never
        elif (held.step, held.key) in there:
            done.already += 1
        elif not media and _can_be_watched(folder):
            done.held_back += 1
        else:
            ahead.append(held)
    for size in _at_once(
        lambda held: remote.send(held, store.folder(held.step, held.key)), ahead, "push"
    ):
        done.moved += 1
        done.bytes += size
    return done


def pull(store: Store, remote: Remote, withdrawn: Collection[str] = ()) -> Moved:
    """Copy what is there and not here, checked; what was taken back, here or there, stays away.

    Raises:
        RemoteError: the place cannot be reached, or is no store; what was copied before stays.
    """
    remote.check()
    store.sweep()
    never = set(withdrawn) | remote.withdrawn()
    done = Moved()
    ahead = []
    for held in remote.held():
        if held.is_of(never):
            done.withdrawn |= {held.source, held.media} & never
        elif store.folder(held.step, held.key).is_dir():
            done.already += 1
        else:
            ahead.append(held)
    for found in _at_once(lambda held: _brought(store, remote, held), ahead, "pull"):
        if isinstance(found, int):
            done.moved += 1
            done.bytes += found
        else:
            done.refused |= found
    return done


def _brought(store: Store, remote: Remote, held: Held) -> int | dict[str, str]:
    """Its bytes; or why it was refused."""
    try:
        with store.publish(held.step, held.key) as out:
            return remote.bring(held, out)
    except Refused as error:
        return {f"{held.step}/{held.key}": str(error)}
    except OSError as error:
        raise disk.told(error, store.root) or error from None


def _at_once(do: Callable[[T], R], items: Sequence[T], name: str) -> Iterator[R]:
    from tqdm import tqdm

    with (
        ThreadPoolExecutor(TRANSFERS) as pool,
        tqdm(desc=name, total=len(items), disable=None, leave=False) as told,
    ):
        for first in range(0, len(items), _BATCH):
            for found in pool.map(do, items[first : first + _BATCH]):
                told.update()
                yield found


def _can_be_watched(folder: Path) -> bool:
    seen = (path for path in folder.iterdir() if path.suffix in vault.SEALED)
    return any(not vault.is_sealed(path) for path in seen)


def _check_name(name: str) -> str:
    if not _FILE.fullmatch(name) or PurePosixPath(name).suffix not in FORMATS:
        raise Refused(f"{name[:80]!r} is no name of a measurement's file")
    return name


def _told(path: Path) -> dict[str, int | str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": path.stat().st_size, "sha256": digest}
