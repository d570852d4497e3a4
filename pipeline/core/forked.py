"""Imported last by the process that others are forked from, and by nobody else.

It ends with the stage that started it, even one that is killed: Python's own waits for all that it
has forked, and these wait for work. What is there by now stays its children's together: the
collector would write into every object that it looks at, and so give each process a copy.
"""

from __future__ import annotations

import gc

from pipeline.core import worker

worker.die_with_parent()
gc.collect()
gc.freeze()
