# Everything runs from .venv; Python 3.11 or newer and make are all that is needed beforehand.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format bench bench-quick lock clean

help:  ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## Prepare .venv with everything for running and testing

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("IntentLive needs Python 3.11 or newer: make setup PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## Serve a demo bot with live traffic; prints a curl line to paste
	@$(BIN)/intentlive demo

test: setup  ## Run every test
	$(BIN)/pytest --numprocesses=auto -rs

lint: setup  ## Check style, types and the lock file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup  ## Put the code in its one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup  ## Measure reading and writing (minutes; needs wrk)
	$(BIN)/python benchmarks/run.py

bench-quick: setup  ## The same in less than a minute
	$(BIN)/python benchmarks/run.py --quick

lock: setup  ## Pin the newest dependencies that fit pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-config \
		--custom-compile-command "make lock" --quiet --output-file requirements.lock

clean:  ## Remove .venv and caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
