"""Only what changes a result changes the digest of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core import code, syntax


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(code, "PROJECT", tmp_path)
    package = tmp_path / "pipeline"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "helper.py").write_text("SIZE = 3\n")
    path = package / "step.py"
    path.write_text(
        '"""Doc."""\nfrom pipeline import helper\n\n\ndef f():\n    return helper.SIZE\n'
    )
    return path


def digest() -> str:
    syntax.syntax.cache_clear()
    code.imports.cache_clear()
    code._found.cache_clear()
    return code.code_digest(["pipeline.step"])


def test_comments_docstrings_and_formatting_cost_nothing(source: Path) -> None:
    before = digest()
    source.write_text(
        '"""Another."""\nfrom pipeline import helper\n# why\ndef f():\n    """Say."""\n'
        "    return (helper.SIZE)\n"
    )
    assert digest() == before


def test_a_changed_value_counts(source: Path) -> None:
    before = digest()
    source.write_text(source.read_text().replace("helper.SIZE", "helper.SIZE + 1"))
    assert digest() != before


def test_a_change_in_an_imported_module_counts(source: Path) -> None:
    before = digest()
    (source.parent / "helper.py").write_text("SIZE = 4\n")
    assert digest() != before


def test_an_import_inside_a_function_counts(source: Path) -> None:
    (source.parent / "late.py").write_text("X = 1\n")
    source.write_text("def f():\n    from pipeline.late import X\n    return X\n")
    before = digest()
    (source.parent / "late.py").write_text("X = 2\n")
    assert digest() != before


def test_the_core_does_not_count() -> None:
    assert not any(name.startswith("pipeline.core") for name in code.closure(["stages.entry"]))


def test_what_is_remembered_of_a_file_is_never_that_of_another_text(source: Path) -> None:
    before = digest()
    beside = next((source.parent / "__pycache__").glob("step.*.syntax"))
    remembered = beside.read_bytes()
    assert digest() == before
    beside.write_bytes(remembered[:-9])
    assert digest() == before
    source.write_text(source.read_text().replace("helper.SIZE", "helper.SIZE + 1"))
    changed = digest()
    beside.unlink()
    assert changed == digest() != before


def test_a_folder_that_may_not_be_written_to_costs_time_and_nothing_else(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source.parent / "__pycache__").write_text("in the way")
    before = digest()
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    assert digest() == before
