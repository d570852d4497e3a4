"""Arrays out of somebody else's HDF5 file, checked before they are used.

    with opened(path) as file:
        mean = file.array("mean_vertices", (None, 3))

HDF5 stores no code, but a file can point into other files and can declare arrays far larger than
itself; both are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import WeightsError

Shape = tuple[int | None, ...]

_MOST_BYTES = 4 << 30


@dataclass(frozen=True)
class File:
    """An open file whose every complaint names itself and the place."""

    path: Path
    root: Any

    def fail(self, where: str, what: str) -> WeightsError:
        """The error to raise."""
        return WeightsError(f"{self.path}: {where}: {what}")

    def has(self, where: str) -> bool:
        """Whether something of that name is there."""
        return where in self.root

    def array(self, where: str, shape: Shape) -> NDArray[Any]:
        """Numbers of a shape, all finite; None stands for any length.

        Raises:
            WeightsError: missing, of another shape, no numbers, not finite, or kept elsewhere.
        """
        import h5py

        found = self._own(where)
        if not isinstance(found, h5py.Dataset):
            raise self.fail(where, "a group where an array should be")
        if found.external is not None or found.is_virtual:
            raise self.fail(where, "its numbers lie in another file, which is not read")
        if len(found.shape) != len(shape) or any(
            wanted not in (None, length) for wanted, length in zip(shape, found.shape, strict=True)
        ):
            raise self.fail(where, f"shape {found.shape}, should be {_spelt(shape)}")
        if found.dtype.kind not in "iuf":
            raise self.fail(where, f"holds {found.dtype}, should hold numbers")
        if found.size * 8 > _MOST_BYTES:
            raise self.fail(where, f"{found.size:,} numbers are more than any model has")
        values: NDArray[Any] = found[()]
        if not np.isfinite(values).all():
            raise self.fail(where, "holds numbers that are not finite")
        return values

    def listed(self, where: str) -> int:
        """How many of `item_0`, `item_1`, ... the list at `where` holds.

        Raises:
            WeightsError: there is no such list, it is empty, or one is missing in between.
        """
        import h5py

        found = self._own(where)
        names = set(found) if isinstance(found, h5py.Group) else set()
        wanted = {f"item_{number}" for number in range(len(names))}
        if not names or names != wanted:
            raise self.fail(where, "should be a list stored under item_0, item_1, ...")
        return len(names)

    def names(self, where: str) -> list[str]:
        """What the group at `where` holds.

        Raises:
            WeightsError: there is no group of that name.
        """
        import h5py

        found = self._own(where)
        if not isinstance(found, h5py.Group):
            raise self.fail(where, "should be a group of arrays by name")
        return sorted(found)

    def _own(self, where: str) -> Any:
        """Whatever is there, having followed no link out of the file."""
        import h5py

        place = self.root
        for name in where.split("/"):
            if not isinstance(place, h5py.Group) or name not in place:
                there = ", ".join(sorted(self.root)[:12]) or "nothing"
                raise self.fail(where, f"missing; the file holds {there}")
            if not isinstance(place.get(name, getlink=True), h5py.HardLink):
                raise self.fail(where, "a link, which is not followed")
            place = place[name]
        return place


@contextmanager
def opened(path: Path) -> Iterator[File]:
    """A file to read arrays from.

    Raises:
        WeightsError: it is not there, or no HDF5 file.
    """
    import h5py

    try:
        root = h5py.File(path, "r")
    except OSError as error:
        words = "there is no such file" if not path.is_file() else f"no HDF5 file: {error}"
        raise WeightsError(f"{path}: {words}") from None
    with root:
        try:
            yield File(path, root)
        except (OSError, RuntimeError) as error:
            raise WeightsError(f"{path}: cannot be read to its end: {error}") from None


def _spelt(shape: Shape) -> str:
    return "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
