"""Weights into networks: our own as the lock names them, and files of others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, TypeVar
from warnings import catch_warnings, simplefilter

from pipeline.core import memory
from pipeline.core.errors import WeightsError
from pipeline.core.weights import locked

if TYPE_CHECKING:
    from torch import nn

N = TypeVar("N", bound="nn.Module")
_WRONG = (
    UnpicklingError,
    RuntimeError,
    OSError,
    EOFError,
    KeyError,
    TypeError,
    AttributeError,
    ValueError,
)
"""What a file that is not what it should be leads to, sooner or later."""


def restored(network: N, name: str) -> N:
    """Fill a network with the safetensors that the lock calls `name`, ready to infer, in float32.

    From then on the process keeps the memory that layers leave; see `memory.keep`.

    Raises:
        WeightsError: they are missing, others than the lock says, or of another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = locked(name)
    try:
        weights = load_file(path)
        network.load_state_dict({key: value.float() for key, value in weights.items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise WeightsError(
            f"{path}: not the weights of this network, which are a safetensors file: {error}"
        ) from None
    memory.keep()
    return network.eval()


@contextmanager
def reading(path: Path, expected: str) -> Iterator[None]:
    """Read another's file in this block; whatever is wrong with it becomes one WeightsError."""
    try:
        # What is odd about a file is refused, not remarked upon.
        with catch_warnings():
            simplefilter("ignore")
            yield
    except _WRONG as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(f"{path}: expected {expected}: {reason[:200]}") from None
