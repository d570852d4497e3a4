"""A cluster that lets nobody in without the user's token, joined by its address."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.core import cluster


@pytest.mark.parametrize("where", ["home", "named", "given", "nowhere"])
def test_a_cluster_that_asks_for_the_users_token_is_told_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    # What the code sets is taken back with it.
    monkeypatch.setattr(os, "environ", os.environ.copy())
    token = tmp_path / (".ray/auth_token" if where == "home" else "token")
    token.parent.mkdir(exist_ok=True)
    token.write_text("0")
    if where == "named":
        os.environ["RAY_AUTH_TOKEN_PATH"] = str(token)
    if where == "given":
        os.environ["RAY_AUTH_TOKEN"] = "0"
    cluster._bring_token()
    assert os.environ.get("RAY_AUTH_MODE") == (None if where == "nowhere" else "token")
