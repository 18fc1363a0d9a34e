# Everything runs from .venv; Python 3.11 or newer and make are all that is needed beforehand.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' src/intentlive/__init__.py)
RELEASE = dist/intentlive-$(VERSION)
UV_COMPILE := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-config --quiet

# What is released says no time of its own: the same sources give the same bytes.
unexport SOURCE_DATE_EPOCH

.DEFAULT_GOAL := help
.PHONY: help setup demo test fuzz worlds soak lint format bench bench-quick profile lock wheel sbom advisories clean

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

fuzz: setup  ## Try hostile input wherever some is read, 30 s each (SECONDS=…)
	$(BIN)/python -m fuzz.run --seconds $(or $(SECONDS),30)

worlds: setup  ## Play 1,000 simulated worlds (SEEDS=…) from the first seed on (SEED=…)
	$(BIN)/python -m worlds.run --seeds $(or $(SEEDS),1000) --from $(or $(SEED),1)

soak: setup  ## 10,000 worlds (SEEDS=…), then fuzz, faults under load, and memory, 600 s each (SECONDS=…); others each time (SEED=…)
	$(BIN)/python -m worlds.run --seeds $(or $(SEEDS),10000) --from $(or $(SEED),$(shell date +%s))
	$(BIN)/python -m fuzz.run --seconds $(or $(SECONDS),600) --seed $(or $(SEED),$(shell date +%s))
	$(BIN)/python -m tests.chaos.run --seconds $(or $(SECONDS),600) --seed $(or $(SEED),$(shell date +%s))
	$(BIN)/python -m tests.soak.run --seconds $(or $(SECONDS),600) --seed $(or $(SEED),$(shell date +%s))

lint: setup  ## Check style, types and known weak patterns
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml src

format: setup  ## Put the code in its one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup  ## Measure everything, beside its limits and its rivals (half an hour; needs wrk, h2load, nginx)
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/refusals.py
	$(BIN)/python benchmarks/tenants.py
	$(BIN)/python benchmarks/workers.py
	$(BIN)/python benchmarks/postgres.py
	$(BIN)/python benchmarks/freshness.py

bench-quick: setup  ## The most of it in less than a minute, without rivals
	$(BIN)/python benchmarks/run.py --quick

profile: setup  ## Draw flame graphs of reading and writing under load, in benchmarks/out/ (a minute; needs wrk)
	$(BIN)/python benchmarks/flames.py

lock: setup  ## Pin the newest dependencies that fit pyproject.toml
	$(UV_COMPILE) --all-extras --group dev --upgrade --custom-compile-command "make lock" --output-file requirements.lock

wheel: setup  ## Build the wheel into dist/
	$(BIN)/hatchling build --target wheel

# The pins are those of the lock file, hashes too, less what only developing needs.
sbom: setup  ## List what the release needs to run, as CycloneDX, in dist/
	@mkdir -p dist
	cp requirements.lock dist/.pins
	$(UV_COMPILE) --constraint requirements.lock --no-header --no-annotate --output-file dist/.pins
	mv dist/.pins $(RELEASE).requirements.txt
	sed 's/^dynamic = \["version"\]$$/version = "$(VERSION)"/' pyproject.toml | PYTHONWARNINGS=ignore::UserWarning \
		$(BIN)/cyclonedx-py requirements $(RELEASE).requirements.txt --pyproject /dev/stdin \
		--output-reproducible --validate --output-file $(RELEASE).cdx.json

# Says which: none known, some found, or not reached (Error 1, Error 3; make itself ends with 2 for both). Strict,
# since a mirror may not know a package.
advisories: setup  ## Ask the OSV service for known weaknesses of what is pinned
	@said=$$($(BIN)/pip-audit --strict --vulnerability-service osv --requirement requirements.lock \
		--require-hashes --disable-pip --progress-spinner off 2>&1) && status=0 || status=$$?; \
	case "$$status $$said" in \
	0*) echo "No weakness is known of what is pinned." ;; \
	*"Found "*" known vulnerabilit"*) echo "$$said"; exit 1 ;; \
	*requests.exceptions.*|*ServiceError*|*"Could not connect"*) \
		echo "The advisory service could not be reached: nothing was checked." >&2; exit 3 ;; \
	*) echo "$$said" >&2; exit 2 ;; \
	esac

clean:  ## Remove .venv, caches and what was built
	rm -rf .venv dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
