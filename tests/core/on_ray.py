"""What tests over Ray have in common; who imports it is skipped where Ray is not installed."""

from __future__ import annotations

import pytest

from pipeline.core import seal

# Ray reads its settings when it is imported.
seal.quiet()
ray = pytest.importorskip("ray", reason="Ray is not installed: uv sync --extra ray")

MARKS = [
    # Ray's own, under Python's newest warnings.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
