"""Cradle: from in-the-wild clips of infants to a dataset that can be trusted, and a generator."""

import os

# Work is spread over clips, one process each. OpenBLAS would start a thread a core in every one of
# them, and those wait for work by spinning: of a worker's time on faces, four tenths went there.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
