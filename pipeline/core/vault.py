"""Pictures and sounds at rest, sealed under a key that lies elsewhere.

    make_key(path)                          64 hexadecimal digits that their owner alone can read
    use(path, root)                         from now on, in this process and those that it starts
    seal(plain, sealed)
    with opened(path) as plain: ...         a file in memory; `path` itself where it is not sealed

A sealed file is MAGIC, a salt, and pieces of 1 MiB, each under AES-256-GCM. The key of a file is
derived from the owner's and the salt; the nonce of a piece is its number and whether it is the
last, so none can be left out, put elsewhere or cut off. This is what age and Tink do.

It keeps a lost disk, a copy of the store or a backup from being watched. It does not keep anything
from whoever can read the key, or this machine's memory, while Cradle works; and names, sizes and
numbers (landmarks, events, tables) are not sealed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pipeline.core.errors import CradleError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"cradle sealed 1\n"
SEALED = frozenset({".mp4", ".flac", ".wav", ".jpg"})
"""Names of pictures and sounds end so."""
MEMORY = Path("/dev/shm")  # noqa: S108
_VARIABLE = "CRADLE_MEDIA_KEY"
_KEY_BYTES, _SALT_BYTES, _TAG_BYTES = 32, 16, 16
_PIECE = 1 << 20


class VaultError(CradleError):
    """A key that is missing, unfit or another one, or a sealed file that was altered."""


def make_key(path: Path) -> None:
    """Write a new key.

    Raises:
        VaultError: there is a file already.
    """
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise VaultError(f"{path}: there already; a key is never written over") from None
    with os.fdopen(number, "w") as file:
        file.write(os.urandom(_KEY_BYTES).hex() + "\n")


def use(path: str, root: Path) -> None:
    """Seal and open with the key in a file from now on; with none where `path` is empty.

    Raises:
        VaultError: the file is missing, can be read by others, holds no key, or lies in `root`.
    """
    if not path:
        os.environ.pop(_VARIABLE, None)
        return
    full = (root / Path(path).expanduser()).resolve()
    if full.is_relative_to(root.resolve()):
        raise VaultError(
            f"run.media_key: {path!r} lies in the project; a key beside its lock keeps nobody out, "
            "put it elsewhere"
        )
    _key(str(full))
    os.environ[_VARIABLE] = str(full)


def in_use() -> bool:
    """Whether what is published is sealed."""
    return _VARIABLE in os.environ


@cache
def _key(path: str) -> bytes:
    try:
        mode, text = Path(path).stat().st_mode, Path(path).read_text(encoding="ascii").strip()
        key = bytes.fromhex(text)
    except FileNotFoundError:
        raise VaultError(
            f"run.media_key: {path!r}: there is no such file; `cradle store key FILE` makes one"
        ) from None
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise VaultError(f"run.media_key: {path!r} holds no key: 64 hexadecimal digits")
    if mode & 0o077:
        raise VaultError(f"run.media_key: {path!r} can be read by others; `chmod 600` it first")
    return key


def is_sealed(path: Path) -> bool:
    """Whether a file is sealed."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def seal(plain: Path, sealed: Path) -> None:
    """Write a file sealed; the same content under the same key gives the same bytes."""
    master = _current(plain)
    digest = hmac.new(master, digestmod="sha256")
    with plain.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    salt = digest.digest()[:_SALT_BYTES]
    with plain.open("rb") as file, sealed.open("wb") as out:
        out.write(MAGIC + salt)
        _seal_pieces(file, out, _cipher(master, salt))


def _seal_pieces(file: IO[bytes], out: IO[bytes], cipher: AESGCM) -> None:
    piece, number = file.read(_PIECE), 0
    while True:
        following = file.read(_PIECE)
        out.write(cipher.encrypt(_nonce(number, not following), piece, MAGIC))
        if not following:
            return
        piece, number = following, number + 1


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """Give a path under which the plain content can be read, by children too; it lies in memory.

    Raises:
        VaultError: it is sealed, and there is no key, another one, or it was altered.
    """
    if not is_sealed(path):
        yield path
        return
    number = os.memfd_create("cradle", os.MFD_CLOEXEC)
    with os.fdopen(number, "wb") as memory:
        for piece in _pieces(path):
            memory.write(piece)
        memory.flush()
        yield Path(f"/proc/{os.getpid()}/fd/{number}")


def read(path: Path) -> bytes:
    """The plain content of a file; raises as `opened` does."""
    return b"".join(_pieces(path)) if is_sealed(path) else path.read_bytes()


def digest(path: Path) -> str:
    """SHA-256 of the plain content of a file, in hexadecimal digits; raises as `opened` does."""
    with opened(path) as plain, plain.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def change(root: Path, *, to_sealed: bool) -> int:
    """Seal, or open for good, every picture and sound below a folder; returns how many.

    Each is whole at any time, so whoever is interrupted may simply ask again.

    Raises:
        VaultError: there is no key, or another one.
    """
    count = 0
    for path in sorted(root.rglob("*")):
        if path.suffix not in SEALED or not path.is_file() or is_sealed(path) is to_sealed:
            continue
        temporary = path.with_name(f".{path.name}.tmp")
        if to_sealed:
            seal(path, temporary)
        else:
            temporary.write_bytes(read(path))
        temporary.chmod(0o600)
        temporary.replace(path)
        count += 1
    return count


def _pieces(path: Path) -> Iterator[bytes]:
    from cryptography.exceptions import InvalidTag

    with path.open("rb") as file:
        file.read(len(MAGIC))
        cipher = _cipher(_current(path), file.read(_SALT_BYTES))
        piece, number = file.read(_PIECE + _TAG_BYTES), 0
        while True:
            following = file.read(_PIECE + _TAG_BYTES)
            try:
                yield cipher.decrypt(_nonce(number, not following), piece, MAGIC)
            except InvalidTag:
                raise VaultError(f"{path}: sealed with another key, or altered since") from None
            if not following:
                return
            piece, number = following, number + 1


def _current(path: Path) -> bytes:
    if not in_use():
        raise VaultError(
            f"{path}: it is sealed; name the file of its key in run.media_key of params.yaml"
        )
    return _key(os.environ[_VARIABLE])


def _cipher(master: bytes, salt: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return AESGCM(HKDF(SHA256(), _KEY_BYTES, salt, MAGIC).derive(master))


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def workplace(beside: Path, prefix: str) -> Path:
    """An empty folder to make things in: in memory where they are to be sealed, else `beside`."""
    in_memory = in_use() and os.access(MEMORY, os.W_OK)
    return Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if in_memory else beside))


def put_away(made: Path, folder: Path) -> None:
    """Move what was made into an empty folder, its pictures and sounds sealed."""
    for path in sorted(made.rglob("*")):
        target = folder / path.relative_to(made)
        if path.is_dir():
            target.mkdir()
        elif path.suffix in SEALED and not is_sealed(path):
            seal(path, target)
        else:
            shutil.copyfile(path, target)
    shutil.rmtree(made)
