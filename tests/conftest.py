"""What every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core import seal
from pipeline.core.code import PROJECT

seal.quiet()


@pytest.fixture
def project() -> Path:
    """The repository itself, to be read and never written."""
    return PROJECT
