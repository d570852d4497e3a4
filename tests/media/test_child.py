from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.core.errors import ClipFailed, CradleError
from pipeline.core.reasons import Reason
from pipeline.media import child, launch, launcher
from pipeline.media.child import Bounds

PYTHON = (sys.executable, "-I", "-S", "-c")
ROOT = Path(__file__).resolve().parents[2]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_soon(pid: int) -> bool:
    until = time.monotonic() + 30
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.01)
    return not alive(pid)


def test_a_child_says_what_it_says() -> None:
    ended = child.run((*PYTHON, "print(input()); raise SystemExit(3)"), Bounds(), asked=b"hello\n")
    assert (ended.code, ended.out, ended.err) == (3, b"hello\n", "")


def test_a_child_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    code = f"""
        import os, time
        pid = os.fork()
        if pid:
            open({str(tmp_path / "pids")!r}, "w").write(f"{{os.getpid()}} {{pid}}")
        time.sleep(60)
    """
    began = time.monotonic()
    with pytest.raises(ClipFailed) as failed:
        child.run((*PYTHON, textwrap.dedent(code)), Bounds(wall_s=2))
    assert failed.value.reason is Reason.TIMED_OUT
    assert time.monotonic() - began < 30
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert all(gone_soon(pid) for pid in pids)


def test_processor_time_is_bounded() -> None:
    with pytest.raises(ClipFailed) as failed:
        child.run((*PYTHON, "while True: pass"), Bounds(cpu_s=1))
    assert failed.value.reason is Reason.TIMED_OUT


def test_memory_is_bounded() -> None:
    ended = child.run((*PYTHON, "bytearray(1 << 30)"), Bounds(memory_bytes=1 << 28))
    assert ended.code == 1
    assert "MemoryError" in ended.err


def test_what_a_child_writes_is_bounded(tmp_path: Path) -> None:
    code = "import sys; sys.stdout.flush(); open(sys.argv[1], 'wb').write(bytes(1 << 20))"
    wrote = ["/bin/dd", "if=/dev/zero", f"of={tmp_path / 'file'}", "bs=1M", "count=1"]
    with pytest.raises(ClipFailed) as failed:
        child.run(wrote, Bounds(file_bytes=1 << 16))
    assert failed.value.reason is Reason.TOO_LARGE
    assert (tmp_path / "file").stat().st_size == 1 << 16
    assert child.run((*PYTHON, code, str(tmp_path / "other")), Bounds(file_bytes=1 << 16)).code == 1


def test_a_child_ended_from_outside_says_nothing_about_the_clip() -> None:
    with pytest.raises(CradleError, match="from outside by SIGKILL") as failed:
        child.run((*PYTHON, "import os; os.kill(os.getpid(), 9)"), Bounds())
    assert not isinstance(failed.value, ClipFailed)


def test_a_child_that_crashes_is_for_the_caller_to_judge() -> None:
    assert child.run((*PYTHON, "import os; os.abort()"), Bounds()).code == -signal.SIGABRT


def test_an_interrupt_of_the_terminal_does_not_reach_a_child() -> None:
    with child.started((*PYTHON, "import time; time.sleep(60)"), Bounds()) as sleeper:
        assert os.getsid(sleeper.pid) == sleeper.pid != os.getsid(0)
    assert gone_soon(sleeper.pid)


def test_a_file_of_python_is_run_without_a_program(tmp_path: Path) -> None:
    file = tmp_path / "adds.py"
    file.write_text("import sys\ndef main(words):\n    print(sum(map(int, words)))\n    return 7\n")
    ended = child.run([str(file), "2", "3"], Bounds())
    assert (ended.code, ended.out, ended.err) == (7, b"5\n", "")
    file = tmp_path / "fails.py"
    file.write_text("def main(words):\n    raise ValueError(words[0])\n")
    ended = child.run([str(file), "why"], Bounds())
    assert (ended.code, ended.err.splitlines()[-1]) == (1, "ValueError: why")


