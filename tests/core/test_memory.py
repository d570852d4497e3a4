"""What a process holds on to, and what it gives back."""

import subprocess
import sys

FRESH_PAGES = """
import resource, sys
from pipeline.core import memory

def fresh(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        bytearray(LAYER)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

LAYER = 40 << 20
if sys.argv[1] == "keeping":
    memory.keep()
if sys.argv[1] == "with a network":
    from pipeline.voice.backends import SEPARATORS
    SEPARATORS.load("embedded", "cpu")
fresh(1)
print(fresh(10))
"""


def fresh_pages(how):
    ran = subprocess.run([sys.executable, "-c", FRESH_PAGES, how], stdout=-1, check=True, text=True)
    return int(ran.stdout)


def test_pages_are_kept_for_the_next():
    assert fresh_pages("keeping") < 100 < 10_000 < fresh_pages("not keeping")


def test_who_loads_a_network_keeps_them():
    assert fresh_pages("with a network") < 100


RESIDENT = """
from pathlib import Path
import numpy as np
from pipeline.core import memory

def resident_mb():
    [line] = [it for it in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in it]
    return int(line.split()[1]) / 1024

memory.keep()
before = resident_mb()
held = [np.ones(4 << 20, np.uint8) for _ in range(50)]
del held
kept = resident_mb() - before
memory.give_back()
print(kept, resident_mb() - before)
"""


def test_it_gives_back_what_it_is_asked_to():
    ran = subprocess.run([sys.executable, "-c", RESIDENT], stdout=-1, check=True, text=True)
    kept_mb, left_mb = map(float, ran.stdout.split())
    assert kept_mb > 150
    assert left_mb < 20
