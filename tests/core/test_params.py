"""A wrong parameter is named with its file, its key and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from pipeline.core import params
from pipeline.core.errors import ParamsError


class Inner(params.Params):
    size_px: int = Field(ge=1)


class Outer(params.Params):
    select: Inner
    items: tuple[Inner, ...] = ()


def problem(tmp_path: Path, text: str) -> str:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ParamsError) as caught:
        params.read(path, Outer)
    return str(caught.value)


def test_a_misspelt_key_is_answered_with_the_allowed_ones(tmp_path: Path) -> None:
    text = problem(tmp_path, "select: {size_px: 3, sise_px: 4}")
    assert "params.yaml: select.sise_px: no such key; allowed here: size_px" in text


def test_a_misspelt_key_in_a_list_too(tmp_path: Path) -> None:
    text = problem(tmp_path, "select: {size_px: 3}\nitems: [{size: 4}]")
    assert "items.0.size: no such key; allowed here: size_px" in text
    assert "items.0.size_px: is missing" in text


def test_every_misfit_is_listed_at_once(tmp_path: Path) -> None:
    text = problem(tmp_path, "select: {size_px: 0}\nselcet: 1")
    assert "select.size_px: input should be greater than or equal to 1; found 0" in text
    assert "selcet: no such key; allowed here: items, select" in text


@pytest.mark.parametrize("text", ["", "- a\n", "a: [", "\x00"])
def test_what_is_no_mapping_is_said(tmp_path: Path, text: str) -> None:
    assert "params.yaml" in problem(tmp_path, text)


def test_a_missing_file_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="run from the project's folder"):
        params.read(tmp_path / "params.yaml", Outer)
