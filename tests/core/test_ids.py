"""Ids are slugs, whatever a stranger writes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import IdError
from pipeline.core.ids import ALLOWED, clip_id


@given(st.text(max_size=80))
def test_exactly_the_slugs_pass(text: str) -> None:
    if re.fullmatch(ALLOWED, text):
        assert clip_id(text) == text
    else:
        with pytest.raises(IdError, match="an id matches"):
            clip_id(text)


@pytest.mark.parametrize(
    "text",
    ["", "..", "a/b", "a\\b", "-x", "_x", "A", "a b", "a\n", "a\0", "é", "a" * 65, "con.txt"],
)
def test_what_paths_and_shells_fear_does_not_pass(text: str) -> None:
    with pytest.raises(IdError):
        clip_id(text)
