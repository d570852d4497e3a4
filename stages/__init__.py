"""One thin entry a DVC stage: `python -m stages.select` is what dvc.yaml runs."""
