"""Weights that do not ship: fetched once, from where models/weights.lock says, or not at all.

separator_large:
  path: models/separator/large.safetensors
  sha256: 9c1f...
  licence: MIT
  origin: the authors' release of 2026
  address: https://example.org/models/{revision}/large.safetensors
  revision: 4f2a9c1
"""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from pipeline.core.errors import WeightsError
from pipeline.core.weights import Weights

MOST_BYTES = 20 << 30
_PIECE = 1 << 20
_WAIT_S = 60.0


def fetch(name: str, weights: Weights, told: Callable[[int], object] = lambda count: None) -> bool:
    """Have the file of one row of the lock, whole and as it should be; returns whether it is new.

    Args:
        name: of the row.
        weights: the row.
        told: is given the size in bytes of each piece that has come.

    Raises:
        WeightsError: the row has no address, the site does not give the file, or gives another.
    """
    if weights.is_there():
        return False
    if weights.source is None:
        raise WeightsError(
            f"models/weights.lock: {name}: no address to fetch it from; it was made by "
            f"{weights.origin}"
        )
    weights.file.parent.mkdir(parents=True, exist_ok=True)
    temporary = weights.file.with_name(f".{weights.file.name}.{os.getpid()}.tmp")
    try:
        digest = _download(weights.source, temporary, told)
        if digest != weights.sha256:
            raise WeightsError(
                f"{name}: sha256 {digest[:12]}... came from {weights.source}, expected "
                f"{weights.sha256[:12]}... by models/weights.lock; nothing was kept"
            )
        temporary.replace(weights.file)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{name}: {weights.source}: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _download(address: str, path: Path, told: Callable[[int], object]) -> str:
    # No proxy of the environment, no file, no ftp: https, and http where it is to be tested.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Careful())
    digest, count = hashlib.sha256(), 0
    with opener.open(address, timeout=_WAIT_S) as answer, path.open("wb") as file:
        while piece := answer.read(_PIECE):
            count += len(piece)
            if count > MOST_BYTES:
                raise ValueError(f"more than {MOST_BYTES:,} bytes")
            digest.update(piece)
            file.write(piece)
            told(len(piece))
    return digest.hexdigest()


class _Careful(urllib.request.HTTPRedirectHandler):
    """Follows a redirect, but never from https to what can be read on the way."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Refuse a redirect that leaves https."""
        if req.type == "https" and not newurl.startswith("https://"):
            raise urllib.error.URLError(f"redirects to {newurl[:200]!r}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
