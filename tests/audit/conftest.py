"""One finished run for all tests that only read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.audit import read
from pipeline.audit.read import Account
from tests.audit import fake


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake.build(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def account(finished: Path) -> Account:
    return read.read(finished / "data")
