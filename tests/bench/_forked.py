"""A process that has imported what stages import, and makes a copy of itself for each one to run.

    python -m tests.bench._forked     reads "FOLDER STAGE", says the copy's number,
                                                    and, when it has ended, how
So the hundredth run of a stage costs no import.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module


def main() -> None:
    """Answer until there is nothing more to read."""
    stages = {name: import_module(f"stages.{name}") for name in ("download", "isolate")}
    for name in ("torch", "scipy.signal", "scipy.ndimage", "soundfile", "yt_dlp", "av"):
        import_module(name)
    print("ready", flush=True)
    for line in sys.stdin:
        folder, name = line.split()
        child = os.fork()
        if not child:
            _run(folder, name, stages[name])
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(folder: str, name: str, module: object) -> None:
    from stages import entry

    os.chdir(folder)
    sys.stdin = open(os.devnull)  # noqa: PTH123, SIM115
    sys.stdout = sys.stderr
    code = 0
    try:
        entry.main(name, module.run)  # type: ignore[attr-defined]
    except SystemExit as ended:
        code = 1 if isinstance(ended.code, str) else ended.code or 0
        print(ended.code or "", file=sys.stderr)
    os._exit(code)


if __name__ == "__main__":
    main()
