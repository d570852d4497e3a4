"""Sums on a GPU that are those of a processor, to within their last bits."""

from __future__ import annotations


def full_floats() -> None:
    """Have convolutions and recurrent layers of float32 count all of its bits.

    By themselves GPUs of late round what they multiply to ten bits, which is more than measurements
    may differ by from one machine of a cluster to the next.
    """
    import torch

    torch.backends.cudnn.allow_tf32 = False
