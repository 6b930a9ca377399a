# One door: make run (install, then the day on the sample market), make test, make check (what CI runs).
# Needs Python >= 3.11, make and the package index. Another interpreter: make run PYTHON=python3.12

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input

# A stamp carries the content of what was installed in its name: nothing is asked of pip until that changes.
RUN_STAMP := $(VENV)/.run-$(shell cat requirements.lock pyproject.toml | cksum | tr ' ' '-')
DEV_STAMP := $(VENV)/.dev-$(shell cat requirements-dev.lock pyproject.toml | cksum | tr ' ' '-')

.DEFAULT_GOAL := help
.PHONY: help run install test test-long check format lint types imports docs pictures lock bench bench-startup bench-data bench-signals bench-daily bench-training clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUN_STAMP) ## Install what is needed, then run the whole day on the sample market (ARGS="--asof 2024-08-30")
	@$(BIN)/tradeterm daily --workspace . --profile sample $(ARGS)

install: $(RUN_STAMP) ## Install the package and its locked dependencies into .venv

test: $(DEV_STAMP) ## Run all tests (ARGS="tests/config -k merge" for some)
	@$(BIN)/python -m pytest -n 3 $(ARGS)

test-long: $(DEV_STAMP) ## Hold the kernel against 10,000 random books, kill a daily run at 60 points (some minutes)
	@$(BIN)/python -m pytest -n 2 -m long --timeout 1800 $(ARGS)

check: lint types imports test ## Everything that CI runs: format, lint, types, import contracts, tests

format: $(DEV_STAMP) ## Format the sources
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lint: $(DEV_STAMP) ## Check format and lint
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(DEV_STAMP) ## Check types
	@$(BIN)/mypy

imports: $(DEV_STAMP) ## Check which room may import which
	@$(BIN)/lint-imports

docs: $(DEV_STAMP) ## Write the pages of docs/ that are made from the program
	@$(BIN)/python scripts/gen_docs.py

pictures: $(DEV_STAMP) ## Make the pictures of the documentation
	@$(BIN)/python scripts/pictures.py

lock: $(DEV_STAMP) ## Resolve the dependencies of pyproject.toml into the lock files
	@$(PIP) uv
	@PATH="$(abspath $(BIN)):$$PATH" bash scripts/lock.sh

bench: $(DEV_STAMP) ## Measure backtests against a bare kernel (ARGS="--growth --peers .venv-peers/bin/python")
	@$(BIN)/python scripts/bench.py $(ARGS)

bench-startup: $(DEV_STAMP) ## Measure how long commands take to start
	@$(BIN)/python scripts/bench_startup.py $(ARGS)

bench-data: $(DEV_STAMP) ## Measure panel, validation and appends of 1,000 symbols (ARGS="--symbols 100")
	@$(BIN)/python scripts/bench_data.py $(ARGS)

bench-signals: $(DEV_STAMP) ## Measure lists and scores of a million signals (ARGS="--signals 100000")
	@$(BIN)/python scripts/bench_signals.py $(ARGS)

bench-daily: $(DEV_STAMP) ## Measure the daily run on the sample universe, and ten years of it replayed
	@$(BIN)/python scripts/bench_daily.py $(ARGS)

bench-training: $(DEV_STAMP) ## Measure the training of the shipped learned strategy against bars
	@$(BIN)/python scripts/bench_training.py $(ARGS)

clean: ## Remove .venv and caches; data and results stay
	@rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "error: Python 3.11 or newer is needed, $(PYTHON) was $$($(PYTHON) -V 2>&1 | head -1); run make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "making $(VENV) ..." >&2
	@$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): | $(VENV)/bin/python
	@echo "installing locked dependencies (once) ..." >&2
	@rm -f $(VENV)/.run-*
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

# The development lock holds all of the other one, so both stamps are due.
$(DEV_STAMP): | $(VENV)/bin/python
	@echo "installing locked development dependencies (once) ..." >&2
	@rm -f $(VENV)/.run-* $(VENV)/.dev-*
	@$(PIP) --require-hashes -r requirements-dev.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@ $(RUN_STAMP)
