"""`cradle fit` says before any work that it cannot write."""

from pathlib import Path

import pytest

from pipeline.__main__ import main


@pytest.mark.parametrize("option", ["-o", "--overlay", "--mesh"])
def test_a_folder_that_is_not_there_is_named_before_any_work(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "none" / "file")
    out = [] if option == "-o" else ["-o", str(tmp_path / "latents.npz")]
    assert main(["fit", str(tmp_path / "home.mp4"), *out, option, nowhere]) != 0
    said = capsys.readouterr().err
    assert f"there is no folder {tmp_path / 'none'}" in said
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())
