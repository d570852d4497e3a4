"""What every morphable model offers, whichever file or recipe is behind it.

    head = model.load("inface")
    vertices = head.decode(identity, expression, age)            # (N, V, 3) mm
    lips = head.decode(identity, expression, age, rows=head.lips)
    latents = head.encode(vertices)                              # where head.encodes

Latents are whitened: standard deviations from the mean, any skew undone, so that a normal
distribution is a fair prior of every one of them, and so that they can be fitted, diffused and
compared as they are. `raw` and `whitened` go to and from a file's own numbers. A model that does
not tell identity from expression has no identity and no age, and calls everything expression.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.morph.surface import Surface

PARTS = ("identity", "expression", "age")


class Latents(NamedTuple):
    """Latents (N, I), (N, E) and (N, A) of N heads."""

    identity: Tensor
    expression: Tensor
    age: Tensor


class MorphableModel(Protocol):
    """A head or face that latents shape; mm, x to the infant's left, y up, z out of the face."""

    @property
    def name(self) -> str:
        """Which one it is."""

    @property
    def digest(self) -> str:
        """SHA-256 of what decides its shape."""

    @property
    def device(self) -> str:
        """Where it decodes."""

    @property
    def units(self) -> str:
        """Of its vertices: mm."""

    @property
    def triangles(self) -> NDArray:
        """Corners (T, 3) of its triangles."""

    @property
    def mean(self) -> NDArray:
        """The head of all latents 0, (V, 3) mm."""

    @property
    def layout(self) -> Mapping[str, int]:
        """Number of latents of each of `PARTS`, in the file's order."""

    @property
    def latent_mean(self) -> Mapping[str, NDArray]:
        """Mean of the raw latents of each part."""

    @property
    def latent_std(self) -> Mapping[str, NDArray]:
        """Their standard deviation."""

    @property
    def lips(self) -> NDArray:
        """Vertices of both lips."""

    @property
    def aperture_pair(self) -> tuple[int, int]:
        """Vertices in the middle of the upper and of the lower inner lip."""

    @property
    def encodes(self) -> bool:
        """Whether there is an encoder."""

    def decode(
        self,
        identity: ArrayLike | Tensor,
        expression: ArrayLike | Tensor,
        age: ArrayLike | Tensor,
        rows: ArrayLike | None = None,
    ) -> Tensor:
        """Vertices (N, V or len(rows), 3) mm, float32, differentiable in the latents.

        Latents (N, I), (N, E) and (N, A); a part of one row serves all N.
        """

    def encode(self, vertices: ArrayLike | Tensor) -> Latents:
        """Latents of heads (N, V, 3) mm.

        Raises:
            CradleError: the model has no encoder.
        """

    def surface(self, corners: NDArray, share: NDArray) -> Surface:
        """Points on triangles, corners (L, 3) and their shares (L, 3), as functions of latents."""
