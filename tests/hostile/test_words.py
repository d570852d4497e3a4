"""Ten thousand malicious ids, titles and paths: none is written to, run, or let through."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from pipeline.core import ids
from pipeline.core.errors import CradleError, IdError
from pipeline.sources import adding, address, candidates
from pipeline.sources.candidates import Candidate
from pipeline.sources.catalogue import SOURCES, CatalogueError, read_sources
from pipeline.sources.grab import words

COUNT = 10_000
PIECES = (
    *("..", "../", "/", "\\", "\0", "\n", "\r\n", "\t", " ", "\u202e", "\u200b", "\ufeff"),
    *("-", "--", "-rf", "$(touch pwned)", "`touch pwned`", ";touch pwned;", "|touch pwned", "&&"),
    *("%00", "%2e%2e/", "~", "*", "?", "'", '"', "<script>", "{{7*7}}", "${HOME}", "=1+1", "@"),
    *("CON", "nul", "a", "A", "cry_1", "x" * 300, ".", ".git/config", "/etc/passwd", "file:"),
    *("https://example.org/", "http:", "nursery:", "data:", "concat:", "\x1b[2J", "\x07"),
    *("\ud800", "", "0", "_", "é", "日本", "+"),
)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    rng = np.random.default_rng(23)
    drawn = [rng.integers(len(PIECES), size=rng.integers(2, 8)) for _ in range(COUNT)]
    made = ["".join(PIECES[number] for number in numbers) for numbers in drawn]
    assert len(set(made)) > 0.9 * COUNT
    return made


def test_an_id_is_what_the_pattern_says_and_nothing_else(texts: list[str]) -> None:
    accepted = set()
    for text in texts:
        with suppress(IdError):
            accepted.add(ids.clip_id(text))
    assert accepted == {text for text in texts if re.fullmatch("[a-z0-9][a-z0-9_]{0,63}", text)}
    assert accepted


def test_an_address_is_harmless_or_refused(texts: list[str]) -> None:
    for text in texts:
        try:
            taken = address.check(text)
        except ValueError:
            continue
        assert taken.isprintable()
        remote = taken.lower().startswith(("http://", "https://"))
        assert remote or not re.match("[A-Za-z][A-Za-z0-9+.-]*:", taken)
        name = adding.row_id(Candidate(taken), "cry")
        assert ids.clip_id(name) == name


def test_what_a_site_says_cannot_move_a_cursor_or_fill_a_screen(texts: list[str]) -> None:
    for text in texts:
        said = words(ValueError(text))
        assert len(said) <= 180
        assert not {"\n", "\r", "\t"} & set(said)


def test_a_catalogue_of_them_is_refused_and_nothing_is_written(
    texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    monkeypatch.chdir(root)
    bad = [text.replace('"', '""') for text in texts if not re.fullmatch("[a-z0-9_]+", text)]
    lines = "".join(f'"{text}","{text}",cry,parental\n' for text in bad)
    written = f"id,address,vocalization,consent\n{lines}".encode("utf-8", "replace")
    (root / SOURCES).write_bytes(written)
    with pytest.raises(CatalogueError) as refused:
        read_sources(root, ["cry"])
    assert str(refused.value).count("column id") + str(refused.value).count("not CSV") > 0
    assert "\x1b" not in str(refused.value)
    there = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert there == [root / SOURCES]
    assert (root / SOURCES).read_bytes() == written


def test_files_called_so_become_rows_of_their_own_names_or_are_refused(
    texts: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    for text in texts[:500]:
        name = text.replace("/", "").replace("\0", "")[:80]
        try:
            (folder / f"{name}.mp4").write_bytes(name.encode("utf-8", "replace"))
        except (OSError, UnicodeEncodeError):
            continue
    before = sorted(tmp_path.rglob("*"))
    for path in sorted(folder.iterdir()):
        try:
            found = candidates.of_file(path, tmp_path)
        except CradleError:
            continue
        assert (tmp_path / found.address).resolve() == path.resolve()
        assert ids.clip_id(adding.row_id(found, "cry"))
    assert sorted(tmp_path.rglob("*")) == before
