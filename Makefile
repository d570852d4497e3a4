# `make run` does the main job, `make test` proves it; neither needs anything set up by hand.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

UV := $(or $(shell command -v uv),.uv/bin/uv)
CRADLE := $(UV) run --locked --no-sync --quiet

# Where Python may not keep what it compiles, each of a run's forty processes compiles torch anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check sync

run: sync
	$(CRADLE) python -m pipeline.commands._unlock
	$(CRADLE) cradle takedown --expired
	$(CRADLE) dvc repro
	$(CRADLE) cradle summary

test: sync
	$(CRADLE) pytest -n auto --dist loadfile --no-loadscope-reorder

check: sync
	$(CRADLE) ruff format --check .
	$(CRADLE) ruff check .
	$(CRADLE) mypy

# `make run EXTRAS="ray s3"`: what else the environment holds; whatever is not named is removed.
sync: $(UV)
	$(UV) sync --locked --quiet $(EXTRAS:%=--extra %)

# uv alone is fetched from the registry; it stays in this folder.
.uv/bin/uv:
	python3 -m venv .uv || { rm -rf .uv; python3 -m pip install --quiet --prefix .uv uv==0.13.8; }
	[ -x $@ ] || .uv/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
