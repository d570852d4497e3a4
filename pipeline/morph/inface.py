"""INFACE, the infant face model, and INCRAN's heads: autoencoders and PCA from their HDF5 files.

    ae_model_disent.h5   id_encoder, exp_encoder, age_encoder, decoder: matrix_mults and biases,
                         each a list item_0, item_1, ..., and relu_factor (0.2 where absent);
                         latent_mean, latent_std (K,), mean_vertices (V, 3), triangles (T, 3), and,
                         where it has them, colors (V, 3) and indices: vertices by name
    ae_model.h5          one `encoder` in place of three
    pca_model.h5         components (K, 3V), eigenvalues (K,), mean_vertices, triangles

Schnabel et al., https://github.com/tillns/INFACE; the weights are given to academics on request
and are named by models/weights.lock:

    inface:
      path: models/morph/ae_model_disent.h5
      sha256: ...
      licence: as its owners gave it to you
      origin: https://github.com/tillns/INFACE

Encoders end in a leaky ReLU, the decoder does not. Latents come out whitened, see interface.py. A
decoder without a kink (relu_factor 1) is multiplied out and becomes a linear model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pipeline.core.weights import locked, of_the_user
from pipeline.morph.hdf5 import File, opened
from pipeline.morph.interface import PARTS, Latents
from pipeline.morph.mouth import Mouthed
from pipeline.morph.skew import Skew
from pipeline.morph.surface import Layer, LinearSurface, NetworkSurface, Surface, forward

NAME = "inface"
RELU_FACTOR = 0.2
ENCODERS = {"id_encoder": "identity", "exp_encoder": "expression", "age_encoder": "age"}


def load(device: str = "cpu") -> Inface:
    """The model that models/weights.lock calls `inface`.

    Raises:
        WeightsError: it is not named there, missing, another, or not of this layout.
    """
    of_the_user(NAME, "INFACE's ae_model_disent.h5, ae_model.h5 or pca_model.h5")
    return read(locked(NAME), device)


def read(path: Path, device: str = "cpu") -> Inface:
    """A model from a file of any of the three layouts.

    Raises:
        WeightsError: a group or array is missing or of the wrong shape; says which.
    """
    with opened(path) as file:
        mean = file.array("mean_vertices", (None, 3)).astype(np.float64)
        triangles, colours = _triangles(file, len(mean)), _colours(file, len(mean))
        named = _named(file, len(mean))
        if file.has("components"):
            inside = _pca(file, len(mean))
        elif file.has("decoder"):
            inside = _autoencoder(file, len(mean))
        else:
            raise file.fail("decoder", "neither it nor `components` is there: no model of INFACE")
    with path.open("rb") as raw:
        digest = hashlib.file_digest(raw, "sha256").hexdigest()
    return Inface(NAME, digest, device, triangles, mean, inside, colours, named)


@dataclass(frozen=True)
class Stack:
    """Fully connected layers with a leaky ReLU between them."""

    layers: tuple[Layer, ...]
    slope: float

    @property
    def linear(self) -> bool:
        """Whether it has no kink."""
        return self.slope >= 1.0 or len(self.layers) == 1

    def merged(self) -> Stack:
        """The same in one layer, where there is no kink."""
        if not self.linear or len(self.layers) == 1:
            return self
        wide = [layer.to("cpu", torch.float64) for layer in self.layers]
        one = reduce(lambda done, layer: Layer(layer.weight @ done.weight, layer(done.bias)), wide)
        return Stack((one.to("cpu", torch.float32),), 1.0)

    def to(self, device: str) -> Stack:
        """The same on a device."""
        return Stack(tuple(layer.to(device, torch.float32) for layer in self.layers), self.slope)


@dataclass(frozen=True)
class Inside:
    """What a file says beside the mesh."""

    layout: Mapping[str, int]
    raw_mean: NDArray[np.float64]
    raw_std: NDArray[np.float64]
    skew: Skew
    decoder: Stack
    encoders: tuple[Stack, ...]


class Inface(Mouthed):
    """A `MorphableModel`; see interface.py."""

    units = "mm"
    encodes = True

    def __init__(
        self,
        name: str,
        digest: str,
        device: str,
        triangles: NDArray[np.int64],
        mean_vertices: NDArray[np.float64],
        inside: Inside,
        colours: NDArray[np.float32] | None = None,
        named: Mapping[str, int] | None = None,
    ) -> None:
        self.name, self.digest, self.device = name, digest, device
        self.triangles, self.mean_vertices, self.colours = triangles, mean_vertices, colours
        self.named = dict(named or {})
        self.layout = dict(inside.layout)
        self.latent_mean = self._parts(inside.raw_mean)
        self.latent_std = self._parts(inside.raw_std)
        self._exact_skew, self._skew = inside.skew, inside.skew.to(device, torch.float32)
        self._offset = torch.as_tensor(mean_vertices, dtype=torch.float32, device=device).flatten()
        self._decoder = inside.decoder.merged().to(device)
        self._encoders = [stack.to(device) for stack in inside.encoders]
        zero = [torch.zeros(1, n, device=device) for n in self.layout.values()]
        self.mean: NDArray[np.float32] = self.decode(*zero)[0].cpu().numpy()

    @property
    def vertices(self) -> int:
        """Number of vertices V."""
        return len(self.mean_vertices)

    def decode(
        self,
        identity: ArrayLike | Tensor,
        expression: ArrayLike | Tensor,
        age: ArrayLike | Tensor,
        rows: ArrayLike | None = None,
    ) -> Tensor:
        """Vertices (N, V or len(rows), 3) mm of whitened latents, float32, differentiable."""
        parts = [self._tensor(part) for part in (identity, expression, age)]
        count = max(len(part) for part in parts)
        white = torch.cat([part.expand(count, -1) for part in parts], 1)
        return self.decode_raw(self._skew.raw(white), rows)

    def decode_raw(self, latent: ArrayLike | Tensor, rows: ArrayLike | None = None) -> Tensor:
        """Vertices (N, V or len(rows), 3) mm of latents (N, K) as the file's authors have them."""
        layers, offset = self._decoder.layers, self._offset
        if rows is not None:
            picked = _coordinates(torch.as_tensor(np.asarray(rows), device=self.device))
            layers, offset = (*layers[:-1], layers[-1].rows(picked)), offset[picked]
        flat = forward(layers, self._decoder.slope, self._tensor(latent)) + offset
        return flat.unflatten(1, (-1, 3))

    def encode(self, vertices: ArrayLike | Tensor) -> Latents:
        """Whitened latents of heads (N, V, 3) mm."""
        white = self._skew.white(self.encode_raw(vertices))
        return Latents(*white.split(list(self.layout.values()), 1))

    def encode_raw(self, vertices: ArrayLike | Tensor) -> Tensor:
        """Latents (N, K) of heads (N, V, 3) mm as the file's authors have them."""
        away = self._tensor(vertices).flatten(1) - self._offset
        return torch.cat([forward(s.layers, s.slope, away, True) for s in self._encoders], 1)

    def surface(self, corners: NDArray, share: NDArray) -> Surface:
        """Points (L, 3) on triangles as functions of whitened latents; float64."""
        stack, skew = self._decoder, self._exact_skew
        onto = self._mixed(torch.from_numpy(np.asarray(corners)), torch.from_numpy(share).double())
        if stack.linear and bool((skew.slope == 1).all()):
            return _linear_surface(onto, skew, self.layout)
        before = [layer.to("cpu", torch.float64) for layer in stack.layers[:-1]]
        who, what = self.layout["identity"], self.layout["expression"]
        return NetworkSurface((*before, onto), stack.slope, skew, who, what)

    def _mixed(self, corners: Tensor, share: Tensor) -> Layer:
        """The last layer's rows mixed to points: corners (L, 3), shares (L, 3)."""
        last = self._decoder.layers[-1].rows(_coordinates(corners).to(self.device))
        offset = self._offset[_coordinates(corners).to(self.device)]

        def mix(values: Tensor) -> Tensor:
            """Rows (L * 3 * 3, n) of coordinates of corners to (L * 3, n) of points."""
            corner = values.cpu().double().reshape(len(share), 3, 3, -1)
            return torch.einsum("lcdn,lc->ldn", corner, share).flatten(0, 1)

        return Layer(mix(last.weight), mix(last.bias + offset)[:, 0])

    def raw(self, white: ArrayLike | Tensor) -> Tensor:
        """The file's latents (N, K) of whitened ones."""
        return self._skew.raw(self._tensor(white))

    def whitened(self, raw: ArrayLike | Tensor) -> Tensor:
        """Whitened latents (N, K) of the file's."""
        return self._skew.white(self._tensor(raw))

    def _tensor(self, values: ArrayLike | Tensor) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self.device)

    def _parts(self, values: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        ends = np.cumsum(list(self.layout.values()))[:-1]
        return dict(zip(self.layout, np.split(values, ends), strict=True))


def _coordinates(vertices: Tensor) -> Tensor:
    """Where the coordinates of vertices stand in a row of all of them."""
    return (vertices.flatten()[:, None] * 3 + torch.arange(3).to(vertices)).flatten()


def _linear_surface(onto: Layer, skew: Skew, layout: Mapping[str, int]) -> LinearSurface:
    basis = (onto.weight * skew.std).T.unflatten(1, (-1, 3))
    mean = onto(skew.mean).reshape(-1, 3)
    identity, expression, age = basis.split(list(layout.values()))
    return LinearSurface(mean, torch.cat([identity, age]), expression, len(identity))


def _triangles(file: File, vertices: int) -> NDArray[np.int64]:
    triangles = file.array("triangles", (None, 3))
    if triangles.dtype.kind == "f" or not len(triangles):
        raise file.fail("triangles", "should be rows of three vertex numbers")
    if triangles.min() < 0 or triangles.max() >= vertices:
        raise file.fail("triangles", f"names vertices beyond the {vertices} that there are")
    return triangles.astype(np.int64)


def _colours(file: File, vertices: int) -> NDArray[np.float32] | None:
    """Red, green and blue (V, 3) from 0 to 1."""
    if not file.has("colors"):
        return None
    colours = file.array("colors", (vertices, 3)).astype(np.float32)
    return colours / 255 if colours.max() > 1 else colours


def _named(file: File, vertices: int) -> dict[str, int]:
    """The vertex of each named landmark: of several that a name may list, its authors take the
    last."""
    found = {}
    for name in file.names("indices") if file.has("indices") else []:
        where = f"indices/{name}"
        listed = file.array(where, (None,))
        if listed.dtype.kind == "f" or (len(listed) and not 0 <= listed[-1] < vertices):
            raise file.fail(where, f"should be vertices, of which there are {vertices}")
        if len(listed):
            found[name] = int(listed[-1])
    return found


def _pca(file: File, vertices: int) -> Inside:
    components = file.array("components", (None, 3 * vertices)).astype(np.float32)
    K = len(components)
    eigenvalues = file.array("eigenvalues", (K,)).astype(np.float64)
    if (eigenvalues <= 0).any():
        raise file.fail("eigenvalues", "should all be above 0: they are variances")
    basis = torch.from_numpy(components)
    mean, std = np.zeros(K), np.sqrt(eigenvalues)
    decoder = Stack((Layer(basis.T.contiguous(), torch.zeros(3 * vertices)),), 1.0)
    encoder = Stack((Layer(basis, torch.zeros(K)),), 1.0)
    layout = {"identity": 0, "expression": K, "age": 0}
    return Inside(layout, mean, std, Skew.of(mean, std, np.ones(K)), decoder, (encoder,))


def _autoencoder(file: File, vertices: int) -> Inside:
    entangled = file.has("encoder")
    names = ["encoder"] if entangled else list(ENCODERS)
    encoders = tuple(_stack(file, name, inputs=3 * vertices) for name in names)
    sizes = [len(stack.layers[-1].bias) for stack in encoders]
    K = sum(sizes)
    decoder = _stack(file, "decoder", inputs=K, outputs=3 * vertices)
    raw_mean = file.array("latent_mean", (K,)).astype(np.float64)
    raw_std = file.array("latent_std", (K,)).astype(np.float64)
    if (raw_std <= 0).any():
        raise file.fail("latent_std", "should all be above 0")
    layout = dict(zip(PARTS, [0, *sizes, 0] if entangled else sizes, strict=True))
    slopes = np.repeat([stack.slope for stack in encoders], sizes)
    skew = Skew.of(raw_mean, raw_std, slopes)
    return Inside(layout, raw_mean, raw_std, skew, decoder, encoders)


def _stack(file: File, name: str, inputs: int, outputs: int | None = None) -> Stack:
    """An encoder or decoder; each layer has to fit the one before."""
    count = file.listed(f"{name}/matrix_mults")
    if file.listed(f"{name}/biases") != count:
        raise file.fail(f"{name}/biases", f"should be {count}, one for each of matrix_mults")
    layers = []
    for number in range(count):
        wide = outputs if number == count - 1 else None
        weight = file.array(f"{name}/matrix_mults/item_{number}", (wide, inputs))
        inputs = len(weight)
        bias = file.array(f"{name}/biases/item_{number}", (inputs,))
        layers.append(Layer(*(torch.from_numpy(a.astype(np.float32)) for a in (weight, bias))))
    return Stack(tuple(layers), _slope(file, name))


def _slope(file: File, name: str) -> float:
    where = f"{name}/relu_factor"
    if not file.has(where):
        return RELU_FACTOR
    slope = float(file.array(where, ()))
    if slope <= 0:
        raise file.fail(
            where, f"is {slope:g}, should be above 0: what it maps to 0 has no way back"
        )
    return min(slope, 1.0)
