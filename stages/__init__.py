"""One thin entry a DVC stage: `python -m stages.select` is what dvc.yaml runs."""

import os

# Arrow reads this once, when it is imported. Its own pools keep what a stage once held of a table,
# in every process; the system's gives it back, and takes no longer.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
