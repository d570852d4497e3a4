"""Imported last by the process that others are forked from: what is there stays theirs together.

The collector would write into every object that it looks at, and so give each process a copy.
"""

from __future__ import annotations

import gc

gc.collect()
gc.freeze()