def test_a_program_that_is_not_there_is_an_error_of_the_child(tmp_path: Path) -> None:
    ended = child.run([str(tmp_path / "none")], Bounds())
    assert ended.code == 1
    assert "FileNotFoundError" in ended.err


def test_what_children_have_used_is_on_record() -> None:
    before_s = child.used.processor_s
    child.run((*PYTHON, "while __import__('time').process_time() < 0.3: pass"), Bounds())
    assert 0.3 <= child.used.processor_s - before_s < 2
    child.run((*PYTHON, "b'1' * (200 << 20)"), Bounds())
    assert child.used.most_kb > 200_000


def forked_from() -> int:
    told = child.run((*PYTHON, "import os; print(os.getppid())"), Bounds()).out
    return int(told)


def test_where_what_children_are_forked_from_is_killed_the_next_has_another() -> None:
    with child.started((*PYTHON, "import time; time.sleep(60)"), Bounds()) as sleeper:
        os.kill(forked_from(), signal.SIGKILL)
        assert sleeper.wait(30) == -signal.SIGKILL
    assert gone_soon(sleeper.pid)
    assert child.run((*PYTHON, "print(1)"), Bounds()).out == b"1\n"


def still_open() -> set[str]:
    return {descriptor.name for descriptor in Path("/proc/self/fd").iterdir()}


def test_where_nobody_can_be_asked_for_a_child_nothing_stays_open() -> None:
    child.run((*PYTHON, "print(1)"), Bounds())
    before = still_open()
    too_long = ("/bin/echo", "x" * (launch.MOST_BYTES + 1))
    with (
        pytest.raises(CradleError, match="too many"),
        child.started(too_long, Bounds(), stdin=subprocess.PIPE, stdout=subprocess.PIPE),
    ):
        pass
    assert still_open() == before


def test_a_child_outlives_the_thread_that_first_asked_for_one() -> None:
    launcher.forget()
    first = threading.Thread(target=forked_from)
    first.start()
    first.join()
    with child.started((*PYTHON, "input()"), Bounds(), stdin=subprocess.PIPE) as waiting:
        assert waiting.stdin is not None
        waiting.stdin.write(b"\n")
        waiting.stdin.close()
        assert waiting.wait(30) == 0


def test_a_copy_of_a_process_asks_one_of_its_own() -> None:
    code = """
        import os, sys
        from pipeline.media import child, launcher
        def forked_from():
            asks = [sys.executable, "-c", "import os; print(os.getppid())"]
            return int(child.run(asks, child.Bounds()).out)
        first = forked_from()
        if os.fork() == 0:
            os._exit(forked_from() == first)
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
        assert forked_from() == first
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, check=True, timeout=60)


def test_many_at_a_time_are_not_taken_for_one_another() -> None:
    def said(number: int) -> int:
        return int(child.run((*PYTHON, f"print({number})"), Bounds()).out)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(said, range(40))) == list(range(40))


def test_a_child_does_not_see_a_strangers_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFREPORT", "file=/tmp/report.log")
    ended = child.run((*PYTHON, "import os; print(sorted(os.environ))"), Bounds())
    assert b"FFREPORT" not in ended.out


def test_no_child_outlives_a_killed_parent() -> None:
    code = """
        import sys, time
        from pipeline.media import child, launcher
        from pipeline.media.child import Bounds
        with child.started(["/bin/sleep", "60"], Bounds()) as sleeper:
            print(sleeper.pid, flush=True)
            time.sleep(60)
    """
    argv = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        sleeper = int(parent.stdout.readline())
        until = time.monotonic() + 30
        while b"sleep" not in Path(f"/proc/{sleeper}/cmdline").read_bytes()[:12]:
            assert time.monotonic() < until
        parent.kill()
    assert gone_soon(sleeper)
