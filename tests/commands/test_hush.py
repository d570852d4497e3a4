"""What native libraries write is kept from people; what Python writes is not."""

import subprocess
import sys

SAYING = """
import os, sys
from pipeline.commands._hush import hushed
with hushed():
    os.write(2, b"from a library\\n")
    print("from us", file=sys.stderr)
os.write(2, b"after\\n")
if sys.argv[1:]:
    with hushed():
        raise ValueError("trouble")
"""


def stderr_of(*words: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SAYING, *words], capture_output=True, text=True, check=False
    )
    return done.stderr.splitlines()


def test_only_python_is_heard():
    assert stderr_of() == ["from us", "after"]


def test_an_error_is_heard():
    assert stderr_of("fail")[-1] == "ValueError: trouble"


def test_captured_output_stays_captured(capsys):
    from pipeline.commands._hush import hushed

    with hushed():
        print("from us", file=sys.stderr)
    assert capsys.readouterr().err == "from us\n"
