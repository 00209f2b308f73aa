# Two commands on a machine that has Python 3.11 to 3.13, git and make:
#   make repro   the built-in study, from raw records to data/report/report.html
#   make test    everything that is checked
# Both make their environment first, in .venv, from requirements.lock (pinned and hashed).
# In an environment of your own (conda: environment.yml): make repro ENV=$CONDA_PREFIX

.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
ENV ?= .venv
BIN := $(ENV)/bin
READY := $(ENV)/.iop_outcomes_ready

# No telemetry, no look-ups for newer versions; one thread a process, so that numbers do not
# depend on how busy the machine is.
export DVC_NO_ANALYTICS := 1
export ITERATIVE_DO_NOT_TRACK := 1
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: help env repro test test-all check lab lock clean

help:
	@echo "make repro      run the study: dvc repro, in an environment made from the lock"
	@echo "make test       lint, architecture, doctests and tests (under 5 minutes)"
	@echo "make test-all   the same and the slow validation by simulation"
	@echo "make lab        open JupyterLab on this study"
	@echo "make lock       pin every dependency anew: requirements.lock and environment.yml"
	@echo "make clean      remove the environment (results and cache stay)"

env: $(READY)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "iop_outcomes needs Python 3.11 to 3.13, and $(PYTHON) is %d.%d: name another one, e.g. make $(MAKECMDGOALS) PYTHON=python3.12" % v)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(ENV)
	@echo "Installing the locked packages into $(ENV); the first time this takes about two minutes."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

repro: $(READY)
	@dvc repro
	@echo "The report: data/report/report.html"

test: $(READY)
	@ruff check .
	@ruff format --check .
	@lint-imports --no-cache
	@python -m pytest -q -n auto -m "not slow"

test-all: $(READY)
	@python -m pytest -q -n auto

lab: $(READY)
	@jupyter lab notebooks

lock: $(READY)
	@uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
		-o requirements.lock
	@python .ci/write_environment.py
	@echo "requirements.lock and environment.yml are new: run make test before you commit them."

clean:
	rm -rf $(ENV)
