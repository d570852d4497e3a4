"""What every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core import seal
from pipeline.core.code import PROJECT

seal.quiet()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the whole runs: they take longest, and the rest fills the other cores."""
    items.sort(key=lambda item: "e2e" not in item.path.parts)


@pytest.fixture
def project() -> Path:
    """The repository itself, to be read and never written."""
    return PROJECT
